"""What elements of a POSLog say of money, quantities, dates and times."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

import msgspec

from edge_agent.pos_adapter.poslog.tree import attribute, child, children, text
from edge_agent.pos_adapter.receipt import shown
from loyalty_core.errors import BadInput
from loyalty_core.units import CURRENCY_EXPONENTS, MINOR_MAX

_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})", re.ASCII)
_DATE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ].*|Z|[+-]\d\d:\d\d)?", re.ASCII)
_FRACTION: Final = re.compile(r"(\.\d{6})\d+", re.ASCII)
_TIMES: Final = (
    ("EndDateTime",),
    ("RetailTransaction", "ReceiptDateTime"),
    ("ReceiptDateTime",),
    ("POSLogDateTime",),
    ("BeginDateTime",),
)
"""Where the time of a sale is, the likeliest first: its end is when it was paid."""
APART: Final = 3600
"""So many seconds between two times of one transaction are told."""


class Money(msgspec.Struct, frozen=True):
    """A currency and how many decimals its amounts have."""

    currency: str
    decimals: int

    def minor(self, said: str, name: str) -> int:
        """Return an amount in minor units.

        Raises:
            BadInput: `amount_impossible`.
        """
        value = number(said, name).scaleb(self.decimals)
        if value != value.to_integral_value() or abs(value) > MINOR_MAX:
            raise BadInput(
                f'{name} "{shown(said)}" is no amount of {self.currency}, which has {self.decimals} decimals',
                code="amount_impossible",
            )
        return int(value)

    def about(self, said: str, name: str) -> int:
        """Return an amount of a line, rounded to minor units: the total is what is believed."""
        value = number(said, name).scaleb(self.decimals).to_integral_value(ROUND_HALF_UP)
        if abs(value) > MINOR_MAX:
            raise BadInput(f'{name} "{shown(said)}" is impossible', code="amount_impossible")
        return int(value)


def number(said: str, name: str) -> Decimal:
    """Return a number.

    Raises:
        BadInput: `amount_impossible`.
    """
    if not _NUMBER.fullmatch(said):
        raise BadInput(f'{name} "{shown(said)}" is not a number', code="amount_impossible")
    return Decimal(said)


def money(transaction: Element, retail: Element, here: str | None) -> Money:
    """Return the currency of a transaction, or the programme's where it says none.

    Raises:
        BadInput: `currency_missing`, `currency_unknown`.
    """
    said = [text(transaction, "CurrencyCode"), text(retail, "CurrencyCode")]
    for one in (*children(retail, "Total"), *retail.iter()):  # a tender may be of another
        if one.text is not None and "urrency" in "".join(one.attrib):
            said += [attribute(one, "CurrencyCode"), attribute(one, "Currency")]
    code = next((one for one in said if set(one) - {"X"}), None) or here  # X alone: of no currency
    if code is None:
        raise BadInput(
            "it names no currency, and no programme is known yet that has one: retry it when this till has "
            "heard from headquarters",
            code="currency_missing",
        )
    if code not in CURRENCY_EXPONENTS:
        raise BadInput(
            f'currency "{shown(code)}" is not known: use an ISO 4217 code such as KRW',
            code="currency_unknown",
        )
    return Money(code, CURRENCY_EXPONENTS[code])


def business_date(element: Element | None) -> str | None:
    """Return a BusinessDayDate as YYYY-MM-DD, None where there is none; a time of day or zone is left out."""
    said = text(element, "BusinessDayDate")
    found = _DATE.fullmatch(said)
    return (found[1] if found else said) or None


def moment(transaction: Element, zone: ZoneInfo) -> tuple[str, tuple[str, ...]]:
    """Return the time of a transaction in ISO 8601, and what is odd: times in it that are far apart.

    Raises:
        BadInput: `date_impossible`.
    """
    said = [(path[-1], time_of(text(transaction, *path))) for path in _TIMES]
    there = [(name, one) for name, one in said if one]
    if not there:
        raise BadInput(
            "it has no time (EndDateTime, ReceiptDateTime, POSLogDateTime, BeginDateTime): nothing can be "
            "recorded without",
            code="time_missing",
        )
    (name, wins), *others = there
    first = instant(wins, zone)
    for other_name, other in others:
        at = instant(other, zone)
        if first is None or at is None or other_name == "BeginDateTime":
            continue
        if abs((at - first).total_seconds()) >= APART:
            return wins, (f"{name} {shown(wins)} is believed, though {other_name} is {shown(other)}",)
    return wins, ()


def time_of(said: str) -> str:
    """Return a time with at most six decimals of a second: more than that is not read."""
    return _FRACTION.sub(r"\1", said)


def instant(said: str, zone: ZoneInfo) -> datetime | None:
    """Return the instant of a time, local to the zone where it has no offset; None where it is none."""
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def first_text(elements: Iterable[tuple[Element | None, tuple[str, ...]]]) -> str:
    """Return the first of these texts that is not empty."""
    for element, path in elements:
        if found := text(element, *path):
            return found
    return ""


def is_there(element: Element | None, *path: str) -> bool:
    """Tell whether there is an element down a path."""
    return child(element, *path) is not None
