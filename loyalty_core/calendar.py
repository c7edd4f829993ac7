"""Business days, weekdays and qualification periods; the only room that knows time zones.

A business day is the local wall date, or the day before while the wall time is earlier than the
store's `business_day_starts`. It is never found by arithmetic on elapsed hours: daylight saving would
break that twice a year.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from loyalty_core.errors import BadInput
from loyalty_core.units import Day, EpochMs, Minute

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PERIOD_MONTHS: Final = (1, 3, 6, 12)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Place(msgspec.Struct, frozen=True):
    """Where wall clocks are read: a zone, and the minute of the day at which business days start."""

    zone: ZoneInfo
    starts: Minute


def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone of this name.

    Raises:
        BadInput: `zone_unknown`.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(
            f'time zone "{name}" is not known: use an IANA name such as "Asia/Seoul"', code="zone_unknown"
        ) from None


def day_of(value: date) -> Day:
    """Return the day number of a date (1970-01-01 is 0)."""
    return Day(value.toordinal() - _EPOCH)


def date_of(day: Day) -> date:
    """Return the date of a day number."""
    return date.fromordinal(day + _EPOCH)


def day_written(text: str) -> Day:
    """Return the day of a date as people and files write it, and in no other of the ways that ISO 8601 has.

    Raises:
        BadInput: `date_malformed`.
    """
    try:
        value = date.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or value.isoformat() != text:
        raise BadInput("a date is written like 2026-11-21", code="date_malformed")
    return day_of(value)


def weekday_of(day: Day) -> int:
    """Return 0 for Monday ... 6 for Sunday."""
    return (day + 3) % 7


def local_time(at_ms: EpochMs, zone: ZoneInfo) -> tuple[Day, Minute]:
    """Return the local wall date and minute of the day (0..1439) of an instant."""
    local = datetime.fromtimestamp(at_ms // 1000, zone)
    return Day(local.toordinal() - _EPOCH), Minute(local.hour * 60 + local.minute)


def business_day(at_ms: EpochMs, place: Place) -> Day:
    """Return the business day to which an instant belongs at this place."""
    day, minute = local_time(at_ms, place.zone)
    return day if minute >= place.starts else Day(day - 1)


def end_of_day(day: Day, place: Place) -> EpochMs:
    """Return the last millisecond of a business day, as wall clocks at this place show it."""
    hour, minute = divmod(place.starts, 60)
    following = datetime.combine(date_of(Day(day + 1)), time(hour, minute), place.zone)
    return EpochMs((following - _START) // timedelta(milliseconds=1) - 1)


class Period(msgspec.Struct, frozen=True):
    """A qualification period: its id (`2026-H2`), first and last business day, both inclusive."""

    id: str
    first: Day
    last: Day


@lru_cache(maxsize=4096)
def period_of(day: Day, months: int) -> Period:
    """Return the period of `months` (1, 3, 6 or 12) calendar months that holds a business day."""
    value = date_of(day)
    return _period(value.year, (value.month - 1) // months, months)


def period_named(period_id: str, months: int) -> Period:
    """Return the period of this id.

    Raises:
        BadInput: `period_unknown`, when the id is not one of a programme with periods of `months`.
    """
    found = re.fullmatch(_ID_FORMS[months], period_id)
    if found is None or not 1 <= int(found[1]) <= 9998:
        raise BadInput(
            f'period "{period_id}" is not known: write it like "{_period(2026, 0, months).id}"',
            code="period_unknown",
        )
    index = int(found[2]) - 1 if months != 12 else 0
    return _period(int(found[1]), index, months)


def period_after(period: Period, months: int, count: int = 1) -> Period:
    """Return the `count`-th period after this one."""
    for _ in range(count):
        period = period_of(Day(period.last + 1), months)
    return period


_ID_FORMS: Final = {
    12: r"([0-9]{4})",
    6: r"([0-9]{4})-H([12])",
    3: r"([0-9]{4})-Q([1-4])",
    1: r"([0-9]{4})-(0[1-9]|1[0-2])",
}


def _period(year: int, index: int, months: int) -> Period:
    part = {12: "", 6: f"-H{index + 1}", 3: f"-Q{index + 1}", 1: f"-{index + 1:02}"}
    after = index * months + months
    return Period(
        id=f"{year:04}{part[months]}",
        first=day_of(date(year, index * months + 1, 1)),
        last=Day(day_of(date(year + after // 12, after % 12 + 1, 1)) - 1),
    )
