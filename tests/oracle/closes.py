"""After a close: later gains count first, late returns empty them, and the rest goes to an open period."""

from __future__ import annotations

from collections.abc import Mapping

from loyalty_core.events import EventId
from tests.oracle.told import Order, next_period, period_called, period_of, survivor
from tests.oracle.world import NOTHING, Entries, Identity, Points, World


def settle(
    world: World, member: str, entries: Entries, turns: Mapping[EventId, Order]
) -> tuple[Entries, dict[str, int]]:
    """Return the entries with late clawbacks split, and the qualifying total of each period.

    `turns` are the places of returns and voids in canonical order, none before its item. What else would
    lower a closed total is put back by an adjustment without event.
    """
    settled = dict(entries)
    totals: dict[str, int] = {}
    for period in sorted(period_called(world, name) for name in world.closes if _closed(world, member, name)):
        frozen = sum(
            total
            for whose, total in world.closes[period.id].totals.items()
            if survivor(world, whose) == member
        )
        late = [
            identity
            for identity in settled
            if identity.kind == "clawback"
            and identity.period == period.id
            and settled[identity].qualifying < 0
            and not _was_posted(world, member, identity, period.id)
        ]
        late.sort(key=lambda identity: _turn(identity, turns))
        without = sum(
            points.qualifying
            for identity, points in settled.items()
            if identity.period == period.id and identity not in late
        )
        after_close = max(0, without - frozen)
        if without < frozen:
            kept = Identity("adjustment", None, "closed-total", period.last, period.id)
            settled[kept] = Points(0, frozen - without)
        for identity in late:
            points = settled[identity]
            taken = min(-points.qualifying, after_close)
            after_close -= taken
            rest = -points.qualifying - taken
            settled[identity] = Points(points.redeemable, -taken)
            elsewhere = identity._replace(period=_open(world, member, identity))
            settled[elsewhere] = settled.get(elsewhere, NOTHING).plus(Points(0, -rest))
        totals[period.id] = frozen + after_close
    for identity, points in settled.items():
        if not _closed(world, member, identity.period):
            totals[identity.period] = totals.get(identity.period, 0) + points.qualifying
    return settled, totals


def _was_posted(world: World, member: str, identity: Identity, period: str) -> bool:
    """Tell whether a return's clawback stood in the ledger when the period was closed."""
    return any(
        survivor(world, whose) == member
        and (one.kind, one.event, one.period) == ("clawback", identity.event, period)
        for whose, one in world.closes[period].posted
    )


def _closed(world: World, member: str, period: str) -> bool:
    return period in world.closes and world.closes[period].reached(member)


def _turn(identity: Identity, turns: Mapping[EventId, Order]) -> Order:
    assert identity.event is not None
    return turns[identity.event]


def _open(world: World, member: str, identity: Identity) -> str:
    """Return the period of a late clawback's date, or the next that is open.

    It is never one before the period that it takes from, whatever clock dated the return. A period that was
    closed with the rest of this very clawback in it keeps it.
    """
    assert identity.day is not None
    period = max(period_of(world, identity.day), period_called(world, identity.period))
    while _closed(world, member, period.id) and not _was_posted(world, member, identity, period.id):
        period = next_period(world, period)
    return period.id
