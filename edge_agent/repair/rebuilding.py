"""What the journal says, said again: every table that is derived from it, filled anew record by record.

Points are booked as this till would book them now: by the members and rules that it knows today. What HQ has
posted is in the balance that HQ sent, whatever is booked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from edge_agent import closing, takebacks
from edge_agent.books import Books
from edge_agent.member_days import MemberDays
from edge_agent.own_facts import purchase_of
from edge_agent.owners import Owner, account_of, keep_spelling
from edge_agent.placing import place_of
from edge_agent.pos_adapter.understanding import natural_key
from edge_agent.recorder import Recorder
from edge_agent.redeeming import redemption_of
from edge_agent.repair.joined import put_back
from edge_agent.store import (
    closings,
    derived,
    journal,
    member_damage,
    members,
    presented,
    receipt_facts,
    redemptions,
    sources,
    technicians,
    time_mark,
)
from edge_agent.store.closings import State
from edge_agent.store.database import Connection
from edge_agent.store.derived import Remembered
from edge_agent.store.sources import Source
from edge_agent.store.terminal import Terminal
from loyalty_core.calendar import date_of
from loyalty_core.control import declared
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_core.events import (
    CouponUsed,
    DayClosed,
    DayTotal,
    Event,
    EventId,
    Fact,
    MemberEnrolled,
    MemberPresented,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    RedemptionAuthorised,
    RedemptionCancelled,
    RedemptionCommitted,
    ReturnRecorded,
    VisitRecorded,
    VisitVoided,
    content_hash,
)
from loyalty_core.journal import Record, unpack_record
from loyalty_core.units import Day, Seq

READ_AT_ONCE: Final = 500
_MOVES: Final = (PurchaseRecorded, PurchaseVoided, ReceiptClaimed, ReturnRecorded, VisitRecorded, VisitVoided)


def rebuild(conn: Connection, recorder: Recorder) -> int:
    """Fill every derived table anew; return how many records were read.

    Durable with the caller's transaction. HQ is made to tell of all its members again, and of its technicians
    where that is damaged; what it has acknowledged, and what was set aside, stays.
    """
    books, known = recorder.books(conn), derived.remembered(conn)
    derived.forget(conn)
    member_damage.mend(conn)
    technicians.forget_damaged(conn)
    time_mark.forget_damaged(conn)
    members.begin_anew(conn)
    members.let_be_found(conn, books.terminal.store_key)
    rebuilding = _Rebuilding(conn, books, known)
    read = 0
    for event, record in records_of(conn, books.terminal):
        rebuilding.file(event, record)
        read += 1
    for epoch in sorted({epoch for epoch, branch in journal.epochs(conn) if branch == 0}):
        _count(conn, books, epoch)
    return read


def records_of(conn: Connection, identity: Terminal) -> Iterator[tuple[EventId, Record]]:
    """Yield every record that can be read, oldest first."""
    for epoch, branch in journal.epochs(conn):
        seq = 1
        while run := journal.run_from(conn, epoch, seq, READ_AT_ONCE) if branch == 0 else []:
            for place, data in enumerate(run, start=seq):
                try:
                    record = unpack_record(data)
                except LoyaltyError:
                    continue
                yield EventId(identity.terminal_id, epoch, 0, Seq(place)), record
            seq += len(run)


class _Rebuilding:
    """Files records one after the other, as the recorder did when it wrote them."""

    def __init__(self, conn: Connection, books: Books, known: Remembered) -> None:
        self._conn, self._books, self._known = conn, books, known
        self._days = MemberDays()

    def file(self, event_id: EventId, record: Record) -> None:
        event = record.event
        if isinstance(event, RedemptionAuthorised | RedemptionCommitted | RedemptionCancelled | CouponUsed):
            self._redeem(event_id, event)
        elif isinstance(event, MemberPresented) and event.member:
            account = self._account(event.member)
            presented.add(self._conn, event_id, event.member, account, event.occurred_at_ms)
            self._source(event_id, record, account)
        elif isinstance(event, MemberEnrolled):
            put_back(self._conn, event_id, event, self._known.enrolments)
            self._source(event_id, record, self._account(event.look_ups[0]))
        elif isinstance(event, _MOVES):
            self._source(event_id, record, self._move(event_id, event))
        elif isinstance(event, DayTotal):
            self._source(event_id, record, None)

    def _move(self, event_id: EventId, event: Event) -> str | None:
        """Book what an event moves; return whose it is."""
        if isinstance(event, PurchaseRecorded):
            presented.take(self._conn, event.occurred_at_ms)
        voids = None
        if isinstance(event, VisitVoided):
            voids = EventId(event_id.terminal_id, event.epoch, 0, Seq(event.seq))
        try:
            place = place_of(self._conn, self._books, event, self._owner(event), voids)
        except BadInput:  # a claim that is refused by what is known today moves nothing
            return None
        if place.account is not None and not place.is_theirs:
            self._days.post(self._conn, self._books, place.account, place.day, Fact(event_id, event))
            keep_spelling(
                self._conn, self._books.terminal.store_key, place.recorded or place.account, place.account
            )
        purchase = purchase_of(event)
        if purchase is not None and not isinstance(event, PurchaseRecorded):
            receipt_facts.add(self._conn, purchase, event_id)
            if isinstance(event, ReceiptClaimed):
                sources.give(self._conn, purchase, place.account)
        for payer, day in sorted(takebacks.look(self._conn, self._books, Fact(event_id, event)).payers):
            if (payer, day) != (place.account, place.day):
                self._days.post(self._conn, self._books, payer, day, Fact(event_id, event))
        return place.account

    def _redeem(
        self,
        event_id: EventId,
        event: RedemptionAuthorised | RedemptionCommitted | RedemptionCancelled | CouponUsed,
    ) -> None:
        receipt, until_ms, boot_id = self._known.redemptions.get(event.redemption, (None, 0, ""))
        before = redemptions.find(self._conn, event.redemption, event_id.terminal_id)
        account = self._account(event.member or "")
        one = redemption_of(event_id, event, before, account, receipt, until_ms, boot_id)
        if one is not None:
            redemptions.put(self._conn, one)
        if isinstance(event, RedemptionCommitted):
            self._days.post(self._conn, self._books, account, Day(event.business_day), Fact(event_id, event))
            purchase = purchase_of(event)
            if purchase is not None:
                receipt_facts.add(self._conn, purchase, event_id)
        self._carry_over(event_id, None)

    def _source(self, event_id: EventId, record: Record, account: str | None) -> None:
        """Note which natural key the event is, where the record says it; what else was known stays."""
        key = natural_key_of(record)
        if key is None:
            self._carry_over(event_id, account)
            return
        content, raw = self._known.sources.get((key, event_id.epoch, event_id.seq), (b"", b""))
        if record.natural_key is None and not isinstance(record.event, VisitVoided):
            content = content_hash(record.event)
        source = Source(content=content, account=account, event=event_id, raw_sha256=raw)
        sources.put(self._conn, key, source)

    def _carry_over(self, event_id: EventId, account: str | None) -> None:
        for key, (content, raw) in self._known.at(event_id.epoch, event_id.seq):
            source = Source(content=content, account=account, event=event_id, raw_sha256=raw)
            sources.put(self._conn, key, source)

    def _owner(self, event: Event) -> Owner | None:
        if event.member is None:
            return None
        return Owner(recorded=event.member, account=self._account(event.member), member_id=None)

    def _account(self, recorded: str) -> str:
        return account_of(self._conn, self._books.terminal.store_key, recorded)


def natural_key_of(record: Record) -> str | None:
    """Return the text under which an event is known at this till; None where the record does not say it."""
    if record.natural_key is not None:
        return f"key/{record.natural_key}"
    match record.event:
        case PurchaseRecorded(receipt=key):
            return natural_key("purchase", key)
        case PurchaseVoided(receipt=key):
            return natural_key("void", key)
        case ReturnRecorded(receipt=key):
            return natural_key("return", key)
        case VisitRecorded(receipt=key) if key is not None:
            return natural_key("visit", key)
        case VisitVoided(epoch=epoch, seq=seq):
            return f"visit-void/{epoch}/{seq}"
        case DayTotal() as told:
            day = date_of(Day(told.business_day)).isoformat()
            place = f"{told.store}/{told.till}/{day}/{told.occurred_at_ms}"
            return f"day_total/{place}/{told.count}/{told.net_minor}"
    return None


def _count(conn: Connection, books: Books, epoch: int) -> None:
    """Count an epoch's records, and note which of its days have been told as they stand."""
    state, told = State(), dict[Day, DayClosed]()
    while True:
        state, more = closing.count_run(conn, epoch, state)
        if not more:
            break
    for event_id, record in records_of(conn, books.terminal):
        if event_id.epoch == epoch and isinstance(record.event, DayClosed):
            told[Day(record.event.business_day)] = record.event
    agree = [day for day, said in told.items() if closings.of_day(conn, epoch, day) == declared(said)]
    closings.were_told(conn, epoch, agree)
    last_day = max(told, default=None)
    closings.put_state(conn, epoch, msgspec.structs.replace(state, last_day=last_day))
