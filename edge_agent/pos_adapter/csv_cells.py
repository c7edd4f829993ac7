"""The cells of a till's CSV as the settings say: numbers, dates, times, names of receipts."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from edge_agent.config import Csv
from edge_agent.pos_adapter.receipt import Key, shown
from loyalty_core.calendar import zone_named
from loyalty_core.errors import BadInput
from loyalty_core.units import CURRENCY_EXPONENTS

EXCEL: Final = "excel"
"""As a form of times: days since the end of 1899, as spreadsheets count them, with the time as a fraction."""
DATES_KEPT: Final = 1024
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's day is of no zone
_SERIAL: Final = re.compile(r"\d{4,6}(?:\.\d{1,12})?", re.ASCII)
_NUMBERS: Final = {
    ".": re.compile(r"-?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?"),
    ",": re.compile(r"-?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,[0-9]+)?"),
}
"""Decimal mark -> the form of a number in which the other of point and comma parts digits by three."""
_UNIT: Final = r"(?:[A-Z]{3}|[A-Z]{0,2}\$|[₩\\€£¥]|원|건|개|점)?"
_DRESSED: Final = re.compile(
    rf"(?P<open>\(?)(?P<before>[-△▲]?)\s*{_UNIT}\s*(?P<between>-?)"
    rf"(?P<number>[0-9][0-9.,'’ \u00a0\u202f]*)\s*{_UNIT}"
    r"(?P<behind>-?)(?P<close>\)?)"
)
"""A number with what stands around it in exports."""
_SIGNS: Final = {"€": "EUR", "£": "GBP", "₩": "KRW", "원": "KRW", "US$": "USD"}
"""Signs of money that are of one currency alone."""
_NAMED: Final = re.compile(rf"(?<![A-Za-z])[A-Z]{{3}}(?![A-Za-z])|{'|'.join(map(re.escape, _SIGNS))}")
_WIDE: Final = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0xFFE6: "₩", 0x2212: "-"}
_PARTED: Final = re.compile(r"(?<=[0-9])['’ \u00a0\u202f](?=[0-9]{3}(?![0-9]))")
_FORMULA: Final = re.compile(r'="([^"]*)"|\'(\d[\d-]*)')
_HALVES: Final = {"오전": "AM", "오후": "PM", "a.m.": "AM", "p.m.": "PM"}
_ONE_OR_TWO: Final = re.compile("%[mHIMSy]")
ZONES: Final = {
    "Eastern Time (US & Canada)": "America/New_York",
    "Central Time (US & Canada)": "America/Chicago",
    "Mountain Time (US & Canada)": "America/Denver",
    "Pacific Time (US & Canada)": "America/Los_Angeles",
    "Alaska": "America/Anchorage",
    "Hawaii": "Pacific/Honolulu",
    "Arizona": "America/Phoenix",
    "London": "Europe/London",
    "Tokyo": "Asia/Tokyo",
    "Osaka": "Asia/Tokyo",
    "Seoul": "Asia/Seoul",
    "Korea Standard Time": "Asia/Seoul",
    "KST": "Asia/Seoul",
    "Sydney": "Australia/Sydney",
    "Melbourne": "Australia/Melbourne",
    "UTC": "UTC",
    "GMT": "UTC",
}
"""Names of zones that exports have and that are none of the zone database."""


def plain(text: str) -> str:
    """Return a cell without what keeps a spreadsheet from taking it for a number (`="0123"`, `'0123`)."""
    found = _FORMULA.fullmatch(text) if text[:1] in {"=", "'"} else None
    return text if found is None else (found[1] or found[2] or "").strip()


def minor_units(text: str, name: str, line: int, settings: Csv) -> int:
    """Return an amount: whole minor units, or major units with their decimals.

    Raises:
        BadInput: `amount_impossible`.
    """
    plain = decimal(text, name, line, settings)
    sign = -1 if plain.startswith("-") else 1
    whole, _, rest = plain.removeprefix("-").partition(".")
    digits = settings.decimals or 0 if settings.amounts == "major" else 0
    if digits < len(rest) and not rest[digits:].strip("0"):
        rest = rest[:digits]
    if len(whole) > 15 or len(rest) > digits:
        unit = f"an amount with at most {digits} decimals" if digits else "a whole number of minor units"
        raise BadInput(f'line {line}: {name} "{shown(text)}" is not {unit}', code="amount_impossible")
    return sign * int(whole + rest.ljust(digits, "0"))


def decimal(text: str, name: str, line: int, settings: Csv) -> str:
    """Return a number without its thousands marks and with a point before its decimals.

    The thousands mark is whichever of point and comma is not the decimal mark, an apostrophe or a space; it
    parts digits by three. A currency or unit beside it, a minus behind it, brackets around it are understood.

    Raises:
        BadInput: `amount_impossible`.
    """
    if text.isascii() and text.isdecimal():
        return text
    mark = settings.decimal_mark or "."
    thousands = "." if mark == "," else ","
    for form in (text, _bare(text)):
        if _NUMBERS[mark].fullmatch(form):
            return form.replace(thousands, "").replace(mark, ".")
    raise BadInput(
        f'line {line}: {name} "{shown(text)}" is not a number with "{mark}" before its decimals: '
        "mend it, or set folder.csv.decimal_mark to what the file uses",
        code="amount_impossible",
    )


def _bare(text: str) -> str:
    """Return a number as it is written in one way of many: `-7.00` of `-$7.00`, `($7.00)` or `7.00-`."""
    found = _DRESSED.fullmatch(text.translate(_WIDE).strip())
    if found is None or bool(found["open"]) != bool(found["close"]):
        return text
    signs = [mark for mark in (found["open"], found["before"], found["between"], found["behind"]) if mark]
    number = _PARTED.sub("", found["number"].strip())
    return text if len(signs) > 1 else ("-" if signs else "") + number


def currency_of(text: str) -> str | None:
    """Return the currency that stands beside an amount, None where none does or several have its sign."""
    found = None if text.isascii() and text.isdecimal() else _NAMED.search(text.translate(_WIDE))
    code = _SIGNS.get(found[0], found[0]) if found else None
    return code if code in CURRENCY_EXPONENTS else None


def local_date(text: str, line: int, settings: Csv) -> str | None:
    """Return a business_date cell as YYYY-MM-DD, None where it is empty.

    Raises:
        BadInput: `date_impossible`, `date_ambiguous`.
    """
    if not text or settings.date_format is None:
        return text or None
    return _parsed(text, settings.date_format, line, "business_date").date().isoformat()


def day_of(text: str, settings: Csv) -> str:
    """Return the date of an occurred_at cell as it is written there; all of it where it cannot be read."""
    if settings.time_format is None:
        return text[:10]
    forms = settings.time_format
    found = _readings(text, (forms,) if isinstance(forms, str) else tuple(forms))
    return found[0].date().isoformat() if len(found) == 1 else text


def local_time(text: str, line: int, settings: Csv, zone: str) -> tuple[str, tuple[str, ...]]:
    """Return an occurred_at cell in the form of ISO 8601, and what is odd: a zone that nobody knows.

    A zone of its own makes an instant of it; without one it is local to the store.

    Raises:
        BadInput: `date_impossible`, `date_ambiguous`.
    """
    said = (
        text
        if settings.time_format is None
        else _parsed(text, settings.time_format, line, "occurred_at").isoformat()
    )
    if not zone:
        return said, ()
    try:
        found = zone_named(settings.zones.get(zone) or ZONES.get(zone, zone))
    except BadInput:
        return said, (f'nobody knows the zone "{shown(zone)}": the time is taken as the store\'s',)
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return said, ()
    if at.tzinfo is None:
        at = at.replace(tzinfo=found)
    return at.astimezone(UTC).isoformat(), ()


def _parsed(text: str, forms: str | list[str], line: int, name: str) -> datetime:
    wanted = (forms,) if isinstance(forms, str) else tuple(forms)
    found = _readings(text, wanted)
    if not found:
        raise BadInput(
            f'line {line}: {name} "{shown(text)}" does not fit the form {", ".join(wanted)}',
            code="date_impossible",
        )
    if len(found) > 1:
        days = " or ".join([at.isoformat(" ", "minutes") for at in found])
        raise BadInput(
            f'line {line}: {name} "{shown(text)}" may be {days}: set the form in which this file has it '
            "(folder.csv.time_format, date_format)",
            code="date_ambiguous",
        )
    return found[0]


@lru_cache(DATES_KEPT)
def _readings(text: str, forms: tuple[str, ...]) -> tuple[datetime, ...]:
    """Return what a date means by each form that it fits, each once. Rows of one receipt have one date."""
    said = text
    for theirs, ours in _HALVES.items():
        said = said.replace(theirs, ours)
    for place, form in enumerate(forms):
        first = _read(said, form)
        if first is not None:
            rivals = [other for other in forms[place + 1 :] if _shape(other) == _shape(form)]
            found = [first, *(_read(said, other) for other in rivals)]
            return tuple(dict.fromkeys(at for at in found if at is not None))
    return ()


def _read(said: str, form: str) -> datetime | None:
    if form == EXCEL:
        fits = _SERIAL.fullmatch(said)
        return _EPOCH + timedelta(seconds=round(float(said) * 86_400)) if fits else None
    with suppress(ValueError):
        return datetime.strptime(said, form)  # noqa: DTZ007 - a local time stays local until the store's zone is put to it
    return None


@lru_cache
def _shape(form: str) -> str:
    """Return how a date of this form looks: no date fits two forms that look otherwise."""
    return _ONE_OR_TWO.sub("%d", form)


def receipt_key(text: str, line: int) -> Key | None:
    """Return the receipt that an original cell names, None where it is empty.

    Raises:
        BadInput: `receipt_invalid`.
    """
    if not text:
        return None
    parts = text.split("/", 3)
    if len(parts) != 4:
        raise BadInput(
            f'line {line}: original "{shown(text)}" is not store/till/business_date/number',
            code="receipt_invalid",
        )
    return Key(store=parts[0], till=parts[1], business_date=parts[2], number=parts[3])
