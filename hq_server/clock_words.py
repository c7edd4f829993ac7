"""What is said of a till's clock: how far it was off, and when that says something was recorded."""

from __future__ import annotations

from hq_server.clocks import When
from loyalty_core.calendar import Place, business_day, date_of
from loyalty_core.units import EpochMs


def span_text(ms: int) -> str:
    """Return a length of time as people say it: its two largest units."""
    minutes = ms // 60_000
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def recorded_between(known: When, place: Place) -> str:
    """Say between which days something was recorded."""
    last = date_of(business_day(EpochMs(known.latest_ms), place))
    if known.earliest_ms is None:
        return f"it was recorded by {last}"
    first = date_of(business_day(EpochMs(known.earliest_ms), place))
    return f"it was recorded between {first} and {last}"
