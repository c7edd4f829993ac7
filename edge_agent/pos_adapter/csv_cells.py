"""The cells of a till's CSV as the settings say: numbers, dates, times, names of receipts."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from edge_agent.config import Csv
from edge_agent.pos_adapter.receipt import Key, shown
from loyalty_core.errors import BadInput

_NUMBERS: Final = {
    ".": re.compile(r"-?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?"),
    ",": re.compile(r"-?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,[0-9]+)?"),
}
"""Decimal mark -> the form of a number in which the other of point and comma parts digits by three."""


def minor_units(text: str, line: int, settings: Csv) -> int:
    """Return the amount of a net_minor cell: whole minor units, or major units with their decimals.

    Raises:
        BadInput: `amount_impossible`.
    """
    plain = decimal(text, "net_minor", line, settings)
    sign = -1 if plain.startswith("-") else 1
    whole, _, rest = plain.removeprefix("-").partition(".")
    digits = settings.decimals if settings.amounts == "major" else 0
    if len(whole) > 15 or len(rest) > digits:
        unit = f"an amount with at most {digits} decimals" if digits else "a whole number of minor units"
        raise BadInput(f'line {line}: net_minor "{shown(text)}" is not {unit}', code="amount_impossible")
    return sign * int(whole + rest.ljust(digits, "0"))


def decimal(text: str, name: str, line: int, settings: Csv) -> str:
    """Return a number without its thousands marks and with a point before its decimals.

    The thousands mark is whichever of point and comma is not the decimal mark; it parts digits by three.

    Raises:
        BadInput: `amount_impossible`.
    """
    if text.isascii() and text.isdecimal():
        return text
    mark = settings.decimal_mark
    thousands = "." if mark == "," else ","
    if not _NUMBERS[mark].fullmatch(text):
        raise BadInput(
            f'line {line}: {name} "{shown(text)}" is not a number with "{mark}" before its decimals: '
            "mend it, or set folder.csv.decimal_mark to what the file uses",
            code="amount_impossible",
        )
    return text.replace(thousands, "").replace(mark, ".")


def local_date(text: str, line: int, settings: Csv) -> str | None:
    """Return a business_date cell as YYYY-MM-DD, None where it is empty.

    Raises:
        BadInput: `date_impossible`.
    """
    if not text or settings.date_format is None:
        return text or None
    return _parsed(text, settings.date_format, line, "business_date").date().isoformat()


def local_time(text: str, line: int, settings: Csv) -> str:
    """Return an occurred_at cell in the form of ISO 8601.

    Raises:
        BadInput: `date_impossible`.
    """
    if settings.time_format is None:
        return text
    return _parsed(text, settings.time_format, line, "occurred_at").isoformat()


def _parsed(text: str, form: str, line: int, name: str) -> datetime:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - a local time stays local until the store's zone is put to it
    except ValueError:
        raise BadInput(
            f'line {line}: {name} "{shown(text)}" does not fit the form {form}', code="date_impossible"
        ) from None


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
