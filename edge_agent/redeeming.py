"""The life of a redemption: authorised, then committed or cancelled; what is neither in time has lapsed.

HQ is asked before, by whoever calls; without its answer the member's allowance decides. What is answered was
journaled in the caller's transaction.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from edge_agent.books import Books
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.own_facts import is_taken_back
from edge_agent.pos_adapter.understanding import natural_key
from edge_agent.recorder import Recorder
from edge_agent.spendable import Spendable, Terms, Wanted
from edge_agent.store import outbox, redemptions, sources, undoable
from edge_agent.store.database import Connection
from edge_agent.store.redemptions import Redemption, State, read_key
from edge_agent.store.sources import Source
from edge_agent.sync.questions import Told
from loyalty_core.calendar import business_day
from loyalty_core.errors import BadInput
from loyalty_core.events import (
    CouponUsed,
    EventId,
    ReceiptKey,
    RedemptionAuthorised,
    RedemptionCancelled,
    RedemptionCommitted,
)
from loyalty_core.units import Day, EpochMs

LAPSED_AT_ONCE: Final = 100
"""The most that one job of the writer lets lapse."""
_REFUSED: Final = {
    "points_missing": "headquarters knows of fewer points than are asked for: look the member up again",
    "redemption_off": "points pay for nothing in the programme by now",
    "member_unknown": "headquarters does not know this member",
    "terminal_revoked": "headquarters has shut this till out: no points are spent here",
    "journal_behind": "headquarters does not take this till's journal: no points are spent here",
    "fork": "headquarters does not take this till's journal: no points are spent here",
}


class Outcome(msgspec.Struct, frozen=True):
    """A redemption as it stands, and whether the request had been answered before."""

    redemption: Redemption
    repeated: bool


def redemption_id_of(terminal_id: str, key: str) -> str:
    """Return the id that a request's Idempotency-Key gives to its redemption, however often it comes."""
    return hashlib.sha256(f"{terminal_id}/{key}".encode()).hexdigest()[:32]


class Redeeming:
    """Decides and books; holds nothing."""

    def __init__(self, config: EdgeConfig, clock: Clock, recorder: Recorder) -> None:
        self._open_max = config.redemptions.open_max
        self._clock = clock
        self._recorder = recorder
        self.spendable = Spendable(clock, recorder)

    def find(self, conn: Connection, books: Books, wanted: Wanted) -> Redemption | None:
        """Return what a request became before, or None.

        Raises:
            BadInput: `idempotency_conflict`: its key was used for something else.
        """
        known = sources.find(conn, wanted.natural_key, books.terminal.terminal_id)
        if known is None:
            return None
        if known.content != wanted.content:
            raise BadInput(
                "this Idempotency-Key was used for another request: use a new key for a new request",
                code="idempotency_conflict",
            )
        return self._known(conn, books, wanted.redemption_id)

    def authorise(self, conn: Connection, books: Books, wanted: Wanted, told: Told | None) -> Outcome:
        """Set points or a coupon aside. `told` is HQ's answer, None where it gave none.

        Raises:
            BadInput: why not, with a stable code; nothing was journaled.
        """
        known = self.find(conn, books, wanted)
        if known is not None:
            return Outcome(known, True)
        terms = self.spendable.terms(conn, books, wanted)
        refused_code = outbox.link(conn).refused_code
        if told is None and refused_code is not None:
            told = Told(code=refused_code)
        if told is not None and (told.code or told.granted < terms.points):
            sentence = _REFUSED.get(told.code, f"headquarters refuses it ({told.code})")
            raise BadInput(sentence, code=told.code or "redemption_refused")
        allowance = terms.points if told is None else 0
        self._check_allowance(conn, books, terms, allowance)
        self.lapse(conn, books)
        if redemptions.count_authorised(conn) >= self._open_max:
            raise BadInput(
                f"{self._open_max} redemptions are open at this till: commit or cancel some",
                code="redemptions_full",
            )
        monotonic_ms = self._clock.monotonic_ms()
        left_ms = terms.hold_ms if told is None else told.until_monotonic_ms - monotonic_ms
        left_ms = min(left_ms, terms.end_ms - terms.now_ms)
        until_ms = terms.now_ms + left_ms
        event = RedemptionAuthorised(
            terms.member,
            terms.now_ms,
            terms.today,
            wanted.redemption_id,
            terms.points,
            terms.value_minor,
            terms.reward,
            terms.coupon,
            allowance,
            until_ms,
        )
        event_id = self._recorder.append(conn, books, event, "http")
        one = Redemption(
            redemption_id=wanted.redemption_id,
            state="authorised",
            member=terms.member,
            account=terms.account,
            points=terms.points,
            value_minor=terms.value_minor,
            reward=terms.reward,
            coupon=terms.coupon,
            allowance=allowance,
            receipt=wanted.receipt,
            at_ms=terms.now_ms,
            until_ms=until_ms,
            until_monotonic_ms=monotonic_ms + left_ms,
            boot_id=self._clock.boot_id(),
            event=event_id,
        )
        redemptions.put(conn, one)
        source = Source(content=wanted.content, account=None, event=event_id, raw_sha256=b"")
        sources.put(conn, wanted.natural_key, source)
        return Outcome(one, False)

    def undated(self, conn: Connection, books: Books, redemption_id: str, today: ReceiptKey) -> ReceiptKey:
        """Return the receipt that is meant where its date was left out; `today` is that number, of today.

        It is the one named before, if that has the number. Else it is of the business day on which the
        redemption was authorised where a purchase of this number was recorded on that day, after the
        authorisation, and none is known of today.

        Raises:
            BadInput: `redemption_unknown`.
        """
        one = self._known(conn, books, redemption_id)
        if one.receipt is not None and _on(today, one.receipt.business_day) == one.receipt:
            return one.receipt
        then = _on(today, business_day(EpochMs(one.at_ms), books.terminal.place))
        sold = _sold(conn, books, then)
        is_of_then = sold is not None and sold > one.event and _sold(conn, books, today) is None
        return then if is_of_then else today

    def commit(
        self,
        conn: Connection,
        books: Books,
        redemption_id: str,
        receipt: ReceiptKey | None,
        *,
        promised: bool = False,
    ) -> Outcome:
        """Spend what was set aside, on `receipt` where it is said now or was said before. Idempotent.

        What was `promised` has been given to the customer when it was authorised: it is spent then, also
        after its time, whatever has expired since.

        Raises:
            BadInput: `redemption_unknown`, `redemption_lapsed`, `redemption_cancelled`; `receipt_conflict`
                where it was committed for another receipt; `receipt_taken_back` where nothing is left of it.
        """
        one = self._known(conn, books, redemption_id)
        if one.state == "committed":
            if receipt not in {None, one.receipt}:
                raise BadInput(
                    "this redemption was committed for another receipt: nothing was changed",
                    code="receipt_conflict",
                )
            return Outcome(one, True)
        if one.state == "cancelled":
            raise BadInput("this redemption was cancelled: authorise a new one", code="redemption_cancelled")
        if one.state == "lapsed" or not (promised or self.spendable.is_open(one)):
            raise BadInput(
                "the time of this redemption is over: authorise a new one", code="redemption_lapsed"
            )
        receipt = receipt or one.receipt
        if receipt is not None and is_taken_back(conn, books, receipt):
            raise BadInput(
                "this receipt is void or wholly returned: name the right receipt, or cancel the redemption",
                code="receipt_taken_back",
            )
        at_ms, day = self._then(books, one) if promised else self._when(books, one)
        if one.coupon:
            used = CouponUsed(one.member, at_ms, day, one.coupon, redemption_id, receipt)
            event_id = self._recorder.append(conn, books, used, "http")
        else:
            spent = RedemptionCommitted(
                one.member, at_ms, day, redemption_id, one.points, one.value_minor, one.reward, receipt
            )
            event_id = self._recorder.spend(conn, books, one.account, spent)
        return Outcome(_became(conn, one, "committed", event_id, receipt), False)

    def cancel(self, conn: Connection, books: Books, redemption_id: str) -> Outcome:
        """Let go of what was set aside. Idempotent; one that has lapsed is left at that.

        Raises:
            BadInput: `redemption_unknown`, `redemption_committed`.
        """
        one = self._known(conn, books, redemption_id)
        if one.state == "committed":
            raise BadInput(
                "this redemption is committed: void or return what it paid to give the points back",
                code="redemption_committed",
            )
        if one.state != "authorised":
            return Outcome(one, True)
        if not self.spendable.is_open(one):
            return Outcome(self._end(conn, books, one, "lapsed"), False)
        return Outcome(self._end(conn, books, one, "cancelled"), False)

    def lapse(self, conn: Connection, books: Books) -> int:
        """Journal the end of authorisations whose time is over; return how many that were."""
        over = self._over(conn, books)[:LAPSED_AT_ONCE]
        for one in over:
            self._end(conn, books, one, "lapsed")
        return len(over)

    def any_over(self, conn: Connection, books: Books) -> bool:
        """Tell whether there is anything to let lapse."""
        return bool(self._over(conn, books))

    def _over(self, conn: Connection, books: Books) -> list[Redemption]:
        """Return authorisations whose time is over; those of the counter are committed instead."""
        found = redemptions.authorised(conn, books.terminal.terminal_id)
        over = [one for one in found if not self.spendable.is_open(one)]
        promised = {one.redemption_id for one in undoable.all_of(conn)} if over else set[str]()
        return [one for one in over if one.redemption_id not in promised]

    def _known(self, conn: Connection, books: Books, redemption_id: str) -> Redemption:
        one = redemptions.find(conn, redemption_id, books.terminal.terminal_id)
        if one is None:
            raise BadInput("this till has authorised no such redemption", code="redemption_unknown")
        return one

    def _check_allowance(self, conn: Connection, books: Books, terms: Terms, allowance: int) -> None:
        left = self.spendable.allowance_left(conn, books, terms.account, terms.today)
        if allowance > left:
            raise BadInput(
                f"headquarters does not answer, and without it {left} more points of this member can be "
                f"spent here, not {allowance}: try again when the line is back",
                code="allowance_exceeded",
            )

    def _end(
        self, conn: Connection, books: Books, one: Redemption, state: Literal["cancelled", "lapsed"]
    ) -> Redemption:
        at_ms, day = self._when(books, one)
        event = RedemptionCancelled(one.member, at_ms, day, one.redemption_id, state)
        event_id = self._recorder.append(conn, books, event, "http" if state == "cancelled" else "agent")
        return _became(conn, one, state, event_id, one.receipt)

    def _when(self, books: Books, one: Redemption) -> tuple[EpochMs, Day]:
        """Return the time of what happens to a redemption now: never before it was authorised.

        A clock that has lost its time since then is not asked.
        """
        now_ms = self._recorder.expectations(books).now_ms
        at_ms = EpochMs(max(now_ms or one.at_ms, one.at_ms))
        return at_ms, business_day(at_ms, books.terminal.place)

    def _then(self, books: Books, one: Redemption) -> tuple[EpochMs, Day]:
        """Return the time at which a redemption was authorised."""
        return EpochMs(one.at_ms), business_day(EpochMs(one.at_ms), books.terminal.place)


def _on(key: ReceiptKey, day: int) -> ReceiptKey:
    return msgspec.structs.replace(key, business_day=day)


def _sold(conn: Connection, books: Books, key: ReceiptKey) -> EventId | None:
    known = sources.find(conn, natural_key("purchase", key), books.terminal.terminal_id)
    return None if known is None else known.event


def _became(
    conn: Connection, one: Redemption, state: State, event: EventId, receipt: ReceiptKey | None
) -> Redemption:
    after = msgspec.structs.replace(one, state=state, event=event, receipt=receipt)
    redemptions.put(conn, after)
    return after


def redemption_of(
    event_id: EventId,
    event: RedemptionAuthorised | RedemptionCommitted | RedemptionCancelled | CouponUsed,
    before: Redemption | None,
    account: str,
    receipt: bytes | None,
    until_monotonic_ms: int,
    boot_id: str,
) -> Redemption | None:
    """Return what a redemption has become by an event of the journal; None where its beginning is not there.

    `receipt`, `until_monotonic_ms` and `boot_id` are what is still known of it beside the journal.
    """
    if isinstance(event, RedemptionAuthorised):
        return Redemption(
            redemption_id=event.redemption,
            state="authorised",
            member=event.member or "",
            account=account,
            points=event.points,
            value_minor=event.value_minor,
            reward=event.reward,
            coupon=event.coupon,
            allowance=event.allowance,
            receipt=None if receipt is None else read_key(receipt),
            at_ms=event.occurred_at_ms,
            until_ms=event.until_ms,
            until_monotonic_ms=until_monotonic_ms,
            boot_id=boot_id,
            event=event_id,
        )
    if before is None:
        return None
    state: State = event.reason if isinstance(event, RedemptionCancelled) else "committed"
    named = before.receipt if isinstance(event, RedemptionCancelled) else event.receipt
    return msgspec.structs.replace(before, state=state, event=event_id, receipt=named)
