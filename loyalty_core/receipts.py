"""The fold of one receipt key: all facts that name it -> owner, content, what remains after each takeback.

A visit without a receipt key is folded alone, with its void. The result does not depend on the order in
which the facts are given. Returns join here as takebacks that leave a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from loyalty_core.calendar import local_time
from loyalty_core.events import (
    EventId,
    Fact,
    Order,
    PurchaseRecorded,
    PurchaseVoided,
    ReturnRecorded,
    VisitRecorded,
    VisitVoided,
    content_hash,
    money_of_lines,
)
from loyalty_core.programme import Kind
from loyalty_core.units import Day, EpochMs, Minute


class Item(msgspec.Struct, frozen=True, array_like=True):
    """What a day's rules see of one visit or purchase.

    `money` holds (category, net minor) a line, `tenders` (type, minor).
    """

    id: EventId
    occurred_at_ms: EpochMs
    kind: Kind
    store_id: str
    minute: Minute
    money: tuple[tuple[str, int], ...]
    tenders: tuple[tuple[str, int], ...]

    @property
    def order(self) -> Order:
        """The canonical order."""
        return (self.occurred_at_ms, *msgspec.structs.astuple(self.id))


class Takeback(msgspec.Struct, frozen=True, array_like=True):
    """A void (or, later, a return): what it leaves of the item."""

    id: EventId
    occurred_at_ms: EpochMs
    business_day: Day
    remains: Item | None

    @property
    def order(self) -> Order:
        """The canonical order; the day fold lets no takeback come before its item."""
        return (self.occurred_at_ms, *msgspec.structs.astuple(self.id))


class Resolved(msgspec.Struct, frozen=True, array_like=True):
    """One receipt or visit as its owner's business day takes it in."""

    business_day: Day
    item: Item
    takebacks: tuple[Takeback, ...]


class Conflict(msgspec.Struct, frozen=True):
    """A fact that does not go with the rest; each becomes an exception at HQ."""

    kind: Literal["copy_differs", "member_differs", "original_missing", "return_waiting"]
    event: EventId
    names: str = ""


class Receipt(msgspec.Struct, frozen=True):
    """The fold's result. `owner` is a look-up form or None; `resolved` is None while no original is known."""

    owner: str | None
    resolved: Resolved | None
    conflicts: tuple[Conflict, ...]


def fold_receipt(facts: Iterable[Fact], store_id: str, zone: ZoneInfo) -> Receipt:
    """Return what the facts of one receipt key amount to, whatever order they are given in.

    The store is the key's; its zone gives the local minute that time-of-day rules look at.
    """
    given = {fact.id: fact for fact in facts}
    if len(given) == 1:
        (only,) = given.values()
        if isinstance(only.event, PurchaseRecorded | VisitRecorded):
            return Receipt(only.event.member, _standing(only, store_id, zone, ()), ())
    ordered = sorted(given.values(), key=lambda fact: fact.order)
    originals = [f for f in ordered if isinstance(f.event, PurchaseRecorded | VisitRecorded)]
    waiting = [
        Conflict(kind="return_waiting", event=f.id) for f in ordered if isinstance(f.event, ReturnRecorded)
    ]
    voids = [f for f in ordered if isinstance(f.event, PurchaseVoided | VisitVoided)]
    fits = _voids_that_fit(originals)
    missing = [Conflict(kind="original_missing", event=void.id) for void in voids if not fits(void)]
    if not originals:
        return Receipt(owner=None, resolved=None, conflicts=(*waiting, *missing))
    first = originals[0]
    owner, conflicts = _owner(first, originals)
    takebacks = tuple([_takeback(void) for void in voids if fits(void)][:1])
    return Receipt(
        owner=owner,
        resolved=_standing(first, store_id, zone, takebacks),
        conflicts=(*conflicts, *waiting, *missing),
    )


def item_of(fact: Fact, store_id: str, zone: ZoneInfo) -> Item:
    """Return what the rules see of a purchase or visit.

    Raises:
        TypeError: for any other event.
    """
    event = fact.event
    at_ms = EpochMs(event.occurred_at_ms)
    _, minute = local_time(at_ms, zone)
    match event:
        case PurchaseRecorded():
            money = money_of_lines(event.net_minor, event.lines)
            tenders = tuple([(tender.type, tender.amount_minor) for tender in event.tenders])
            return Item(fact.id, at_ms, "purchase", store_id, minute, money, tenders)
        case VisitRecorded():
            return Item(fact.id, at_ms, "visit", store_id, minute, (), ())
    raise TypeError(f"{type(event).__name__} earns nothing")


def _standing(fact: Fact, store_id: str, zone: ZoneInfo, takebacks: tuple[Takeback, ...]) -> Resolved:
    return Resolved(Day(fact.event.business_day), item_of(fact, store_id, zone), takebacks)


def _owner(first: Fact, originals: list[Fact]) -> tuple[str | None, list[Conflict]]:
    owner = first.event.member
    conflicts = []
    if len(originals) > 1:
        content = content_hash(first.event)
        for fact in originals[1:]:
            named = fact.event.member
            if content_hash(fact.event) != content:
                conflicts.append(Conflict(kind="copy_differs", event=fact.id))
            elif owner is None:
                owner = named
            elif named is not None and named != owner:
                conflicts.append(Conflict(kind="member_differs", event=fact.id, names=named))
    return owner, conflicts


def _voids_that_fit(originals: list[Fact]) -> Callable[[Fact], bool]:
    """Return what tells whether a void means these: a purchase by its key, a visit by its journal place."""
    if not originals:
        return lambda _: False
    if isinstance(originals[0].event, PurchaseRecorded):
        return lambda void: isinstance(void.event, PurchaseVoided)
    places = {(f.id.terminal_id, f.id.epoch, f.id.seq) for f in originals}
    return lambda void: (
        isinstance(void.event, VisitVoided)
        and (void.id.terminal_id, void.event.epoch, void.event.seq) in places
    )


def _takeback(void: Fact) -> Takeback:
    return Takeback(void.id, EpochMs(void.event.occurred_at_ms), Day(void.event.business_day), None)
