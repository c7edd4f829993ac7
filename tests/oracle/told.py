"""Each fact once, in canonical order, on the day where it counts and by the member whom it names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec

from loyalty_core.events import (
    HQ,
    Event,
    EventId,
    EventPlaced,
    PurchaseRecorded,
    PurchaseVoided,
    ReturnRecorded,
    VisitRecorded,
)
from loyalty_core.programme import Programme
from tests.oracle.world import World

Order = tuple[int, str, int, int, int]


@dataclass(frozen=True, slots=True)
class Said:
    """A fact as it counts: `order` is that of the record, `day` and `minute` are where HQ placed it.

    `who` is the member behind the reference, None when nobody is named or nobody is known by it; `called` is
    the member, or else the reference itself.
    """

    id: EventId
    event: Event
    order: Order
    day: int
    minute: int
    store: str
    who: str | None
    called: str | None


def told(world: World) -> list[Said]:
    """Return what counts, in canonical order: no receipts of another store than their terminal's."""
    facts = dict(world.facts)
    placed: dict[EventId, EventPlaced] = {}
    for _, decision in sorted(world.facts, key=lambda fact: fact[0]):
        if isinstance(decision, EventPlaced):
            named = (decision.terminal_id, decision.epoch, decision.branch, decision.seq)
            placed.update({known: decision for known in facts if tuple_of(known) == named})
    said = []
    for place, event in facts.items():
        if isinstance(event, EventPlaced):
            continue
        if isinstance(event, ReturnRecorded) and event.original is None:
            event = msgspec.structs.replace(event, original=world.matches.get(place))
        store = world.terminals.get(place.terminal_id, "")
        own_receipt = (
            event.receipt
            if isinstance(event, PurchaseRecorded | ReturnRecorded | PurchaseVoided | VisitRecorded)
            else None
        )
        if own_receipt is not None and own_receipt.store != store:
            continue
        where = placed.get(place, event)
        who = None if event.member is None else world.members.get((store, event.member))
        who = None if who is None else survivor(world, who)
        said.append(
            Said(
                id=place,
                event=event,
                order=(event.occurred_at_ms, *tuple_of(place)),
                day=where.business_day,
                minute=0 if place.terminal_id == HQ else minute_of(world, where.occurred_at_ms, store),
                store=store,
                who=who,
                called=who or _unknown(event.member, store),
            )
        )
    return sorted(said, key=lambda one: one.order)


def _unknown(reference: str | None, store: str) -> str | None:
    """Return a reference behind which nobody is known; a hash is made with its store's key."""
    return f"{store} {reference}" if reference is not None and reference.startswith("h:") else reference


def tuple_of(place: EventId) -> tuple[str, int, int, int]:
    """Return the parts of an event's identity."""
    return place.terminal_id, place.epoch, place.branch, place.seq


def minute_of(world: World, at_ms: int, store: str) -> int:
    """Return the minute of the day that the store's wall clock shows."""
    wall = datetime.fromtimestamp(at_ms // 1000, world.places[store].zone)
    return wall.hour * 60 + wall.minute


def survivor(world: World, member: str) -> str:
    """Return whose account a member's is, after all merges that stand."""
    into = dict(world.merges)
    while member in into:
        member = into[member]
    return member


def date_of(day: int) -> date:
    """Return the date of a day number."""
    return date(1970, 1, 1) + timedelta(days=day)


def day_of(when: date) -> int:
    """Return the number of a date."""
    return (when - date(1970, 1, 1)).days


class Period(NamedTuple):
    """A qualification period. It sorts by its first day."""

    first: int
    last: int
    id: str


def period_of(world: World, day: int) -> Period:
    """Return the period of a business day."""
    months = world.programmes[0].period_months
    today = date_of(day)
    part = (today.month - 1) // months
    name = {12: "", 6: f"-H{part + 1}", 3: f"-Q{part + 1}", 1: f"-{part + 1:02}"}[months]
    first = date(today.year, part * months + 1, 1)
    following = date(today.year + (part + 1) * months // 12, (part + 1) * months % 12 + 1, 1)
    return Period(day_of(first), day_of(following) - 1, f"{today.year:04}{name}")


def period_called(world: World, name: str) -> Period:
    """Return the period of an id."""
    months = [day_of(date(int(name[:4]), month, 1)) for month in range(1, 13)]
    return next(period for day in months if (period := period_of(world, day)).id == name)


def next_period(world: World, period: Period) -> Period:
    """Return the period that follows."""
    return period_of(world, period.last + 1)


def version_on(world: World, day: int) -> Programme | None:
    """Return the version of a date: the highest that is in effect."""
    in_effect = [one for one in world.programmes if one.effective_from <= day]
    return max(in_effect, key=lambda one: one.version, default=None)


def tier_on(world: World, member: str, day: int) -> str:
    """Return the tier in force for a member: the highest of all who count as the member."""
    ladder = [tier.code for programme in [version_on(world, day)] if programme for tier in programme.ladder]
    held = [ladder[0]] if ladder else [""]
    for one, steps in world.tiers.items():
        if survivor(world, one) == member:
            held += [code for first, code in sorted(steps) if first <= day][-1:]
    return max(held, key=lambda code: ladder.index(code) if code in ladder else -1)
