"""Amounts, dates and times as they are printed."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from edge_agent.pos_adapter.receipt import shown
from loyalty_core.errors import BadInput
from loyalty_core.units import CURRENCY_EXPONENTS, MINOR_MAX

_BELOW: Final = "-−–△▲("
_AMOUNT: Final = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.(\d{1,4}))?", re.ASCII)
_NOT_AMOUNT: Final = re.compile(r"[^\d.,]")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AFTERNOON: Final = frozenset({"PM", "P.M.", "오후"})
_MORNING: Final = frozenset({"AM", "A.M.", "오전"})


def amount(said: str | None, currency: str) -> int | None:
    """Return an amount in minor units, below zero by a minus, a triangle or brackets; None for none.

    More decimals than the currency has are none: where 12.000 is printed, the point may part thousands.
    """
    plain = unicodedata.normalize("NFKC", said or "").strip()
    is_below = any(mark in plain for mark in _BELOW)
    digits = _NOT_AMOUNT.sub("", plain)
    found, exponent = _AMOUNT.fullmatch(digits), CURRENCY_EXPONENTS[currency]
    if found is None or (found[2] not in {None, "00"} and len(found[2]) > exponent):
        return None
    value = Decimal(digits.replace(",", "")).scaleb(exponent)
    if value > MINOR_MAX:
        return None
    return -int(value) if is_below else int(value)


def day(found: re.Match[str]) -> date:
    """Return the date that a pattern has found: its month a number or the first letters of its English name.

    A year of two digits is of this century.

    Raises:
        BadInput: `date_impossible`.
    """
    try:
        year, month = int(found["year"]), found["month"]
        return date(
            year + 2000 if year < 100 else year,
            _MONTHS.index(month.lower()) + 1 if month.isalpha() else int(month),
            int(found["day"]),
        )
    except (ValueError, TypeError, AttributeError):
        raise BadInput(
            f'"{shown(found[0])}" is no date (day {found["day"]}, month {found["month"]}): choose '
            "a profile for the country where dates are written so, or correct the pattern",
            code="date_impossible",
        ) from None


def instant(when: date, found: re.Match[str]) -> datetime:
    """Return a time of a day that a pattern has found, local to the shop.

    Raises:
        BadInput: `date_impossible`.
    """
    groups = found.groupdict()
    half = (groups.get("half") or "").upper()
    try:
        hour = int(groups["hour"])
        if half in _AFTERNOON and hour < 12:
            hour += 12
        elif half in _MORNING and hour == 12:
            hour = 0
        return datetime.combine(when, time(hour, int(groups["minute"]), int(groups.get("second") or 0)))
    except (ValueError, TypeError):
        raise BadInput(f'"{shown(found[0])}" is no time', code="date_impossible") from None
