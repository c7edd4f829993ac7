"""The part of the account fold that guards closed periods: what was decided on stays.

The total on which a period was closed is frozen. All later gains of the period count in what came after the
close, before any late clawback; these empty it in canonical order, and the rest of each goes to the period of
its own date, or the next that is open. What a later rule would take from a frozen total takes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from loyalty_core.calendar import period_after, period_of
from loyalty_core.entries import PointEntry
from loyalty_core.events import EventId, Order


class Closed(msgspec.Struct, frozen=True):
    """One member's closed period: the qualifying total decided on, and the clawbacks that were in it."""

    qualifying: int
    clawed: frozenset[EventId]


def freeze(
    entries: Iterable[PointEntry], closed: Mapping[str, Closed], order: Mapping[EventId, Order], months: int
) -> tuple[PointEntry, ...]:
    """Return a member's entries with late clawbacks of closed periods split between periods.

    `entries` are all that should stand for closed periods (others pass through); `order` gives the canonical
    order of every clawback's event. The redeemable part stays with the first entry.
    """
    by_period: dict[str, list[PointEntry]] = {period_id: [] for period_id in sorted(closed)}
    result: list[PointEntry] = []
    for entry in entries:
        by_period.get(entry.period_id, result).append(entry)
    for period_id, own in by_period.items():  # in order, since the rest of one may belong to a later one
        period = closed[period_id]
        late = [entry for entry in own if _is_late(entry, period)]
        in_time = [entry for entry in own if not _is_late(entry, period)]
        room = max(0, sum(entry.qualifying for entry in in_time) - period.qualifying)
        result += in_time
        for entry in sorted(late, key=lambda one: order[one.event]):
            taken = min(room, -entry.qualifying)
            room -= taken
            result.append(msgspec.structs.replace(entry, qualifying=-taken))
            rest = entry.qualifying + taken
            if rest:
                later = _period_for(entry, closed, months)
                moved = msgspec.structs.replace(entry, period_id=later, redeemable=0, qualifying=rest)
                by_period.get(later, result).append(moved)
    return tuple(result)


def _is_late(entry: PointEntry, period: Closed) -> bool:
    return entry.kind == "clawback" and entry.qualifying < 0 and entry.event not in period.clawed


def _period_for(entry: PointEntry, closed: Mapping[str, Closed], months: int) -> str:
    """Return the period of the clawback's date, or the next that was open when it came."""
    period = period_of(entry.business_day, months)
    while period.id in closed and entry.event not in closed[period.id].clawed:
        period = period_after(period, months)
    return period.id
