"""Times, ages, counts and sizes as people read them, in the language of a page. The zone is the store's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from gettext import NullTranslations
from typing import Any, Final

from loyalty_core.calendar import date_of
from loyalty_core.units import Day

SECOND_MS: Final = 1000
TEN_SECONDS_MS: Final = 10 * SECOND_MS
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


class Words:
    """The filters of templates, for one language. `zone` returns the store's, once it is known."""

    def __init__(self, language: str, translated: NullTranslations, zone: Callable[[], tzinfo]) -> None:
        self._language = language
        self._gettext, self._ngettext = translated.gettext, translated.ngettext
        self._zone = zone

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by the names that templates use."""
        return {
            "age": self.age,
            "clock_time": self.clock_time,
            "day_time": self.day_time,
            "count": self.count,
            "day": self.day,
            "size": self.size,
        }

    def age(self, ms: int) -> str:
        """Return a span of time by its largest unit, rounded down: `20 s`, `42 min`, `3 h 5 min`, `2 days`.

        Seconds are told in tens: what ticks each second has an open page sent again each second.
        """
        _, ngettext = self._gettext, self._ngettext
        ms = max(0, ms)
        if ms < TEN_SECONDS_MS:
            return _("a few seconds")
        if ms < MINUTE_MS:
            seconds = ms // TEN_SECONDS_MS * 10
            return ngettext("%(n)s s", "%(n)s s", seconds) % {"n": seconds}
        if ms < HOUR_MS:
            minutes = ms // MINUTE_MS
            return ngettext("%(n)s min", "%(n)s min", minutes) % {"n": minutes}
        if ms < DAY_MS:
            hours, minutes = ms // HOUR_MS, ms % HOUR_MS // MINUTE_MS
            if not minutes:
                return ngettext("%(n)s h", "%(n)s h", hours) % {"n": hours}
            return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
        days = ms // DAY_MS
        return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}

    def clock_time(self, at_ms: int) -> str:
        """Return the store's wall time: `09:14`."""
        return self._local(at_ms).strftime("%H:%M")

    def day_time(self, at_ms: int) -> str:
        """Return the store's date and wall time: `2026-11-23 09:14:05`."""
        return self._local(at_ms).strftime("%Y-%m-%d %H:%M:%S")

    def day(self, day: int) -> str:
        """Return a business date: `2026-11-23`."""
        return date_of(Day(day)).isoformat()

    def count(self, number: int) -> str:
        """Return a whole number with its thousands apart."""
        return f"{number:,}"

    def size(self, count: int) -> str:
        """Return a size on disk: `812 KiB`, `3.4 GiB`."""
        size = float(count)
        for unit in ("B", "KiB", "MiB", "GiB"):
            if size < 1024 or unit == "GiB":
                break
            size /= 1024
        return f"{size:.0f} {unit}" if unit in ("B", "KiB") or size >= 100 else f"{size:.1f} {unit}"

    def _local(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(self._zone())
