"""Ways to the next tier in words, Korean and English, as a shop would say them. Computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loyalty_core.explain import Language, clock_text, day_text, money, pick
from loyalty_core.guidance import Way
from loyalty_core.outlook import Frame
from loyalty_core.programme import Slot
from loyalty_core.units import Minute

_COUNTS_EN: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WEEKDAYS_KO: Final = ("월", "화", "수", "목", "금", "토", "일")
_WEEKDAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEK: Final = frozenset(range(5))
_WEEKEND: Final = frozenset({5, 6})
_DAY_MINUTES: Final = 1440


def way_text(way: Way, currency: str, language: Language) -> str:
    """Return one way: `two weekday-morning visits (one a day)`, `a purchase of 13,000 won`."""
    return _korean(way, currency) if language == "ko" else _english(way, currency)


def ways_text(ways: Sequence[Way], currency: str, language: Language) -> str:
    """Return the first way of each kind, short enough to be printed.

    `two weekday-morning visits, or a purchase of 13,000 won`.
    """
    firsts = {way.kind: way for way in reversed(ways)}
    *others, last = [way_text(way, currency, language) for way in ways if way is firsts[way.kind]]
    if language == "ko":
        return " 또는 ".join([*others, last])
    return ", or ".join([", ".join(others), last]) if others else last


def _korean(way: Way, currency: str) -> str:
    frame = way.frame
    parts = ["내일부터" if way.from_tomorrow and frame.from_day is None else ""]
    parts.append(_dates_ko(frame))
    if frame.weekdays is not None:
        parts.append(_weekdays_ko(frame.weekdays))
    if frame.slot is not None:
        parts.append("오전" if way.morning else _slot_text(frame.slot, "ko"))
    if way.kind == "visits":
        parts += ["이 매장" if way.store_id else "", f"방문 {way.count:,}회"]
        return " ".join(filter(None, parts)) + ("(하루 1회)" if way.one_a_day else "")
    parts += ["이 매장에서" if way.store_id else "", "적립 대상" if way.only_eligible else ""]
    return " ".join(filter(None, [*parts, f"{money(way.minor, currency, 'ko')} 이상 구매 1회"]))


def _english(way: Way, currency: str) -> str:
    frame = way.frame
    said: list[str] = []
    if way.kind == "visits":
        count = _COUNTS_EN[way.count] if way.count < len(_COUNTS_EN) else f"{way.count:,}"
        said += [count, _adjective(way), "visit" if way.count == 1 else "visits"]
        said.append("" if way.morning else _times_en(frame))
    else:
        counts = " that counts" if way.only_eligible else ""
        said += [f"a purchase of {money(way.minor, currency, 'en')}{counts}", _when_en(way)]
    said += ["here" if way.store_id else "", _dates_en(frame)]
    said.append("from tomorrow" if way.from_tomorrow and frame.from_day is None else "")
    return " ".join(filter(None, said)) + (" (one a day)" if way.one_a_day else "")


def _adjective(way: Way) -> str:
    """Return what stands before "visits": `weekday-morning`, `Monday-to-Thursday morning`, `Tuesday`."""
    days = "" if way.frame.weekdays is None else _weekdays_en(way.frame.weekdays)
    if not way.morning:
        return days
    return f"{days}-morning" if days and " " not in days and "-" not in days else f"{days} morning".strip()


def _when_en(way: Way) -> str:
    """Return when a purchase is made: `on a weekday morning`, `in the morning`, `on a Tuesday from ...`."""
    days = "" if way.frame.weekdays is None else _weekdays_en(way.frame.weekdays)
    if way.morning:
        return f"on a {days} morning" if days else "in the morning"
    return " ".join(filter(None, [f"on a {days}" if days else "", _times_en(way.frame)]))


def _times_en(frame: Frame) -> str:
    return "" if frame.slot is None else f"from {_slot_text(frame.slot, 'en')}"


def _slot_text(slot: Slot, language: Language) -> str:
    """Return a time of day by its first and last minute: `14:00~17:59`, `14:00 to 17:59`."""
    last = Minute((slot.end - 1) % _DAY_MINUTES)
    first, until = clock_text(slot.start), clock_text(last)
    if last < slot.start:
        return pick(language, f"{first}~다음 날 {until}", f"{first} to {until} the next day")
    return pick(language, f"{first}~{until}", f"{first} to {until}")


def _weekdays_ko(weekdays: frozenset[int]) -> str:
    if weekdays == _WEEK:
        return "평일"
    if weekdays == _WEEKEND:
        return "주말"
    days = sorted(weekdays)
    names = [_WEEKDAYS_KO[day] for day in days]
    return (f"{names[0]}~{names[-1]}" if _in_a_row(days) else "·".join(names)) + "요일"


def _weekdays_en(weekdays: frozenset[int]) -> str:
    if weekdays == _WEEK:
        return "weekday"
    if weekdays == _WEEKEND:
        return "weekend"
    days = sorted(weekdays)
    names = [_WEEKDAYS_EN[day] for day in days]
    if _in_a_row(days):
        return f"{names[0]}-to-{names[-1]}"
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]


def _in_a_row(days: list[int]) -> bool:
    return len(days) > 2 and days[-1] - days[0] == len(days) - 1


def _dates_ko(frame: Frame) -> str:
    first = "" if frame.from_day is None else day_text(frame.from_day, "ko")
    last = "" if frame.until_day is None else day_text(frame.until_day, "ko")
    if first and first == last:
        return first
    return " ".join(filter(None, [first and f"{first}부터", last and f"{last}까지"]))


def _dates_en(frame: Frame) -> str:
    first = "" if frame.from_day is None else day_text(frame.from_day, "en")
    last = "" if frame.until_day is None else day_text(frame.until_day, "en")
    if first and first == last:
        return f"on {first}"
    if first and last:
        return f"from {first} to {last}"
    return f"from {first} on" if first else last and f"by {last}"
