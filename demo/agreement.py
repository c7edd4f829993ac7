"""The tills' journals against HQ's ledger, byte by byte and point by point. Reads both, changes nothing.

lost      a record of a journal that HQ does not hold as it was written, or that should stand in an account
doubled   what a journal or the ledger holds twice, or a record at HQ that no journal has
differs   an event for which HQ gave other points than the till had claimed; HQ must keep a cause of each
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from demo.journals import Handed, Journal, read_journal
from demo.ledger import ZERO, Ledger, Points, causes_of, hq_balances, read_ledger
from demo.processes import Till
from edge_agent.store.quarantine import Refused
from hq_server.day_view import TerminalDay
from hq_server.periods import PeriodStatus
from hq_server.reconcile import ExceptionView
from loyalty_core.events import (
    EventId,
    PurchaseRecorded,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionAuthorised,
    RedemptionCommitted,
    ReturnRecorded,
    VisitRecorded,
)
from loyalty_core.journal import Record
from loyalty_core.units import Day, EpochMs

UNEXPLAINED: Final = "unexplained"
"""A cause that is none."""


class TillAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """One till against HQ. `elsewhere` are returns of what another store sold, `unasked` points spent by the
    allowance, without HQ."""

    terminal_id: str
    recorded: int
    synced: int
    applied: int
    lost: int
    doubled: int
    sales: int
    returns: int
    elsewhere: int
    claims: int
    redemptions: int
    unasked: int
    closed: int
    claimed: int
    posted: int
    differs: int
    causes: dict[str, int]
    members: int
    balances_differ: int

    @property
    def agrees(self) -> bool:
        """Tell whether nothing is lost, doubled, unsent or unexplained, and the till shows HQ's balances."""
        whole = self.recorded == self.synced == self.applied and not self.lost and not self.doubled
        return whole and UNEXPLAINED not in self.causes and not self.balances_differ


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `missing` are things that a till's software got rid of and no journal has.

    `astray` are business days of a till of which its software, its journal and HQ do not say the same.
    """

    tills: tuple[TillAgreement, ...]
    missing: tuple[Handed, ...]
    refused: tuple[Refused, ...]
    astray: tuple[tuple[Day, TerminalDay], ...]
    waited: int
    exceptions: tuple[ExceptionView, ...]
    period: PeriodStatus
    flows: dict[str, int]
    outstanding: int
    totals: dict[str, int]
    stories: dict[str, Points]

    @property
    def agrees(self) -> bool:
        """Tell whether every till agrees on every day, and nothing that was handed in is missing."""
        return not self.missing and not self.astray and all(till.agrees for till in self.tills)


def compare(
    tills: Sequence[Till],
    handed: Sequence[set[Handed]],
    hq: Path,
    days: Sequence[Day],
    period_id: str,
    now_ms: EpochMs,
) -> Agreement:
    """Return how the tills' journals and HQ's ledger agree, each read from one state of its store.

    HQ is read first, so everything must have settled: what a till recorded meanwhile would count as lost.
    """
    ledger = read_ledger(hq, tills, days, period_id, now_ms)
    journals = [read_journal(till, ledger.balances) for till in tills]
    claims = _claims(journals)
    return Agreement(
        tills=tuple([_till(own, ledger, claims) for own in journals]),
        missing=tuple(_missing(journals, handed)),
        refused=tuple([refused for own in journals for refused in own.refused]),
        astray=tuple([(day, one) for day, one in ledger.days if not _is_same(one)]),
        waited=ledger.waited,
        exceptions=tuple(ledger.exceptions),
        period=ledger.period,
        flows=dict(ledger.flows),
        outstanding=sum(ledger.balances.values()),
        totals=ledger.totals,
        stories=ledger.stories,
    )


def unrecorded(tills: Sequence[Till], handed: Sequence[set[Handed]]) -> list[Handed]:
    """Return what was handed in and is in no journal."""
    return _missing([read_journal(till) for till in tills], handed)


def have_settled(tills: Sequence[Till], hq: Path, last_day: Day) -> bool:
    """Tell whether the tills have declared every day and sent all, and show the ledger's balances."""
    balances = hq_balances(hq)
    for till in tills:
        own = read_journal(till, balances)
        if own.waiting or not own.is_closed(last_day):
            return False
        if any(balances[member] != shown for member, shown in own.balances.items()):
            return False
    return True


def _missing(journals: Sequence[Journal], handed: Sequence[set[Handed]]) -> list[Handed]:
    found = zip(journals, handed, strict=True)
    return sorted([one for own, given in found for one in given - own.names.keys()])


_Claims = dict[ReceiptKey, Points]
"""What was claimed, and what the till where it was has answered."""


def _claims(journals: Sequence[Journal]) -> _Claims:
    records = [record for own in journals for _, record in own.records.values()]
    return {
        record.event.receipt: _said(record) for record in records if isinstance(record.event, ReceiptClaimed)
    }


def _till(own: Journal, ledger: Ledger, claims: _Claims) -> TillAgreement:
    events = [(event, record) for event, (_, record) in own.records.items()]
    applied = sum(
        data in ledger.kept.get(event, ()) and _stands(ledger, event, record, claims)
        for event, (data, record) in own.records.items()
    )
    claimed = {event: _answered(record, claims) for event, record in events}
    given = {event: ledger.posted.get(event, ZERO) for event, _ in events}
    shown = [member for member, balance in own.balances.items() if ledger.balances.get(member, 0) != balance]
    causes, differs = causes_of(ledger, own.till.terminal_id), sum(claimed[e] != given[e] for e in given)
    if causes.total() != differs:
        causes[UNEXPLAINED] += abs(differs - causes.total())
    kinds = Counter(type(record.event) for _, record in events)
    back = [record.event for _, record in events if isinstance(record.event, ReturnRecorded)]
    return TillAgreement(
        terminal_id=own.till.terminal_id,
        recorded=len(own.records),
        synced=own.synced,
        applied=applied,
        lost=len(own.records) - applied,
        doubled=_doubled(own, ledger),
        sales=kinds[PurchaseRecorded] + kinds[VisitRecorded],
        returns=len(back),
        elsewhere=sum(one.original is not None and one.original.store != one.receipt.store for one in back),
        claims=kinds[ReceiptClaimed],
        redemptions=kinds[RedemptionCommitted],
        unasked=_unasked(own),
        closed=len(own.closed),
        claimed=sum(redeemable for redeemable, _ in claimed.values()),
        posted=sum(redeemable for redeemable, _ in given.values()),
        differs=differs,
        causes=dict(causes),
        members=len(own.balances),
        balances_differ=len(shown),
    )


def _stands(ledger: Ledger, event: EventId, record: Record, claims: _Claims) -> bool:
    """Tell whether a record stands in an account, where it should: a purchase that nobody claims does not."""
    match record.event:
        case PurchaseRecorded(member=None, receipt=receipt) if receipt not in claims:
            return True
        case PurchaseRecorded() | VisitRecorded() | ReturnRecorded() | RedemptionCommitted():
            return ledger.counted[event] >= 1
    return True


def _doubled(own: Journal, ledger: Ledger) -> int:
    twice_here = sum(count - 1 for count in own.names.values())
    twice_there = sum(ledger.counted[event] - 1 for event in own.records if ledger.counted[event] > 1)
    kept_more = sum(
        len(kept) - (event in own.records)
        for event, kept in ledger.kept.items()
        if event.terminal_id == own.till.terminal_id
    )
    return twice_here + twice_there + kept_more


def _unasked(own: Journal) -> int:
    """Return the points that were spent by the allowance that HQ had signed, without asking it."""
    events = [record.event for _, record in own.records.values()]
    spent = {event.redemption for event in events if isinstance(event, RedemptionCommitted)}
    held = [event for event in events if isinstance(event, RedemptionAuthorised)]
    return sum(event.allowance for event in held if event.redemption in spent)


def _answered(record: Record, claims: _Claims) -> Points:
    """Return what was answered for a record; of a purchase that was claimed, at the claim."""
    match record.event:
        case PurchaseRecorded(member=None, receipt=receipt):
            return claims.get(receipt, ZERO)
        case PurchaseRecorded() | VisitRecorded() | ReturnRecorded():
            return _said(record)
    return ZERO


def _said(record: Record) -> Points:
    claim = record.claim
    return ZERO if claim is None else (claim.redeemable, claim.qualifying)


def _is_same(day: TerminalDay) -> bool:
    """Tell whether a till's software, its journal and HQ say the same of a day."""
    if day.journal is None or day.differs:
        return False
    sold = (0, 0) if day.software is None else (day.software.receipts, day.software.net_minor)
    return sold == (day.journal.receipts, day.journal.net_minor) == (day.held.receipts, day.held.net_minor)
