"""The part of the account fold that guards closed periods: what was decided on stays.

The total on which a period was closed is frozen. All later gains of the period count in what came after the
close, before any late clawback; these empty it in canonical order, and the rest of each goes to the period of
its own date, or the next that is open. What else a late fact or a later rule would take from the frozen total
is put back by an adjustment under the rule `closed-total`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from loyalty_core.calendar import Period, period_after, period_named, period_of
from loyalty_core.entries import NO_EVENT, PointEntry, Step
from loyalty_core.events import EventId, Order
from loyalty_core.period_rules import WHOLE_ACCOUNT
from loyalty_core.units import Day

CLOSED_TOTAL: Final = "closed-total"
"""The rule of the adjustment that keeps a closed total."""


class Closed(msgspec.Struct, frozen=True):
    """One member's closed period: the qualifying total decided on, and the clawbacks that were in it."""

    qualifying: int
    clawed: frozenset[EventId]


def freeze(
    entries: Iterable[PointEntry], closed: Mapping[str, Closed], order: Mapping[EventId, Order], months: int
) -> tuple[PointEntry, ...]:
    """Return a member's entries with closed totals kept and late clawbacks split between periods.

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
        gained = sum(entry.qualifying for entry in in_time) - period.qualifying
        room = max(0, gained)
        result += in_time
        if gained < 0:
            result.append(_kept_up(period_named(period_id, months), -gained))
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


def _kept_up(period: Period, points: int) -> PointEntry:
    """Return what keeps a closed total from falling below what was decided on."""
    return PointEntry(
        event=NO_EVENT,
        kind="adjustment",
        earned_day=WHOLE_ACCOUNT,
        business_day=period.last,
        period_id=period.id,
        redeemable=0,
        qualifying=points,
        programme_version=0,
        steps=(Step(CLOSED_TOTAL, "adjustment", period.id, 0, points, "qualifying"),),
        rule=CLOSED_TOTAL,
    )


def _is_late(entry: PointEntry, period: Closed) -> bool:
    return entry.kind == "clawback" and entry.qualifying < 0 and entry.event not in period.clawed


def _period_for(entry: PointEntry, closed: Mapping[str, Closed], months: int) -> str:
    """Return the period of the clawback's date, or the next that was open when it came.

    It is never one before the period from which it takes: only a wrong clock dates a return so.
    """
    taken_from = period_named(entry.period_id, months)
    period = period_of(Day(max(entry.business_day, taken_from.last)), months)
    while period.id in closed and entry.event not in closed[period.id].clawed:
        period = period_after(period, months)
    return period.id
