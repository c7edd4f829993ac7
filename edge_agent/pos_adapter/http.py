"""The local HTTP face for the till's own software: receipts, visits, claims, shown cards, look-ups.

Each write is one job of the store's writer, answered after its commit. What is refused is set aside with its
reason, so that nothing handed in is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, Literal

import msgspec
from aiohttp import web

from edge_agent.app_keys import READER, SYNC, WRITER
from edge_agent.books import Books
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.desk import Desk, Recorded
from edge_agent.pos_adapter import intake
from edge_agent.pos_adapter.answers import ReceiptAnswer, found_member, receipt_answer
from edge_agent.pos_adapter.handed_in import decode, understand
from edge_agent.pos_adapter.receipt import Key
from edge_agent.pos_adapter.requests import answered, body_of, json_of, keyed_of
from edge_agent.pos_adapter.rows import Row
from edge_agent.pos_adapter.understanding import day_named, instant, receipt_key
from edge_agent.recorder import Recorder, intake_of
from edge_agent.store.database import Connection, StoreError
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs

_NOT_KEPT: Final = frozenset({"idempotency_conflict", "event_unknown", "claim_refused", "claim_late"})
"""Refusals that leave nothing to set aside: what was handed in is recorded, or is no receipt."""


class VisitIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A visit without a receipt; the time is now unless said otherwise."""

    member: str
    occurred_at: str | None = None
    business_date: str | None = None
    channel: Literal["till", "check-in"] = "till"


class PresentedIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card that was shown."""

    member: str
    occurred_at: str | None = None


class ClaimIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A member says that an anonymous purchase was theirs; the time is now unless said otherwise."""

    member: str
    receipt: Key
    occurred_at: str | None = None


class TillApi:
    """The handlers. What is new is sent soon; the answer does not wait for that."""

    def __init__(self, config: EdgeConfig, clock: Clock, recorder: Recorder, desk: Desk) -> None:
        self._config = config
        self._clock = clock
        self._recorder = recorder
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses."""
        return [
            web.post("/v1/receipts", self.post_receipt),
            web.post("/v1/visits", self.post_visit),
            web.post("/v1/visits/{event}/void", self.post_void),
            web.post("/v1/presented", self.post_presented),
            web.post("/v1/claims", self.post_claim),
            web.get("/v1/members/{lookup}", self.get_member),
        ]

    async def post_receipt(self, request: web.Request) -> web.Response:
        """Record a receipt or a day's total; the same again is answered again."""
        raw = await body_of(request, self._config.http.body_ms_max)

        def job(conn: Connection, books: Books) -> Recorded:
            receipt = decode(raw)
            understood = understand(receipt, self._recorder.expectations(books))
            return self._desk.record(conn, books, intake_of(understood, receipt.member, "http", raw))

        return await self._do(request, job, raw)

    async def post_visit(self, request: web.Request) -> web.Response:
        """Record that a member was there."""
        raw = await body_of(request, self._config.http.body_ms_max)
        keyed = keyed_of(request, raw)

        def job(conn: Connection, books: Books) -> Recorded:
            visit = json_of(raw, VisitIn)
            at_ms = self._instant(books, visit.occurred_at)
            expected = self._recorder.expectations(books)
            day = day_named(visit.business_date, "business_date", at_ms, expected)
            return self._desk.visit(conn, books, visit.member, keyed, at_ms, day, visit.channel)

        return await self._do(request, job, raw)

    async def post_void(self, request: web.Request) -> web.Response:
        """Undo a visit; a second time changes nothing."""
        raw = await body_of(request, self._config.http.body_ms_max)
        name, raw_sha256 = request.match_info["event"], hashlib.sha256(raw).digest()
        return await self._do(
            request, lambda conn, books: self._desk.void_visit(conn, books, name, raw_sha256), raw
        )

    async def post_presented(self, request: web.Request) -> web.Response:
        """A card was shown: the till's next receipt is this member's."""
        raw = await body_of(request, self._config.http.body_ms_max)
        keyed = keyed_of(request, raw)

        def job(conn: Connection, books: Books) -> Recorded:
            shown = json_of(raw, PresentedIn)
            at_ms = self._instant(books, shown.occurred_at)
            return self._desk.present(conn, books, shown.member, keyed, at_ms)

        return await self._do(request, job, raw)

    async def post_claim(self, request: web.Request) -> web.Response:
        """An anonymous purchase becomes this member's."""
        raw = await body_of(request, self._config.http.body_ms_max)
        keyed = keyed_of(request, raw)

        def job(conn: Connection, books: Books) -> Recorded:
            claim = json_of(raw, ClaimIn)
            at_ms = self._instant(books, claim.occurred_at)
            purchase = receipt_key(claim.receipt, "receipt", at_ms, self._recorder.expectations(books))
            return self._desk.claim(conn, books, claim.member, purchase, keyed, at_ms)

        return await self._do(request, job, raw)

    async def get_member(self, request: web.Request) -> web.Response:
        """Say where a member stands, as far as this till knows."""
        text = request.match_info["lookup"]
        found = await request.app[READER].do(
            lambda conn: self._desk.find(conn, self._recorder.books(conn), text)
        )
        return answered(found_member(found.standing, found.purse, self._config.language))

    async def _do(
        self, request: web.Request, job: Callable[[Connection, Books], Recorded], raw: bytes
    ) -> web.Response:
        writer = request.app[WRITER]

        def answer(conn: Connection) -> ReceiptAnswer:
            done = job(conn, self._recorder.books(conn))
            return receipt_answer(done.outcome, done.standing, done.offers, self._config.language)

        try:
            told = await writer.do(answer)
        except BadInput as error:
            if raw and error.code not in _NOT_KEPT:
                try:
                    await writer.do(self._set_aside(raw, error))
                except StoreError as full:
                    sentence = f"this request is refused: {error} ({error.code}); it is not set aside: {full}"
                    raise StoreError(sentence, code=full.code) from None
            raise
        if not told.repeated and SYNC in request.app:
            request.app[SYNC].nudge()
        return answered(told)

    def _set_aside(self, raw: bytes, error: BadInput) -> Callable[[Connection], None]:
        now_ms = self._clock.wall_ms()
        row = Row(place="request", raw=raw)
        return lambda conn: intake.set_aside(
            conn, self._config, row, error, source="http", adapter="http", now_ms=now_ms
        )

    def _instant(self, books: Books, text: str | None) -> EpochMs:
        if text is None:
            return self._desk.now(books, "set it, or send occurred_at")
        return instant(text, self._recorder.expectations(books))
