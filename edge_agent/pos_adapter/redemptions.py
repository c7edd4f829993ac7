"""Redemptions by local HTTP: authorise, then commit or cancel.

HQ is asked between two jobs of the store, so that no sale ever waits for it. A refusal moves nothing, and
nothing of it is set aside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from edge_agent.ahead import Ahead
from edge_agent.app_keys import READER, SYNC, WRITER
from edge_agent.books import Books
from edge_agent.config import EdgeConfig
from edge_agent.pos_adapter.answers import SpendingMember, spending_member, utc
from edge_agent.pos_adapter.receipt import Key
from edge_agent.pos_adapter.requests import answered, body_of, content_of, idempotency_key, json_of
from edge_agent.pos_adapter.understanding import check_store, receipt_key
from edge_agent.recorder import Recorder
from edge_agent.redeeming import Outcome, Redeeming, redemption_id_of
from edge_agent.spendable import Wanted
from edge_agent.standing import standing
from edge_agent.store.database import Connection
from edge_agent.store.redemptions import State
from loyalty_core.calendar import business_day
from loyalty_core.errors import BadInput
from loyalty_core.events import ReceiptKey
from loyalty_core.messages import Ask
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

    def __init__(self, config: EdgeConfig, recorder: Recorder, redeeming: Redeeming) -> None:
        self._config = config
        self._recorder = recorder
        self._redeeming = redeeming
        self._ahead = Ahead()

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

        def question(conn: Connection) -> Ask | None:
            books = self._recorder.books(conn)
            wanted = understood(books)
            if self._redeeming.find(conn, books, wanted) is not None:
                return None
            terms = self._redeeming.spendable.terms(conn, books, wanted)
            return Ask(wanted.redemption_id, terms.member, terms.points) if terms.points else None

        ask = await request.app[READER].do(question)
        told = await request.app[SYNC].ask(ask) if ask is not None and SYNC in request.app else None

        def job(conn: Connection) -> RedemptionAnswer:
            books = self._recorder.books(conn)
            return self._answer(conn, books, self._redeeming.authorise(conn, books, understood(books), told))

        return await self._do(request, job)

    async def post_commit(self, request: web.Request) -> web.Response:
        """Spend what was authorised; a second time changes nothing."""
        raw = await body_of(request, self._config.http.body_ms_max)
        said = json_of(raw, CommitIn) if raw.strip() else CommitIn()

        def job(conn: Connection) -> RedemptionAnswer:
            books = self._recorder.books(conn)
            redemption_id, receipt = request.match_info["id"], self._receipt(books, said.receipt)
            if said.receipt is not None and said.receipt.business_date is None and receipt is not None:
                receipt = self._redeeming.undated(conn, books, redemption_id, receipt)
            outcome = self._redeeming.commit(conn, books, redemption_id, receipt)
            return self._answer(conn, books, outcome)

        return await self._do(request, job)

    async def post_cancel(self, request: web.Request) -> web.Response:
        """Let go of what was authorised; a second time changes nothing."""
        await body_of(request, self._config.http.body_ms_max)

        def job(conn: Connection) -> RedemptionAnswer:
            books = self._recorder.books(conn)
            outcome = self._redeeming.cancel(conn, books, request.match_info["id"])
            return self._answer(conn, books, outcome)

        return await self._do(request, job)

    async def _do(self, request: web.Request, job: Callable[[Connection], RedemptionAnswer]) -> web.Response:
        answer = await request.app[WRITER].do(job)
        if not answer.repeated and SYNC in request.app:
            request.app[SYNC].nudge()
        return answered(answer)

    def _receipt(self, books: Books, key: Key | None) -> ReceiptKey | None:
        """Return the receipt that is named; one without a date is of today."""
        if key is None:
            return None
        expected = self._recorder.expectations(books)
        check_store(key.store, expected)
        return receipt_key(key, "receipt", expected.now_ms or EpochMs(0), expected)

    def _answer(self, conn: Connection, books: Books, outcome: Outcome) -> RedemptionAnswer:
        one, spendable = outcome.redemption, self._redeeming.spendable
        now_ms = self._recorder.expectations(books).now_ms
        day = business_day(now_ms or EpochMs(one.at_ms), books.terminal.place)
        stands = standing(conn, books, one.account, day)
        stands = self._ahead.look(conn, books, one.account, stands, now_ms)
        available = spendable.available(conn, books, one.account, stands.balance)
        lapsed = one.state == "authorised" and not spendable.is_open(one)
        return RedemptionAnswer(
            id=one.redemption_id,
            state="lapsed" if lapsed else one.state,
            repeated=outcome.repeated,
            points=one.points,
            value_minor=one.value_minor,
            reward=one.reward or None,
            coupon=one.coupon or None,
            online=one.points > 0 and one.allowance == 0,
            expires_at=utc(one.until_ms) or "",
            member=spending_member(stands, available, self._config.language),
        )


def _check_one_wish(asked: RedemptionIn) -> None:
    wishes = [wish for wish in (asked.points, asked.reward, asked.coupon) if wish is not None]
    if len(wishes) != 1 or (asked.member is None and asked.coupon is None):
        raise BadInput(
            'say one of "points" and "reward", with the "member" whose points they take, or a "coupon"',
            code="request_invalid",
        )
