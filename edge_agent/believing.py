"""Whether the wall clock is believed: one rule for all that asks what time it is."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from edge_agent.clock import PLAUSIBLE_FROM
from edge_agent.store.closings import State
from loyalty_core.calendar import Place, business_day
from loyalty_core.events import AT_MAX
from loyalty_core.units import Day, EpochMs

DAYS_KEPT: Final = 16
DAYS_AHEAD_MAX: Final = 400
"""A clock further than this ahead of the day that is known is not believed."""
BEHIND_MAX_MS: Final = 48 * 3_600_000
"""Nor one further than this behind HQ's last word: receipts of the right day would look ahead by it."""


@lru_cache(DAYS_KEPT)
def known_day(counted: State, hq_time_ms: int | None, place: Place) -> Day | None:
    """Return the later of HQ's last word and the last day closed; without both the first day, if any."""
    told = None if hq_time_ms is None else business_day(EpochMs(hq_time_ms), place)
    days = [day for day in (told, counted.last_day) if day is not None]
    known = max(days) if days else counted.first_day
    return None if known is None else Day(known)


def is_believed(now_ms: EpochMs, known: Day | None, hq_time_ms: int | None, place: Place) -> bool:
    """Tell whether it can be this time; `known` was it already, `hq_time_ms` is HQ's last word."""
    if not PLAUSIBLE_FROM <= now_ms <= AT_MAX:
        return False
    if hq_time_ms is not None and now_ms < hq_time_ms - BEHIND_MAX_MS:
        return False
    return known is None or business_day(now_ms, place) - known <= DAYS_AHEAD_MAX
