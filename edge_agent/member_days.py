"""One member's business day as this till knows it: what its own events give, and what a new one changes.

A correction of an earlier event is booked under the new event. What HQ has posted is in the balance that
HQ sent, whatever this till had thought it gave: booked is then only what the new event changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from edge_agent.books import Books
from edge_agent.pos_adapter.receipt import natural_key
from edge_agent.store import entries, members
from edge_agent.store.database import Connection
from edge_agent.store.entries import Award
from edge_agent.store.terminal import Terminal
from loyalty_core.accrual import DayRules, derive_day, rules_of_day
from loyalty_core.entries import PointEntry
from loyalty_core.events import (
    Claim,
    EventId,
    Fact,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptKey,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.journal import unpack_record
from loyalty_core.messages import MemberRow, Stamp
from loyalty_core.programme import Programme
from loyalty_core.receipts import ReceiptRules, fold_receipt
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day

RULES_KEPT: Final = 1024


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What a new event gives, and what the till claims it gave; None of both without a programme."""

    entry: PointEntry | None
    claim: Claim | None


class MemberDays:
    """Derives member-days; holds nothing but rules that it has worked out."""

    def __init__(self) -> None:
        self._rules: dict[tuple[int, Day, str], DayRules] = {}

    def stands(self, conn: Connection, books: Books, account: str, day: Day) -> tuple[PointEntry, ...]:
        """Return what the till's own events of a member-day give, each with its steps."""
        rules, _ = self._rules_on(books, _row(conn, account), day)
        facts = [fact for _, fact in _own(conn, books, account, day)]
        return _derived(rules, facts, books.terminal)

    def post(self, conn: Connection, books: Books, account: str, day: Day, new: list[Fact]) -> Posted:
        """Book what new facts give and change of the day's others; return what the first one gives."""
        row = _row(conn, account)
        rules, tier = self._rules_on(books, row, day)
        own = _own(conn, books, account, day)
        facts = [fact for _, fact in own]
        derived = {entry.event: entry for entry in _derived(rules, [*facts, *new], books.terminal)}
        stamp = row.stamp if row and row.stamp else members.NEVER
        before = {}
        if any(_is_posted(award.event, stamp) for award, _ in own):
            before = {entry.event: entry for entry in _derived(rules, facts, books.terminal)}
        for award, _ in own:
            stood = _award(before, award.event) if _is_posted(award.event, stamp) else award
            _book_change(conn, account, day, new[0].id, stood, _award(derived, award.event))
        for fact in new:
            entries.add(conn, account, new[0].id, day, _award(derived, fact.id))
        entry = derived.get(new[0].id)
        return Posted(entry=entry, claim=_claim(rules, tier, entry))

    def resolved(self, conn: Connection, books: Books, account: str, day: Day) -> list[Resolved]:
        """Return what this till's own events of a member-day amount to."""
        return _resolved([fact for _, fact in _own(conn, books, account, day)], books.terminal)

    def _rules_on(self, books: Books, row: MemberRow | None, day: Day) -> tuple[DayRules | None, str]:
        """Return the rules of a member-day and the tier they are for, None without a programme."""
        programme = books.programme_on(day)
        if programme is None:
            return None, ""
        tier = tier_held(row, programme)
        rules = self._rules.get((programme.version, day, tier))
        if rules is None:
            if len(self._rules) >= RULES_KEPT:
                self._rules.clear()
            rules = self._rules[programme.version, day, tier] = rules_of_day(programme, day, tier)
        return rules, tier


def tier_held(row: MemberRow | None, programme: Programme) -> str:
    """Return the tier that a member holds as far as this till knows: the lowest if HQ said nothing."""
    codes = [tier.code for tier in programme.ladder]
    return row.tier if row is not None and row.tier in codes else codes[0]


def _row(conn: Connection, account: str) -> MemberRow | None:
    return members.read(conn, account.removeprefix("id:")) if account.startswith("id:") else None


def _own(conn: Connection, books: Books, account: str, day: Day) -> list[tuple[Award, Fact]]:
    """Return each event of the day with the points that are booked for it."""
    own = entries.of_day(conn, account, day, books.terminal.terminal_id)
    return [(award, Fact(award.event, unpack_record(record).event)) for award, record in own]


def _derived(rules: DayRules | None, facts: list[Fact], identity: Terminal) -> tuple[PointEntry, ...]:
    return derive_day(rules, _resolved(facts, identity)) if rules else ()


def _award(derived: dict[EventId, PointEntry], event: EventId) -> Award:
    entry = derived.get(event)
    return Award(event, entry.redeemable, entry.qualifying) if entry else Award(event, 0, 0)


def _is_posted(event: EventId, stamp: Stamp) -> bool:
    return (event.epoch, event.branch, event.seq) <= (stamp.epoch, stamp.branch, stamp.seq)


def _book_change(
    conn: Connection, account: str, day: Day, cause: EventId, stood: Award, stands: Award
) -> None:
    redeemable = stands.redeemable - stood.redeemable
    qualifying = stands.qualifying - stood.qualifying
    if redeemable or qualifying:
        entries.add(conn, account, cause, day, Award(stands.event, redeemable, qualifying))


def _claim(rules: DayRules | None, tier: str, entry: PointEntry | None) -> Claim | None:
    """Return what the till answers, to be compared with what HQ posts."""
    if rules is None:
        return None
    points = (entry.redeemable, entry.qualifying) if entry else (0, 0)
    return Claim(rules.version, tier, *points)


def _resolved(facts: Iterable[Fact], identity: Terminal) -> list[Resolved]:
    """Fold the facts of each receipt or visit by itself."""
    by_receipt: dict[str, list[Fact]] = {}
    for fact in facts:
        by_receipt.setdefault(_receipt_of(fact), []).append(fact)
    rules = ReceiptRules(identity.store_id, identity.place.zone, lambda _: 0)
    folded = [fold_receipt(own, rules).resolved for own in by_receipt.values()]
    return [resolved for resolved in folded if resolved is not None]


def _receipt_of(fact: Fact) -> str:
    match fact.event:
        case PurchaseRecorded(receipt=key) | PurchaseVoided(original=key):
            return natural_key("purchase", key)
        case VisitRecorded(receipt=ReceiptKey() as key) | VisitVoided(receipt=ReceiptKey() as key):
            return natural_key("visit", key)
        case VisitVoided(epoch=epoch, seq=seq):
            return f"visit/{epoch}/{seq}"
    return f"visit/{fact.id.epoch}/{fact.id.seq}"
