"""The tills' journals against HQ's ledger, byte by byte and point by point. Reads both, changes nothing.

lost      a record of a journal that HQ does not hold as it was written
doubled   a receipt that a journal or the ledger holds twice, or a record at HQ that no journal has
differs   an event for which HQ gave other points than the till had claimed; each must have a reason
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from demo.processes import Till
from edge_agent.store import entries, journal, members, outbox, quarantine, terminal
from edge_agent.store.database import Connection
from edge_agent.store.database import connect as connect_till
from edge_agent.store.quarantine import Refused
from hq_server.derivation import Rulebook
from hq_server.house import House, load_house
from hq_server.ledger import LedgerDay, ledger_accounts, ledger_days
from hq_server.periods import PeriodStatus, status
from hq_server.reconcile import ExceptionView, open_exceptions
from hq_server.references import bucket_of, keys_json
from hq_server.store.connection import Transaction, reading
from hq_server.store.connection import connect as connect_hq
from loyalty_core.entries import PointEntry, Step
from loyalty_core.envelope import peek
from loyalty_core.events import EventId, PurchaseRecorded, VisitRecorded
from loyalty_core.journal import Record, unpack_record
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.resolved import Item
from loyalty_core.units import EpochMs, Seq
from loyalty_core.wire import unpack

Points = tuple[int, int]
"""(redeemable, qualifying)"""
Handed = tuple[str, str]

UNEXPLAINED: Final = "no reason found"
ZERO: Final = (0, 0)
BEGINNING: Final = 4
"""Events of a history that are shown, and so should be of many kinds."""


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """What one till holds."""

    till: Till
    records: dict[EventId, tuple[bytes, Record]]
    synced: int
    waiting: int
    refused: list[Refused]
    balances: dict[str, int]


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What HQ holds. `kept` says which bytes of each record, `posted` which points in all.

    `counted` is how many member-days an event's receipt stands in; `steps` why it has its points; `days` what
    else is of its member-day. `variety` tells how many kinds of steps a member's history begins with.
    """

    kept: dict[EventId, list[bytes]]
    posted: dict[EventId, Points]
    counted: Counter[EventId]
    steps: dict[EventId, tuple[Step, ...]]
    days: dict[EventId, tuple[Item, ...]]
    balances: dict[str, int]
    totals: dict[str, int]
    variety: dict[str, int]


class TillAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """One till against HQ."""

    terminal_id: str
    recorded: int
    receipts: int
    synced: int
    applied: int
    lost: int
    doubled: int
    claimed: int
    posted: int
    differs: int
    reasons: dict[str, int]
    members: int
    balances_differ: int

    @property
    def agrees(self) -> bool:
        """Tell whether nothing is lost, doubled, unsent or unexplained, and the till shows HQ's balances."""
        whole = self.recorded == self.synced == self.applied and not self.lost and not self.doubled
        return whole and UNEXPLAINED not in self.reasons and not self.balances_differ


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `missing` are receipts that a till's software got rid of and no journal has."""

    tills: tuple[TillAgreement, ...]
    missing: tuple[Handed, ...]
    refused: tuple[Refused, ...]
    exceptions: tuple[ExceptionView, ...]
    period: PeriodStatus
    totals: dict[str, int]
    variety: dict[str, int]

    @property
    def agrees(self) -> bool:
        """Tell whether every till agrees and nothing that was handed in is missing."""
        return not self.missing and all(till.agrees for till in self.tills)


def compare(
    tills: Sequence[Till], handed: Sequence[set[Handed]], hq: Path, period_id: str, now_ms: EpochMs
) -> Agreement:
    """Return how the tills' journals and HQ's ledger agree, each read from one state of its store.

    HQ is read first, so everything must have settled: what a till recorded meanwhile would count as lost.
    """
    with closing(connect_hq(hq, read_only=True)) as connection, reading(connection) as tx:
        house = load_house(tx)
        ledger = _read_ledger(tx, house, tills, period_id)
        journals = [read_journal(till, ledger.balances) for till in tills]
        period = status(tx, house, period_id, now_ms)
        exceptions = tuple(open_exceptions(tx, now_ms))
    missing = [
        one for own, got_rid_of in zip(journals, handed, strict=True) for one in got_rid_of - _names(own)
    ]
    return Agreement(
        tills=tuple([_till(own, ledger) for own in journals]),
        missing=tuple(sorted(missing)),
        refused=tuple([refused for own in journals for refused in own.refused]),
        exceptions=exceptions,
        period=period,
        totals=ledger.totals,
        variety=ledger.variety,
    )


def read_journal(till: Till, member_ids: Iterable[str]) -> Journal:
    """Return what a till holds: its journal, how far it is acknowledged, what it shows of these members."""
    with closing(connect_till(till.database, read_only=True)) as conn:
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


def held_cards(hq: Path, cards: Iterable[str]) -> tuple[int, int]:
    """Return how many of these cards HQ does not know but holds something for, and how many receipts."""
    with closing(connect_hq(hq, read_only=True)) as connection, reading(connection) as tx:
        house = load_house(tx)
        keys = [(bucket_of(f"card:{card}", house.bucket_count), f"card:{card}") for card in cards]
        found = {name for (name,) in tx.all("accounts.held_references", keys=keys_json(keys))}
        receipts = sum(
            len(tx.all("accounts.held_receipts", bucket=bucket, reference=name))
            for bucket, name in keys
            if name in found
        )
    return len(found), receipts


def have_settled(tills: Sequence[Till], handed: Sequence[set[Handed]], hq: Path) -> bool:
    """Tell whether the tills recorded and sent all that was handed in, and show the ledger's balances."""
    with closing(connect_hq(hq, read_only=True)) as connection, reading(connection) as tx:
        balances = _hq_balances(tx, load_house(tx))
    for till, got_rid_of in zip(tills, handed, strict=True):
        own = read_journal(till, balances)
        if own.waiting or got_rid_of - _names(own):
            return False
        if any(balances[member] != shown for member, shown in own.balances.items()):
            return False
    return True


def _shown_balances(conn: Connection, member_ids: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the balance that a till shows of each it knows of these: HQ's word and its own since then."""
    for member_id in member_ids:
        row = members.read(conn, member_id)
        if row is not None:
            own = entries.above(conn, f"id:{member_id}", row.stamp or members.NEVER)
            yield member_id, row.balance + sum(moved.redeemable for moved in own)


def _names(own: Journal) -> set[Handed]:
    """Return what of a journal the till's software can know: receipts by number, visits by their key."""
    found: set[Handed] = set()
    for _, record in own.records.values():
        match record.event:
            case PurchaseRecorded(receipt=receipt):
                found.add(("purchase", receipt.number))
            case VisitRecorded() if record.natural_key is not None:
                found.add(("visit", record.natural_key))
    return found


def _read_ledger(tx: Transaction, house: House, tills: Iterable[Till], period_id: str) -> Ledger:
    ledger = Ledger(
        kept={},
        posted={},
        counted=Counter(),
        steps={},
        days={},
        balances=_hq_balances(tx, house),
        totals={},
        variety={},
    )
    rules = Rulebook(house)
    for till in tills:
        _read_kept(tx, till, ledger)
    for bucket in range(house.bucket_count):
        seen: dict[str, list[tuple[Step, ...]]] = defaultdict(list)
        for day in _days(tx, house, bucket):
            items = tuple([receipt.item for receipt in day.receipts])
            for item in items:
                ledger.counted[item.id] += 1
                ledger.days[item.id] = items
            for derived in rules.entries(day.business_day, day.receipts):
                ledger.steps[derived.event] = derived.steps
                seen[day.member_id].append(derived.steps)
            for one in day.posted:
                _add(ledger, one.entry, day.member_id, period_id)
        for member_id, steps in seen.items():
            ledger.variety[member_id] = len({(step.rule, step.kind) for step in chain(*steps[:BEGINNING])})
    return ledger


def _read_kept(tx: Transaction, till: Till, ledger: Ledger) -> None:
    """Take the records out of the batches that HQ has acknowledged to a till."""
    where = {"store_id": till.store_id, "terminal_id": till.terminal_id}
    for epoch, branch, *_ in tx.all("arrivals.heads", **where):
        for first, last, _, envelope in tx.each("arrivals.batches", **where, epoch=epoch, branch=branch):
            batch = unpack(peek(envelope, "dangol/batch/1")[1], Batch)
            for seq, data in enumerate(unpack_records(batch.packed), start=batch.first_seq):
                if first <= seq <= last:
                    event = EventId(till.terminal_id, epoch, branch, Seq(seq))
                    ledger.kept.setdefault(event, []).append(data)


def _add(ledger: Ledger, entry: PointEntry, member_id: str, period_id: str) -> None:
    redeemable, qualifying = ledger.posted.get(entry.event, ZERO)
    ledger.posted[entry.event] = redeemable + entry.redeemable, qualifying + entry.qualifying
    if entry.period_id == period_id:
        ledger.totals[member_id] = ledger.totals.get(member_id, 0) + entry.qualifying


def _hq_balances(tx: Transaction, house: House) -> dict[str, int]:
    """Return each member's balance as the sum of the entries, not as the account says it."""
    balances: Counter[str] = Counter()
    for bucket in range(house.bucket_count):
        for account in ledger_accounts(tx, house, bucket):
            balances[account.member_id] += sum(entry.redeemable for entry in account.entries)
    return dict(balances)


def _days(tx: Transaction, house: House, bucket: int) -> Iterator[LedgerDay]:
    for account in ledger_accounts(tx, house, bucket):
        yield from ledger_days(account)


def _till(own: Journal, ledger: Ledger) -> TillAgreement:
    receipts = [event for event, (_, record) in own.records.items() if _is_receipt(record)]
    applied = sum(_is_held(ledger, event, data, record) for event, (data, record) in own.records.items())
    reasons = Counter(reason for event in receipts if (reason := _difference(own, ledger, event)))
    shown = [member for member, balance in own.balances.items() if ledger.balances.get(member, 0) != balance]
    return TillAgreement(
        terminal_id=own.till.terminal_id,
        recorded=len(own.records),
        receipts=len(receipts),
        synced=own.synced,
        applied=applied,
        lost=len(own.records) - applied,
        doubled=_doubled(own, ledger),
        claimed=sum(_claim(own, event)[0] for event in receipts),
        posted=sum(ledger.posted.get(event, ZERO)[0] for event in own.records),
        differs=reasons.total(),
        reasons=dict(reasons),
        members=len(own.balances),
        balances_differ=len(shown),
    )


def _is_receipt(record: Record) -> bool:
    return isinstance(record.event, PurchaseRecorded | VisitRecorded)


def _is_held(ledger: Ledger, event: EventId, data: bytes, record: Record) -> bool:
    """Tell whether HQ kept a record's very bytes, and has a receipt stand in a member's account."""
    return data in ledger.kept.get(event, ()) and (not _is_receipt(record) or ledger.counted[event] >= 1)


def _doubled(own: Journal, ledger: Ledger) -> int:
    names = Counter(
        (type(record.event), record.event.receipt or record.natural_key)
        for _, record in own.records.values()
        if isinstance(record.event, PurchaseRecorded | VisitRecorded)
    )
    twice_here = sum(count - 1 for count in names.values())
    twice_there = sum(ledger.counted[event] - 1 for event in own.records if ledger.counted[event] > 1)
    kept_more = sum(
        len(kept) - (event in own.records)
        for event, kept in ledger.kept.items()
        if event.terminal_id == own.till.terminal_id
    )
    return twice_here + twice_there + kept_more


def _claim(own: Journal, event: EventId) -> Points:
    claim = own.records[event][1].claim
    return ZERO if claim is None else (claim.redeemable, claim.qualifying)


def _difference(own: Journal, ledger: Ledger, event: EventId) -> str | None:
    """Return why HQ gave other points than the till had claimed, None where it gave the same."""
    if _claim(own, event) == ledger.posted.get(event, ZERO):
        return None
    item = next((item for item in ledger.days.get(event, ()) if item.id == event), None)
    if item is None:
        return UNEXPLAINED
    others = [other for other in ledger.days[event] if other.id.terminal_id != event.terminal_id]
    kinds = {step.kind for step in ledger.steps.get(event, ())}
    if others and "limit" in kinds:
        return "the visit had counted at another till that day"
    if others:
        return "the day was shared with another till"
    if any(other.order < item.order and other.id > item.id for other in ledger.days[event]):
        return "an earlier event of that day was recorded later"
    return UNEXPLAINED
