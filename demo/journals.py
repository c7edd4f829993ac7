"""What one till holds: its journal as bytes and records, how far it is sent, what it shows. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing

import msgspec

from demo.processes import Till
from edge_agent.store import entries, journal, members, outbox, quarantine, terminal
from edge_agent.store.database import Connection, connect
from edge_agent.store.quarantine import Refused
from loyalty_core.calendar import date_of
from loyalty_core.control import DayFigures, Tally, count_records, declared, figures
from loyalty_core.events import (
    DayClosed,
    DayTotal,
    EventId,
    PurchaseRecorded,
    ReceiptClaimed,
    RedemptionCommitted,
    ReturnRecorded,
    VisitRecorded,
)
from loyalty_core.journal import Record, unpack_record
from loyalty_core.units import Day, Seq

Handed = tuple[str, str]
"""What kind, and its name: a receipt's number, an Idempotency-Key, a redemption's id, a day."""


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """What one till holds."""

    till: Till
    records: dict[EventId, tuple[bytes, Record]]
    synced: int
    waiting: int
    refused: list[Refused]
    balances: dict[str, int]

    @property
    def names(self) -> Counter[Handed]:
        """What of it the till's software can know, and how often it is there."""
        return Counter(name for _, record in self.records.values() if (name := name_of(record)) is not None)

    @property
    def closed(self) -> dict[int, DayFigures]:
        """The business days that the till has declared, each with its last word."""
        said = [record.event for _, record in self.records.values() if isinstance(record.event, DayClosed)]
        return {event.business_day: declared(event) for event in said}

    def is_closed(self, through: Day) -> bool:
        """Tell whether every day up to this one is declared as the journal's own records make it."""
        days: dict[Day, list[tuple[int, Tally]]] = {}
        counted = count_records((event.seq, record) for event, (_, record) in self.records.items())
        for (day, code), tally in counted.items():
            days.setdefault(day, []).append((code, tally))
        closed = self.closed
        return all(closed.get(day) == figures(days[day]) for day in days if day <= through)


def name_of(record: Record) -> Handed | None:
    """Return by which name the till's software knows a record."""
    match record.event:
        case PurchaseRecorded(receipt=receipt):
            return "purchase", receipt.number
        case ReturnRecorded(receipt=receipt):
            return "return", receipt.number
        case VisitRecorded():
            return "visit", record.natural_key or ""
        case ReceiptClaimed():
            return "claim", record.natural_key or ""
        case RedemptionCommitted(redemption=redemption):
            return "redemption", redemption
        case DayTotal(business_day=day):
            return "day_total", date_of(Day(day)).isoformat()
    return None


def read_journal(till: Till, member_ids: Iterable[str] = ()) -> Journal:
    """Return what a till holds: its journal, how far it is acknowledged, what it shows of these members."""
    with closing(connect(till.database, read_only=True)) as conn:
        conn.execute("BEGIN")
        identity = terminal.read(conn)
        waiting, *_ = outbox.waiting(conn)
        records = {
            EventId(identity.terminal_id, epoch, branch, Seq(seq)): (data, unpack_record(data))
            for epoch, branch in journal.epochs(conn)
            for seq, data, _ in journal.walk(conn, epoch, branch)
        }
        return Journal(
            till=till,
            records=records,
            synced=sum(outbox.acknowledged(conn, epoch) for epoch, _ in journal.epochs(conn)),
            waiting=waiting,
            refused=quarantine.open_rows(conn),
            balances=dict(_shown_balances(conn, member_ids)),
        )


def _shown_balances(conn: Connection, member_ids: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the balance that a till shows of each it knows of these: HQ's word and its own since then."""
    for member_id in member_ids:
        row = members.read(conn, member_id)
        if row is not None:
            own = entries.above(conn, f"id:{member_id}", row.stamp or members.NEVER)
            yield member_id, row.balance + sum(moved.redeemable for moved in own)


def allowance(till: Till, member_id: str) -> int:
    """Return how many points of a member a till may let go without headquarters, as it was told."""
    with closing(connect(till.database, read_only=True)) as conn:
        row = members.read(conn, member_id)
    return 0 if row is None else row.allowance
