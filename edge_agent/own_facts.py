"""What this till knows of an account's business days: its own events, and all about their purchases.

It is read once. Folding it touches no store, so days can also be looked at as they stood before some event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from edge_agent.books import Books
from edge_agent.pos_adapter.understanding import natural_key
from edge_agent.store import entries, journal, receipt_facts
from edge_agent.store.database import Connection
from edge_agent.store.entries import Award, Movement
from loyalty_core.events import (
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
from loyalty_core.messages import Stamp
from loyalty_core.receipts import Receipt, ReceiptRules, fold_receipt
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day

EVER: Final = Stamp(2**53, 0, 0)
"""Above every event."""
Keep = Callable[[EventId], bool]
"""Tells which events are looked at."""
_EARNING: Final = PurchaseRecorded | VisitRecorded | ReceiptClaimed
"""One of these makes a receipt the account's own."""


class OfDay(msgspec.Struct, frozen=True):
    """One member-day: what earns, what was spent, and the facts of each receipt by its natural key."""

    earning: list[Resolved]
    spending: list[Resolved]
    receipts: dict[str, dict[EventId, Fact]]


class _Group(msgspec.Struct, frozen=True):
    """All that concerns one receipt, what of it is booked in this account's day, and what it amounts to."""

    facts: dict[EventId, Fact]
    booked: set[EventId]
    receipt: Receipt


class OwnFacts:
    """Own events by day, with the points booked for them; `new` is one that is not booked yet."""

    def __init__(
        self,
        movements: dict[Day, list[Movement]],
        facts: dict[EventId, Fact],
        filed: dict[str, dict[EventId, Fact]],
        rules: ReceiptRules,
        new: tuple[Day, EventId] | None,
    ) -> None:
        self.movements, self.facts = movements, facts
        self._filed, self._rules, self._new = filed, rules, new
        self._groups: dict[Day, dict[str, _Group]] = {}

    @property
    def days(self) -> list[Day]:
        """The days, in order."""
        return sorted(self.movements)

    def stood(self, day: Day) -> dict[EventId, Award]:
        """Return the points that are booked for each event of a day."""
        found: dict[EventId, Award] = {}
        for move in self.movements[day]:
            if move.record is not None:
                found[move.of.event] = move.of.plus(found.get(move.of.event))
        return found

    def of_day(self, day: Day, keep: Keep | None = None) -> OfDay:
        """Return a day, with all events or those that are kept, each receipt with all that concerns it.

        A receipt counts if its purchase, visit or claim is booked in this account's day.
        """
        groups = self._groups.get(day)
        if groups is None:
            groups = self._groups[day] = dict(self._grouped(day))
        if keep is not None:
            groups = dict(self._kept(groups, self._booked(day, keep), keep))
        earning: list[Resolved] = []
        spending: list[Resolved] = []
        for group in groups.values():
            resolved, own = group.receipt.resolved, [group.facts[event].event for event in group.booked]
            if resolved is not None and any(isinstance(event, _EARNING) for event in own):
                earning.append(resolved)
            spending += [one.resolved for one in group.receipt.spent if one.resolved.item.id in group.booked]
        return OfDay(earning, spending, {key: group.facts for key, group in groups.items()})

    def _booked(self, day: Day, keep: Keep) -> set[EventId]:
        found = {
            move.of.event
            for move in self.movements[day]
            if move.record is not None and keep(move.cause) and keep(move.of.event)
        }
        if self._new is not None and self._new[0] == day and keep(self._new[1]):
            found.add(self._new[1])
        return found

    def _grouped(self, day: Day) -> Iterable[tuple[str, _Group]]:
        booked = self._booked(day, lambda _: True)
        keys: dict[str, set[EventId]] = {}
        for event in booked:
            keys.setdefault(receipt_of(self.facts[event]), set()).add(event)
        for key, of_receipt in keys.items():
            facts = self._filed.get(key, {}) | {event: self.facts[event] for event in of_receipt}
            yield key, _Group(facts, of_receipt, fold_receipt(facts.values(), self._rules))

    def _kept(
        self, groups: dict[str, _Group], booked: set[EventId], keep: Keep
    ) -> Iterable[tuple[str, _Group]]:
        """Yield what is left of the groups; one of which all is kept need not be folded again."""
        for key, group in groups.items():
            facts = {event: fact for event, fact in group.facts.items() if keep(event)}
            of_receipt = group.booked & booked
            if len(facts) == len(group.facts):
                yield key, _Group(facts, of_receipt, group.receipt)
            else:
                yield key, _Group(facts, of_receipt, fold_receipt(facts.values(), self._rules))


def read(
    conn: Connection,
    books: Books,
    account: str,
    day: Day,
    *,
    above: Stamp = EVER,
    new: Fact | None = None,
) -> OwnFacts:
    """Return what is known of a day, and of all others on which events above a stamp moved something."""
    terminal = books.terminal
    moves = entries.of_days(conn, account, day, above, terminal.terminal_id)
    movements: dict[Day, list[Movement]] = {day: []}
    facts: dict[EventId, Fact] = {}
    for move in moves:
        if move.record is not None and move.of.event not in facts:
            says = journal.readable(move.record)
            if says is None:
                continue
            facts[move.of.event] = Fact(move.of.event, says.event)
        movements.setdefault(move.earned_day, []).append(move)
    if new is not None:
        facts[new.id] = new
    purchases = {receipt_of(fact) for fact in facts.values() if purchase_of(fact.event) is not None}
    filed = receipt_facts.of(conn, purchases, terminal.terminal_id, facts) if purchases else {}
    return OwnFacts(movements, facts, filed, rules_of(books), None if new is None else (day, new.id))


def rules_of(books: Books) -> ReceiptRules:
    """Return what the fold of a receipt of this till needs besides the facts."""
    return ReceiptRules(books.terminal.store_id, books.terminal.place.zone, books.claim_days)


def purchase_as_known(conn: Connection, books: Books, purchase: str) -> Receipt:
    """Return what this till's facts about a purchase, named by its natural key, amount to."""
    facts = receipt_facts.of(conn, [purchase], books.terminal.terminal_id).get(purchase, {})
    return fold_receipt(facts.values(), rules_of(books))


def is_taken_back(conn: Connection, books: Books, key: ReceiptKey) -> bool:
    """Tell whether nothing is left of a purchase, as far as this till knows it: void or wholly returned."""
    resolved = purchase_as_known(conn, books, natural_key("purchase", key)).resolved
    return resolved is not None and any(back.remains is None for back in resolved.takebacks)


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


def receipt_of(fact: Fact) -> str:
    """Return the natural key under which the till folds an event; what stands alone is named by its place."""
    match fact.event:
        case VisitRecorded(receipt=ReceiptKey() as key) | VisitVoided(receipt=ReceiptKey() as key):
            return natural_key("visit", key)
        case VisitVoided(epoch=epoch, seq=seq):
            return f"visit/{epoch}/{seq}"
    return purchase_of(fact.event) or f"visit/{fact.id.epoch}/{fact.id.seq}"
