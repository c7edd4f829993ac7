"""The local HTTP face for the till's own software: receipts, visits, claims, shown cards, look-ups.

Each write is one job of the store's writer, answered after its commit. What is refused is set aside with its
reason, so that nothing handed in is lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec
from aiohttp import web

from edge_agent.ahead import Ahead
from edge_agent.app_keys import READER, SYNC, WRITER
from edge_agent.books import Books
from edge_agent.clock import PLAUSIBLE_FROM, Clock
from edge_agent.config import EdgeConfig
from edge_agent.pos_adapter import intake
from edge_agent.pos_adapter.answers import (
    FoundMember,
    ReceiptAnswer,
    found_member,
    receipt_answer,
)
from edge_agent.pos_adapter.handed_in import decode, understand
from edge_agent.pos_adapter.receipt import Key, shown
from edge_agent.pos_adapter.requests import answered, body_of, content_of, idempotency_key, json_of
from edge_agent.pos_adapter.rows import Row
from edge_agent.pos_adapter.understanding import day_named, instant, receipt_key
from edge_agent.recorder import Intake, Recorder, intake_of
from edge_agent.spendable import Purse, Spendable
from edge_agent.standing import Standing, standing
from edge_agent.store import journal
from edge_agent.store.database import Connection, StoreError
from loyalty_core.calendar import business_day
from loyalty_core.errors import BadInput
from loyalty_core.events import Event, EventId, MemberPresented, ReceiptClaimed, VisitRecorded, VisitVoided
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day, EpochMs, Seq

_EVENT_FORM: Final = re.compile(r"(?:([A-Za-z0-9_-]{1,32})\.)?(\d{1,15})\.(\d{1,15})", re.ASCII)
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

    def __init__(self, config: EdgeConfig, clock: Clock, recorder: Recorder) -> None:
        self._config = config
        self._clock = clock
        self._recorder = recorder
        self._ahead = Ahead()
        self._spendable = Spendable(clock, recorder)

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

        def job(conn: Connection) -> ReceiptAnswer:
            books = self._recorder.books(conn)
            receipt = decode(raw)
            understood = understand(receipt, self._recorder.expectations(books))
            return self._record(conn, books, intake_of(understood, receipt.member, "http", raw))

        return await self._do(request, job, raw)

    async def post_visit(self, request: web.Request) -> web.Response:
        """Record that a member was there."""
        raw = await body_of(request, self._config.http.body_ms_max)
        key = idempotency_key(request)

        def job(conn: Connection) -> ReceiptAnswer:
            visit = json_of(raw, VisitIn)
            books = self._recorder.books(conn)
            at_ms = self._instant(books, visit.occurred_at)
            expected = self._recorder.expectations(books)
            day = day_named(visit.business_date, "business_date", at_ms, expected)
            event = VisitRecorded(None, at_ms, day, visit.channel, None)
            return self._record(conn, books, _keyed(event, key, visit.member, request.path, raw))

        return await self._do(request, job, raw)

    async def post_void(self, request: web.Request) -> web.Response:
        """Undo a visit; a second time changes nothing."""
        raw = await body_of(request, self._config.http.body_ms_max)
        name = request.match_info["event"]

        def job(conn: Connection) -> ReceiptAnswer:
            books = self._recorder.books(conn)
            visit, record = self._visit(conn, books, name)
            at_ms = self._now(books, "set it, then void the visit again")
            event = VisitVoided(
                record.member,
                at_ms,
                business_day(at_ms, books.terminal.place),
                visit.epoch,
                visit.seq,
                record.receipt,
            )
            undo = Intake(
                event=event,
                natural_key=f"visit-void/{visit.epoch}/{visit.seq}",
                content=b"",
                voids=visit,
                adapter="http",
                raw_sha256=hashlib.sha256(raw).digest(),
            )
            return self._record(conn, books, undo)

        return await self._do(request, job, raw)

    async def post_presented(self, request: web.Request) -> web.Response:
        """A card was shown: the till's next receipt is this member's."""
        raw = await body_of(request, self._config.http.body_ms_max)
        key = idempotency_key(request)

        def job(conn: Connection) -> ReceiptAnswer:
            shown = json_of(raw, PresentedIn)
            books = self._recorder.books(conn)
            at_ms = self._instant(books, shown.occurred_at)
            event = MemberPresented(None, at_ms, business_day(at_ms, books.terminal.place))
            return self._record(conn, books, _keyed(event, key, shown.member, request.path, raw))

        return await self._do(request, job, raw)

    async def post_claim(self, request: web.Request) -> web.Response:
        """An anonymous purchase becomes this member's."""
        raw = await body_of(request, self._config.http.body_ms_max)
        key = idempotency_key(request)

        def job(conn: Connection) -> ReceiptAnswer:
            claim = json_of(raw, ClaimIn)
            books = self._recorder.books(conn)
            at_ms = self._instant(books, claim.occurred_at)
            purchase = receipt_key(claim.receipt, "receipt", at_ms, self._recorder.expectations(books))
            event = ReceiptClaimed(None, at_ms, business_day(at_ms, books.terminal.place), purchase)
            return self._record(conn, books, _keyed(event, key, claim.member, request.path, raw))

        return await self._do(request, job, raw)

    async def get_member(self, request: web.Request) -> web.Response:
        """Say where a member stands, as far as this till knows."""
        text = request.match_info["lookup"]
        found = await request.app[READER].do(lambda conn: self._find(conn, text))
        return answered(found)

    def _find(self, conn: Connection, text: str) -> FoundMember:
        books = self._recorder.books(conn)
        account = self._recorder.member(conn, books, text).account
        today = self._recorder.expectations(books).today
        if today is None:  # nothing can be spent without a clock: what HQ last said is shown as of then
            told_ms = books.hq_time_ms or PLAUSIBLE_FROM
            stands = self._standing(
                conn, books, account, business_day(EpochMs(told_ms), books.terminal.place)
            )
            purse = Purse(available=self._spendable.available(conn, books, account, stands.balance))
        else:
            stands = self._standing(conn, books, account, today)
            purse = self._spendable.purse(conn, books, account, stands.balance, today)
        return found_member(stands, purse, self._config.language)

    def _record(self, conn: Connection, books: Books, what: Intake) -> ReceiptAnswer:
        outcome = self._recorder.record(conn, books, what)
        account = outcome.account
        stands = self._standing(conn, books, account, outcome.day, outcome.earning) if account else None
        offers = [standing(conn, books, offer.account, outcome.day) for offer in outcome.offers]
        return receipt_answer(outcome, stands, offers, self._config.language)

    def _standing(
        self,
        conn: Connection,
        books: Books,
        account: str,
        day: Day,
        earning: Sequence[Resolved] | None = None,
    ) -> Standing:
        """Return where an account stands after what was recorded of a day: today, where that is later.

        `earning` is what earns on that day, where it is known.
        """
        expected = self._recorder.expectations(books)
        today = day if expected.today is None else expected.today
        stands = standing(conn, books, account, max(day, today), today)
        return self._ahead.look(
            conn, books, account, stands, expected.now_ms, earning if day == today else None
        )

    async def _do(
        self, request: web.Request, job: Callable[[Connection], ReceiptAnswer], raw: bytes
    ) -> web.Response:
        writer = request.app[WRITER]
        try:
            answer = await writer.do(job)
        except BadInput as error:
            if raw and error.code not in _NOT_KEPT:
                try:
                    await writer.do(self._set_aside(raw, error))
                except StoreError as full:
                    sentence = f"this request is refused: {error} ({error.code}); it is not set aside: {full}"
                    raise StoreError(sentence, code=full.code) from None
            raise
        if not answer.repeated and SYNC in request.app:
            request.app[SYNC].nudge()
        return answered(answer)

    def _set_aside(self, raw: bytes, error: BadInput) -> Callable[[Connection], None]:
        now_ms = self._clock.wall_ms()
        row = Row(place="request", raw=raw)
        return lambda conn: intake.set_aside(
            conn, self._config, row, error, source="http", adapter="http", now_ms=now_ms
        )

    def _visit(self, conn: Connection, books: Books, name: str) -> tuple[EventId, VisitRecorded]:
        found = _EVENT_FORM.fullmatch(name)
        if found is not None and found[1] in {None, books.terminal.terminal_id}:
            event_id = EventId(books.terminal.terminal_id, int(found[2]), 0, Seq(int(found[3])))
            record = journal.read_at(conn, event_id)
            event = record.event if record else None
            if isinstance(event, VisitRecorded):
                return event_id, event
        raise BadInput(f'"{shown(name)}" is no visit that this till recorded', code="event_unknown")

    def _instant(self, books: Books, text: str | None) -> EpochMs:
        if text is None:
            return self._now(books, "set it, or send occurred_at")
        return instant(text, self._recorder.expectations(books))

    def _now(self, books: Books, remedy: str) -> EpochMs:
        """Return the agent's own time; refuse to stamp an event with a clock that has lost its time."""
        now_ms = self._recorder.expectations(books).now_ms
        if now_ms is None:
            raise BadInput(f"this till's clock has lost its time: {remedy}", code="clock_lost")
        return now_ms


def _keyed(event: Event, key: str, member: str, path: str, raw: bytes) -> Intake:
    """Return the intake of a request that its Idempotency-Key makes one."""
    return Intake(
        event=event,
        natural_key=f"key/{key}",
        content=content_of(path, raw),
        member=member,
        journal_key=key,
        adapter="http",
        raw_sha256=hashlib.sha256(raw).digest(),
    )
