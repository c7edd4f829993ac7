"""What is done for a customer at this till, whoever asks: its own software by HTTP, or the cashier's page.

Plain functions of (conn, books, ...) inside a job of the store, but for authorising a redemption, which asks
HQ between two of them. What comes back is for the face to put in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from edge_agent.ahead import Ahead
from edge_agent.books import Books
from edge_agent.clock import PLAUSIBLE_FROM
from edge_agent.own_facts import is_taken_back, purchase_of
from edge_agent.pos_adapter.receipt import shown
from edge_agent.recorder import Intake, Outcome, Recorder
from edge_agent.redeeming import Outcome as RedemptionOutcome
from edge_agent.redeeming import Redeeming
from edge_agent.spendable import Purse, Wanted
from edge_agent.standing import Standing, standing
from edge_agent.store import journal, sources
from edge_agent.store.database import Connection
from edge_agent.store.redemptions import Redemption
from loyalty_core.calendar import business_day
from loyalty_core.errors import BadInput
from loyalty_core.events import (
    Event,
    EventId,
    MemberPresented,
    PurchaseRecorded,
    ReceiptClaimed,
    ReceiptKey,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.messages import Ask
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day, EpochMs, Seq

if TYPE_CHECKING:
    from edge_agent.store.writer import Reader, Writer
    from edge_agent.sync.loop import SyncLoop

LOOKED_BACK: Final = 200
"""Records among which the last anonymous receipt is looked for: who paid longer ago has left."""
_EVENT_FORM: Final = re.compile(r"(?:([A-Za-z0-9_-]{1,32})\.)?(\d{1,15})\.(\d{1,15})", re.ASCII)


class Keyed(msgspec.Struct, frozen=True, kw_only=True):
    """What makes an action one: its key, bytes that are equal for the same action, the hash of its input."""

    key: str
    content: bytes
    raw_sha256: bytes
    adapter: str = "http"


class Found(msgspec.Struct, frozen=True):
    """A member who was looked up: where they stand, and what they may spend."""

    standing: Standing
    purse: Purse


class Recorded(msgspec.Struct, frozen=True):
    """What was recorded, where its member stands now, and where those stand who may be asked about."""

    outcome: Outcome
    standing: Standing | None
    offers: Sequence[Standing]


class Redeemed(msgspec.Struct, frozen=True):
    """A redemption as it stands now, and its member with what is left to spend."""

    redemption: Redemption
    state: Literal["authorised", "committed", "cancelled", "lapsed"]
    repeated: bool
    standing: Standing
    available: int


class Anonymous(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase of nobody's that may still be claimed; `ago_ms` is None where the clock lost its time."""

    event: EventId
    receipt: ReceiptKey
    occurred_at_ms: EpochMs
    net_minor: int
    ago_ms: int | None


class Desk:
    """Looks up, records, redeems; holds nothing but what it has worked out."""

    def __init__(self, recorder: Recorder, redeeming: Redeeming) -> None:
        self._recorder = recorder
        self._redeeming = redeeming
        self._ahead = Ahead()

    def find(self, conn: Connection, books: Books, text: str) -> Found:
        """Return where a member stands, as far as this till knows.

        Raises:
            BadInput: `member_unreadable`, `member_unknown`.
        """
        return self.of_account(conn, books, self._recorder.member(conn, books, text).account)

    def of_account(self, conn: Connection, books: Books, account: str) -> Found:
        """Return where a member stands whose account is known."""
        spendable = self._redeeming.spendable
        today = self._recorder.expectations(books).today
        if today is None:  # nothing can be spent without a clock: what HQ last said is shown as of then
            told_ms = books.hq_time_ms or PLAUSIBLE_FROM
            day = business_day(EpochMs(told_ms), books.terminal.place)
            stands = self._standing(conn, books, account, day)
            return Found(stands, Purse(available=spendable.available(conn, books, account, stands.balance)))
        stands = self._standing(conn, books, account, today)
        return Found(stands, spendable.purse(conn, books, account, stands.balance, today))

    def record(self, conn: Connection, books: Books, what: Intake) -> Recorded:
        """Return what something handed in became.

        Raises:
            BadInput: why it is refused.
        """
        outcome = self._recorder.record(conn, books, what)
        account = outcome.account
        stands = self._standing(conn, books, account, outcome.day, outcome.earning) if account else None
        offers = [standing(conn, books, offer.account, outcome.day) for offer in outcome.offers]
        return Recorded(outcome, stands, offers)

    def visit(
        self,
        conn: Connection,
        books: Books,
        member: str,
        keyed: Keyed,
        at_ms: EpochMs,
        day: Day | None = None,
        channel: Literal["till", "check-in"] = "till",
    ) -> Recorded:
        """Record that a member was there."""
        of_day = business_day(at_ms, books.terminal.place) if day is None else day
        return self._keyed(conn, books, VisitRecorded(None, at_ms, of_day, channel, None), member, keyed)

    def void_visit(
        self, conn: Connection, books: Books, name: str, raw_sha256: bytes, adapter: str = "http"
    ) -> Recorded:
        """Undo a visit of this till by its event's name; a second time changes nothing.

        Raises:
            BadInput: `event_unknown`, `clock_lost`.
        """
        visit, record = self._visit(conn, books, name)
        at_ms = self.now(books, "set it, then void the visit again")
        day = business_day(at_ms, books.terminal.place)
        event = VisitVoided(record.member, at_ms, day, visit.epoch, visit.seq, record.receipt)
        undo = Intake(
            event=event,
            natural_key=f"visit-void/{visit.epoch}/{visit.seq}",
            content=b"",
            voids=visit,
            adapter=adapter,
            raw_sha256=raw_sha256,
        )
        return self.record(conn, books, undo)

    def present(self, conn: Connection, books: Books, member: str, keyed: Keyed, at_ms: EpochMs) -> Recorded:
        """Record that a card was shown: the till's next receipt is this member's."""
        event = MemberPresented(None, at_ms, business_day(at_ms, books.terminal.place))
        return self._keyed(conn, books, event, member, keyed)

    def claim(
        self, conn: Connection, books: Books, member: str, receipt: ReceiptKey, keyed: Keyed, at_ms: EpochMs
    ) -> Recorded:
        """Record that an anonymous purchase is this member's.

        Raises:
            BadInput: `claim_refused`, `claim_late`.
        """
        event = ReceiptClaimed(None, at_ms, business_day(at_ms, books.terminal.place), receipt)
        return self._keyed(conn, books, event, member, keyed)

    def repeat(self, conn: Connection, books: Books, keyed: Keyed) -> Recorded | None:
        """Return again what was recorded under this key, None where nothing was.

        Raises:
            BadInput: `idempotency_conflict`: it was something else.
        """
        known = sources.find(conn, f"key/{keyed.key}", books.terminal.terminal_id)
        record = journal.read_at(conn, known.event) if known is not None else None
        if record is None:
            return None
        return self._keyed(conn, books, record.event, record.event.member or "", keyed)

    def last_anonymous(self, conn: Connection, books: Books) -> Anonymous | None:
        """Return the latest anonymous purchase of this till that may still be claimed, None for none."""
        expected, terminal = self._recorder.expectations(books), books.terminal
        found: list[tuple[EventId, PurchaseRecorded]] = []
        for seq, data in journal.newest(conn, terminal.epoch, LOOKED_BACK):
            record = journal.readable(data)
            if record is not None and isinstance(record.event, PurchaseRecorded):
                found.append((EventId(terminal.terminal_id, terminal.epoch, 0, Seq(seq)), record.event))
        for event_id, bought in sorted(found, key=lambda one: (one[1].occurred_at_ms, one[0]), reverse=True):
            last = bought.business_day + books.claim_days(Day(bought.business_day))
            if expected.today is not None and expected.today > last:
                continue
            source = sources.find(conn, purchase_of(bought) or "", terminal.terminal_id)
            if source is None or source.account is not None or is_taken_back(conn, books, bought.receipt):
                continue
            return Anonymous(
                event=event_id,
                receipt=bought.receipt,
                occurred_at_ms=EpochMs(bought.occurred_at_ms),
                net_minor=bought.net_minor,
                ago_ms=None if expected.now_ms is None else max(0, expected.now_ms - bought.occurred_at_ms),
            )
        return None

    async def authorise(
        self,
        reader: Reader,
        writer: Writer,
        link: SyncLoop | None,
        understood: Callable[[Books], Wanted],
        hold: Callable[[Connection, Redemption], None] = lambda _conn, _one: None,
    ) -> Redeemed:
        """Set points or a coupon aside; HQ is asked first, where there is a link to it.

        `hold` is done in the transaction that sets them aside.

        Raises:
            BadInput: why not; nothing was journaled.
        """

        def question(conn: Connection) -> Ask | None:
            books = self._recorder.books(conn)
            wanted = understood(books)
            if self._redeeming.find(conn, books, wanted) is not None:
                return None
            terms = self._redeeming.spendable.terms(conn, books, wanted)
            return Ask(wanted.redemption_id, terms.member, terms.points) if terms.points else None

        ask = await reader.do(question)
        told = await link.ask(ask) if ask is not None and link is not None else None

        def job(conn: Connection) -> Redeemed:
            books = self._recorder.books(conn)
            outcome = self._redeeming.authorise(conn, books, understood(books), told)
            hold(conn, outcome.redemption)
            return self._redeemed(conn, books, outcome)

        return await writer.do(job)

    def commit(
        self, conn: Connection, books: Books, redemption_id: str, receipt: ReceiptKey | None = None
    ) -> Redeemed:
        """Spend what was authorised; a second time changes nothing. Raises as `Redeeming.commit`."""
        return self._redeemed(conn, books, self._redeeming.commit(conn, books, redemption_id, receipt))

    def cancel(self, conn: Connection, books: Books, redemption_id: str) -> Redeemed:
        """Let go of what was authorised; a second time changes nothing. Raises as `Redeeming.cancel`."""
        return self._redeemed(conn, books, self._redeeming.cancel(conn, books, redemption_id))

    def now(self, books: Books, remedy: str) -> EpochMs:
        """Return the agent's own time; refuse to stamp an event with a clock that has lost its time.

        Raises:
            BadInput: `clock_lost`.
        """
        now_ms = self._recorder.expectations(books).now_ms
        if now_ms is None:
            raise BadInput(f"this till's clock has lost its time: {remedy}", code="clock_lost")
        return now_ms

    def _keyed(self, conn: Connection, books: Books, event: Event, member: str, keyed: Keyed) -> Recorded:
        what = Intake(
            event=event,
            natural_key=f"key/{keyed.key}",
            content=keyed.content,
            member=member,
            journal_key=keyed.key,
            adapter=keyed.adapter,
            raw_sha256=keyed.raw_sha256,
        )
        return self.record(conn, books, what)

    def _redeemed(self, conn: Connection, books: Books, outcome: RedemptionOutcome) -> Redeemed:
        one, spendable = outcome.redemption, self._redeeming.spendable
        now_ms = self._recorder.expectations(books).now_ms
        day = business_day(now_ms or EpochMs(one.at_ms), books.terminal.place)
        stands = standing(conn, books, one.account, day)
        stands = self._ahead.look(conn, books, one.account, stands, now_ms)
        available = spendable.available(conn, books, one.account, stands.balance)
        lapsed = one.state == "authorised" and not spendable.is_open(one)
        return Redeemed(one, "lapsed" if lapsed else one.state, outcome.repeated, stands, available)

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

    def _visit(self, conn: Connection, books: Books, name: str) -> tuple[EventId, VisitRecorded]:
        found = _EVENT_FORM.fullmatch(name)
        if found is not None and found[1] in {None, books.terminal.terminal_id}:
            event_id = EventId(books.terminal.terminal_id, int(found[2]), 0, Seq(int(found[3])))
            record = journal.read_at(conn, event_id)
            event = record.event if record else None
            if isinstance(event, VisitRecorded):
                return event_id, event
        raise BadInput(f'"{shown(name)}" is no visit that this till recorded', code="event_unknown")
