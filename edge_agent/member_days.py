"""One member's business day as this till knows it: what its own events give, and what a new one changes.

A correction of an earlier event is booked under the new event. What HQ has posted is in the balance that
HQ sent, whatever this till had thought it gave: booked is then only what the new event changes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge_agent.books import Books
from edge_agent.pos_adapter.receipt import natural_key
from edge_agent.store import entries, members, receipt_facts
from edge_agent.store.database import Connection
from edge_agent.store.entries import Award
from loyalty_core.account import account_entries
from loyalty_core.accrual import DayRules, derive_day, rules_of_day
from loyalty_core.entries import PointEntry, Step
from loyalty_core.events import (
    Claim,
    Event,
    EventId,
    Fact,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionCommitted,
    ReturnRecorded,
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
    """What a new event gives, and what the till claims it gave (None without a programme).

    `taken_back`: of the purchase something was voided or returned before.
    """

    redeemable: int = 0
    qualifying: int = 0
    steps: tuple[Step, ...] = ()
    claim: Claim | None = None
    taken_back: bool = False


class MemberDays:
    """Derives member-days; holds nothing but rules that it has worked out."""

    def __init__(self) -> None:
        self._rules: dict[tuple[int, Day, str], DayRules] = {}

    def stands(self, conn: Connection, books: Books, account: str, day: Day, event: EventId) -> Posted:
        """Return what an event gives as the till's own events of the member-day stand now."""
        rules = self._rules_on(books, _row(conn, account), day)
        own = [fact for _, fact in _own(conn, books, account, day)]
        told = next((fact for fact in own if fact.id == event), None)
        if told is None:
            return Posted()
        return _derive(conn, books, rules, own, None).posted(told, rules)

    def resolved(self, conn: Connection, books: Books, account: str, day: Day) -> list[Resolved]:
        """Return the receipts and visits of a member-day that this till has recorded itself."""
        own = [fact for _, fact in _own(conn, books, account, day)]
        return _derive(conn, books, None, own, None).earning

    def post(self, conn: Connection, books: Books, account: str, day: Day, new: Fact) -> Posted:
        """Book what a new fact gives and changes of the day's others; return what it gives."""
        row = _row(conn, account)
        rules = self._rules_on(books, row, day)
        own = _own(conn, books, account, day)
        facts = [fact for _, fact in own]
        derived = _derive(conn, books, rules, facts, new)
        awards = derived.awards()
        stamp = row.stamp if row and row.stamp else members.NEVER
        before: dict[EventId, Award] = {}
        if any(_is_posted(award.event, stamp) for award, _ in own):
            before = _derive(conn, books, rules, facts, None).awards()
        stood = {award.event: award for award, _ in own}
        for event in {**stood, **awards}:
            if event == new.id:
                continue
            nothing = Award(event, 0, 0)
            was = before.get(event, nothing) if _is_posted(event, stamp) else stood.get(event, nothing)
            _book_change(conn, account, day, new.id, was, awards.get(event, nothing))
        entries.add(conn, account, new.id, day, awards.get(new.id, Award(new.id, 0, 0)))
        return derived.posted(new, rules)

    def _rules_on(self, books: Books, row: MemberRow | None, day: Day) -> DayRules | None:
        """Return the rules of a member-day, None without a programme."""
        programme = books.programme_on(day)
        if programme is None:
            return None
        tier = tier_held(row, programme)
        rules = self._rules.get((programme.version, day, tier))
        if rules is None:
            if len(self._rules) >= RULES_KEPT:
                self._rules.clear()
            rules = self._rules[programme.version, day, tier] = rules_of_day(programme, day, tier)
        return rules


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


class _Derived(msgspec.Struct, frozen=True):
    """What stands for an account's day, and the facts of each receipt that it was derived from."""

    entries: tuple[PointEntry, ...]
    earning: list[Resolved]
    receipts: dict[str, dict[EventId, Fact]]

    def awards(self) -> dict[EventId, Award]:
        """Return the points of each event."""
        found: dict[EventId, Award] = {}
        for entry in self.entries:
            before = found.get(entry.event, Award(entry.event, 0, 0))
            redeemable = before.redeemable + entry.redeemable
            found[entry.event] = Award(entry.event, redeemable, before.qualifying + entry.qualifying)
        return found

    def posted(self, fact: Fact, rules: DayRules | None) -> Posted:
        """Return what is answered for a fact: a purchase, and a claim of it, less what came back before."""
        told, claimed, taken_back = {fact.id}, {fact.id}, False
        if isinstance(fact.event, ReceiptClaimed | PurchaseRecorded):
            of_receipt = self.receipts[_receipt_of(fact)].values()
            told = {one.id for one in of_receipt}
            claimed = {one.id for one in of_receipt if isinstance(one.event, PurchaseRecorded)}
            taken_back = any(isinstance(one.event, PurchaseVoided | ReturnRecorded) for one in of_receipt)
        entries = [entry for entry in self.entries if entry.event in told]
        answered = [one for one in entries if one.event in claimed and one.kind in ("earn", "clawback")]
        claim = None
        if rules is not None:
            redeemable = sum(entry.redeemable for entry in answered)
            qualifying = sum(entry.qualifying for entry in answered)
            claim = Claim(rules.version, rules.tier, redeemable, qualifying)
        return Posted(
            redeemable=sum(entry.redeemable for entry in entries),
            qualifying=sum(entry.qualifying for entry in entries),
            steps=tuple([step for entry in entries for step in entry.steps]),
            claim=claim,
            taken_back=taken_back,
        )


def _derive(
    conn: Connection, books: Books, rules: DayRules | None, own: list[Fact], new: Fact | None
) -> _Derived:
    """Return what stands for the events of an account's day, each receipt with all that concerns it.

    `own` are those that are booked there; a receipt counts if its purchase, visit or claim is one of them.
    """
    facts = own if new is None else [*own, new]
    groups: dict[str, dict[EventId, Fact]] = {}
    for fact in facts:
        groups.setdefault(_receipt_of(fact), {})[fact.id] = fact
    purchases = [key for key in groups if key.startswith("purchase/")]
    for key, known in receipt_facts.of(conn, purchases, books.terminal.terminal_id).items():
        groups[key] = {fact.id: fact for fact in known} | groups[key]
    booked = {fact.id for fact in facts}
    identity = books.terminal
    receipt_rules = ReceiptRules(identity.store_id, identity.place.zone, books.claim_days)
    earning: list[Resolved] = []
    spending: list[Resolved] = []
    for of_receipt in groups.values():
        receipt = fold_receipt(of_receipt.values(), receipt_rules)
        if receipt.resolved is not None and any(
            fact.id in booked and isinstance(fact.event, PurchaseRecorded | VisitRecorded | ReceiptClaimed)
            for fact in of_receipt.values()
        ):
            earning.append(receipt.resolved)
        spending += [one.resolved for one in receipt.spent if one.resolved.item.id in booked]
    spent = account_entries(spending, books.version_on, books.period_months)
    return _Derived((*derive_day(rules, earning), *spent) if rules else spent, earning, groups)


def _is_posted(event: EventId, stamp: Stamp) -> bool:
    return (event.epoch, event.branch, event.seq) <= (stamp.epoch, stamp.branch, stamp.seq)


def _book_change(
    conn: Connection, account: str, day: Day, cause: EventId, stood: Award, stands: Award
) -> None:
    redeemable = stands.redeemable - stood.redeemable
    qualifying = stands.qualifying - stood.qualifying
    if redeemable or qualifying:
        entries.add(conn, account, cause, day, Award(stands.event, redeemable, qualifying))


def purchase_of(event: Event) -> str | None:
    """Return the natural key of the purchase that an event is, or concerns; None for others."""
    match event:
        case PurchaseRecorded(receipt=key) | ReceiptClaimed(receipt=key):
            return natural_key("purchase", key)
        case PurchaseVoided(original=key) | ReturnRecorded(original=ReceiptKey() as key):
            return natural_key("purchase", key)
        case RedemptionCommitted(receipt=ReceiptKey() as key):
            return natural_key("purchase", key)
    return None


def _receipt_of(fact: Fact) -> str:
    match fact.event:
        case VisitRecorded(receipt=ReceiptKey() as key) | VisitVoided(receipt=ReceiptKey() as key):
            return natural_key("visit", key)
        case VisitVoided(epoch=epoch, seq=seq):
            return f"visit/{epoch}/{seq}"
    return purchase_of(fact.event) or f"visit/{fact.id.epoch}/{fact.id.seq}"
