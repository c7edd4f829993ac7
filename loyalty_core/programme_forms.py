"""What the values of a programme file must be, with their bounds, and the names that things carry."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from loyalty_core.calendar import day_of, zone_named
from loyalty_core.errors import BadInput
from loyalty_core.events import ID_FORM, TEXT_MAX
from loyalty_core.toml_tables import Form, Table, matching, text, whole
from loyalty_core.units import CURRENCY_EXPONENTS, MINOR_MAX, Day, Minute

POINTS_MAX: Final = 1_000_000_000
WEIGHT_MAX: Final = 1000
DAYS_MAX: Final = 3650
MINUTES_MAX: Final = 10_080
COUNT_MAX: Final = 1_000_000
CONSENT_MAX: Final = 2000


def _clock(pattern: str, expected: str) -> Form[Minute]:
    def read(value: object) -> Minute | None:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            return None
        return Minute(int(value[:2]) * 60 + int(value[3:]))

    return Form(expected, read)


def _decimal(low: Fraction, high: int, expected: str) -> Form[Fraction]:
    """Return the form of an exact decimal in quotes: TOML's own fractions are floats, which are not exact."""

    def read(value: object) -> Fraction | None:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value):
            return None
        return Fraction(value) if low <= Fraction(value) <= high else None

    return Form(expected, read)


def _read_date(value: object) -> Day | None:
    return day_of(value) if type(value) is date and date(2000, 1, 1) <= value <= date(2099, 12, 31) else None


def _read_zone(value: object) -> ZoneInfo | None:
    try:
        return zone_named(value) if isinstance(value, str) else None
    except BadInput:
        return None


def _read_consent(value: object) -> str | None:
    plain = value.strip() if isinstance(value, str) else ""
    lines = plain.split("\n")
    return plain if 1 <= len(plain) <= CONSENT_MAX and all(line.isprintable() for line in lines) else None


ID: Final = matching(ID_FORM, "1 to 32 of A-Z a-z 0-9 _ -")
TEXT: Final = text(TEXT_MAX)
POINTS: Final = whole(0, POINTS_MAX)
SOME_POINTS: Final = whole(1, POINTS_MAX)
MONEY: Final = whole(0, MINOR_MAX)
SOME_MONEY: Final = whole(1, MINOR_MAX)
DAYS: Final = whole(0, DAYS_MAX)
MINUTES: Final = whole(0, MINUTES_MAX)
COUNT: Final = whole(1, COUNT_MAX)
CONSENT: Final = Form(
    f"a text of 1 to {CONSENT_MAX} characters, in triple quotes where it has several lines", _read_consent
)
DATE: Final = Form("a date from 2000-01-01 to 2099-12-31, without quotes", _read_date)
ZONE: Final = Form('an IANA time zone such as "Asia/Seoul"', _read_zone)
CURRENCY: Final = Form(
    'an ISO 4217 code such as "KRW"',
    lambda value: value if isinstance(value, str) and value in CURRENCY_EXPONENTS else None,
)
TIME: Final = _clock(r"([01][0-9]|2[0-3]):[0-5][0-9]", 'a time of day from "00:00" to "23:59", in quotes')
TIME_END: Final = _clock(
    r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", 'a time of day from "00:00" to "24:00", in quotes'
)
FACTOR: Final = _decimal(
    Fraction(0),
    WEIGHT_MAX,
    f'a decimal in quotes from "0" to "{WEIGHT_MAX}" such as "1.5", at most 6 decimals',
)
PERCENT: Final = _decimal(
    Fraction(1, 10**6), 100, 'a decimal in quotes above "0" up to "100" such as "5", at most 6 decimals'
)


def names_of(table: Table, key: str) -> dict[str, str]:
    """Return the texts of a table of names by language, {} where there is none."""
    names = table.section(key)
    if names is None:
        return {}
    found = {language: names.take(language, TEXT, "") for language in ("ko", "en")}
    found = {language: name for language, name in found.items() if language in names}
    if not found:
        table.wrong(key, "is empty", "expected ko, en or both")
    return found
