"""On which business day an event of a wrong clock was recorded, where what is known of the clock proves it.

What is asked for is strict, since headquarters then places the event by itself: an event that is not proven
waits for a person. Reads nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hq_server.clock_words import recorded_between
from hq_server.clocks import Met, When
from loyalty_core.calendar import Place, business_day, date_of
from loyalty_core.journal import Record
from loyalty_core.units import Day, EpochMs

ON_THE_LINE_MS: Final = 600_000
"""A reading that comes over the line is at most so old: batches wait half a minute, requests are given up."""
SHOWN_WITHIN_MS: Final = 60_000
"""A time that is so near to what the till's clock showed was read from that clock, at once."""
_AT_ONCE: Final = frozenset({"agent", "http"})
"""Where receipts come from that are recorded as they are made. A file may be of any day."""


class Proven(msgspec.Struct, frozen=True):
    """The business day to which an event belongs, and when it happened by HQ's clock."""

    day: Day
    at_ms: int


def proven(known: When, record: Record, place: Place, met: Met, received_at_ms: EpochMs) -> Proven | str:
    """Return where an event belongs that a wrong clock stamped, or why that is not proven.

    `met` is when HQ met the till last before: readings by which an event is older are not believed. Between
    then and its receipt the event may have happened whenever its clock showed, and the machine have stood
    still before or since; unless HQ has read that clock in this boot both before and after.
    """
    event = record.event
    at_ms = EpochMs(event.occurred_at_ms)
    if record.adapter not in _AT_ONCE or not _is_shown(known, at_ms):
        return "its time may be that of the till's software"
    if business_day(at_ms, place) != event.business_day:
        return "its date is that of the till's software"
    if known.apart_ms > ON_THE_LINE_MS:
        return "the till's readings do not go together: is its disk copied, or its line held up?"
    read_before = known.boot_id == met.boot_id != ""
    if not read_before and met.at_ms - ON_THE_LINE_MS <= at_ms <= received_at_ms:
        return "its clock may have been right, and the machine have stood still"
    likely_ms = known.corrected_ms(at_ms)
    if likely_ms is not None:
        earliest_ms = latest_ms = min(likely_ms, known.latest_ms)
    elif known.earliest_ms is not None:
        earliest_ms, latest_ms = known.earliest_ms, known.latest_ms
    else:
        return recorded_between(known, place)
    if latest_ms + ON_THE_LINE_MS < met.at_ms:
        return "by its readings it is from before headquarters last had all that the till held"
    # A reading is late by the time that it was on its way, so what happened may be earlier than it says.
    first = business_day(EpochMs(earliest_ms - ON_THE_LINE_MS), place)
    last = business_day(EpochMs(latest_ms), place)
    if first != last:
        return (
            f"it was recorded on {date_of(first)} or {date_of(last)}"
            if likely_ms
            else recorded_between(known, place)
        )
    return Proven(last, min(max(at_ms, earliest_ms), latest_ms))


def _is_shown(known: When, at_ms: int) -> bool:
    return known.shown_ms is not None and abs(at_ms - known.shown_ms) <= SHOWN_WITHIN_MS
