"""Redemptions by local HTTP: authorise, then commit or cancel.

HQ is asked between two jobs of the store, so that no sale ever waits for it. A refusal moves nothing, and
nothing of it is set aside.
"""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from edge_agent.app_keys import READER, SYNC, WRITER
from edge_agent.books import Books
from edge_agent.config import EdgeConfig
from edge_agent.desk import Desk, Redeemed
from edge_agent.pos_adapter.answers import SpendingMember, spending_member, utc
from edge_agent.pos_adapter.receipt import Key
from edge_agent.pos_adapter.requests import answered, body_of, content_of, idempotency_key, json_of
from edge_agent.pos_adapter.understanding import check_store, receipt_key
from edge_agent.recorder import Recorder
from edge_agent.redeeming import Redeeming, redemption_id_of
from edge_agent.spendable import Wanted
from edge_agent.store.database import Connection
from edge_agent.store.redemptions import State
from loyalty_core.errors import BadInput
from loyalty_core.events import ReceiptKey
from loyalty_core.units import EpochMs

PATH: Final = "/v1/redemptions"


class RedemptionIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be spent: one of `points`, `reward` (both of a member's) and `coupon` (its code).

    `receipt` is what it is to pay for, where that is known already.
    """

    member: str | None = None
    points: int | None = None
    reward: str | None = None
    coupon: str | None = None
    receipt: Key | None = None


class CommitIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it paid for, where the till's software says it."""

    receipt: Key | None = None


class RedemptionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A redemption as it stands: `online` where HQ holds its points, committed by `expires_at` or lapsed."""

    id: str
    state: State
    repeated: bool
    points: int
    value_minor: int
    reward: str | None
    coupon: str | None
    online: bool
    expires_at: str
    member: SpendingMember


class RedemptionApi:
    """The handlers."""

    def __init__(self, config: EdgeConfig, recorder: Recorder, redeeming: Redeeming, desk: Desk) -> None:
        self._config = config
        self._recorder = recorder
        self._redeeming = redeeming
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses."""
        return [
            web.post(PATH, self.post_redemption),
            web.post(PATH + "/{id}/commit", self.post_commit),
            web.post(PATH + "/{id}/cancel", self.post_cancel),
        ]

    async def post_redemption(self, request: web.Request) -> web.Response:
        """Authorise; the same again is answered again."""
        raw = await body_of(request, self._config.http.body_ms_max)
        key = idempotency_key(request)
        asked = json_of(raw, RedemptionIn)
        _check_one_wish(asked)

        def understood(books: Books) -> Wanted:
            return Wanted(
                redemption_id=redemption_id_of(books.terminal.terminal_id, key),
                natural_key=f"key/{key}",
                content=content_of(request.path, raw),
                member=asked.member,
                points=asked.points,
                reward=asked.reward,
                coupon=asked.coupon,
                receipt=self._receipt(books, asked.receipt),
            )

        app = request.app
        done = await self._desk.authorise(app[READER], app[WRITER], app.get(SYNC), understood)
        return self._told(request, done)

    async def post_commit(self, request: web.Request) -> web.Response:
        """Spend what was authorised; a second time changes nothing."""
        raw = await body_of(request, self._config.http.body_ms_max)
        said = json_of(raw, CommitIn) if raw.strip() else CommitIn()

        def job(conn: Connection) -> Redeemed:
            books = self._recorder.books(conn)
            redemption_id, receipt = request.match_info["id"], self._receipt(books, said.receipt)
            if said.receipt is not None and said.receipt.business_date is None and receipt is not None:
                receipt = self._redeeming.undated(conn, books, redemption_id, receipt)
            return self._desk.commit(conn, books, redemption_id, receipt)

        return self._told(request, await request.app[WRITER].do(job))

    async def post_cancel(self, request: web.Request) -> web.Response:
        """Let go of what was authorised; a second time changes nothing."""
        await body_of(request, self._config.http.body_ms_max)

        def job(conn: Connection) -> Redeemed:
            return self._desk.cancel(conn, self._recorder.books(conn), request.match_info["id"])

        return self._told(request, await request.app[WRITER].do(job))

    def _receipt(self, books: Books, key: Key | None) -> ReceiptKey | None:
        """Return the receipt that is named; one without a date is of today."""
        if key is None:
            return None
        expected = self._recorder.expectations(books)
        check_store(key.store, expected)
        return receipt_key(key, "receipt", expected.now_ms or EpochMs(0), expected)

    def _told(self, request: web.Request, done: Redeemed) -> web.Response:
        if not done.repeated and SYNC in request.app:
            request.app[SYNC].nudge()
        one = done.redemption
        answer = RedemptionAnswer(
            id=one.redemption_id,
            state=done.state,
            repeated=done.repeated,
            points=one.points,
            value_minor=one.value_minor,
            reward=one.reward or None,
            coupon=one.coupon or None,
            online=one.points > 0 and one.allowance == 0,
            expires_at=utc(one.until_ms) or "",
            member=spending_member(done.standing, done.available, self._config.language),
        )
        return answered(answer)


def _check_one_wish(asked: RedemptionIn) -> None:
    wishes = [wish for wish in (asked.points, asked.reward, asked.coupon) if wish is not None]
    if len(wishes) != 1 or (asked.member is None and asked.coupon is None):
        raise BadInput(
            'say one of "points" and "reward", with the "member" whose points they take, or a "coupon"',
            code="request_invalid",
        )
