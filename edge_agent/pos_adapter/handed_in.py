"""What a till's software may hand in: a receipt, or what it says it sold on a business day (`day_total`).

The total of a till and date is known by its figures and its time: the same again is the same, and of several
the last stands. One without a time is of the end of its day, so that a file that comes again is known again.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from edge_agent.pos_adapter import receipt, understanding
from edge_agent.pos_adapter.receipt import Receipt, decoded, known, plain, shown
from edge_agent.pos_adapter.understanding import (
    Expectations,
    Understood,
    check_currency,
    check_store,
    day_named,
    instant,
)
from loyalty_core.calendar import date_of, end_of_day
from loyalty_core.errors import BadInput, said
from loyalty_core.events import ID_FORM, DayTotal
from loyalty_core.units import EpochMs

_ID: Final = re.compile(ID_FORM)
FIGURE_MAX: Final = 2**53


class TillDay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One business day of one till."""

    store: str
    till: str
    business_date: str


class DayTotalIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a till's software says it sold: `count` purchases and returns, `net_minor` purchases less returns.

    What was voided is in neither. Without `occurred_at` it is of the end of its day.
    """

    kind: Literal["day_total"]
    receipt: TillDay
    count: int
    net_minor: int
    currency: str | None = None
    occurred_at: str | None = None

    @property
    def member(self) -> None:
        """Nobody's."""


HandedIn = Receipt | DayTotalIn


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""


_KIND: Final = msgspec.json.Decoder(_Kind)
_TOTAL: Final = msgspec.json.Decoder(DayTotalIn)


def decode(raw: bytes) -> HandedIn:
    """Return what JSON bytes hand in; an unknown field is refused.

    Raises:
        BadInput: `receipt_invalid`, `encoding_wrong`, `json_invalid`.
    """
    return decoded(raw, _TOTAL) if _is_total(raw) else receipt.decode(raw)


def without_unknown(raw: bytes) -> HandedIn:
    """Return what JSON bytes hand in, passing over fields that we do not know.

    Raises:
        BadInput: as `decode`.
    """
    if not _is_total(raw):
        return receipt.without_unknown(raw)
    value = known(plain(raw), DayTotalIn)
    if isinstance(value.get("receipt"), dict):
        value["receipt"] = known(value["receipt"], TillDay)
    return decoded(msgspec.json.encode(value), _TOTAL)


def understand(handed_in: HandedIn, expected: Expectations) -> Understood:
    """Return the event that this is.

    Raises:
        BadInput: one sentence with a stable code: what is wrong, where, what to do.
    """
    if isinstance(handed_in, Receipt):
        return understanding.understand(handed_in, expected)
    place = handed_in.receipt
    check_store(place.store, expected)
    if not _ID.fullmatch(place.till):
        raise BadInput(
            f'receipt.till "{shown(place.till)}" is not an id: use 1 to 32 letters, digits, "-" and "_"',
            code="receipt_invalid",
        )
    day = day_named(place.business_date, "receipt.business_date", EpochMs(0), expected)
    check_currency(handed_in.currency, expected)
    count, net = handed_in.count, handed_in.net_minor
    if not (0 <= count <= FIGURE_MAX and abs(net) <= FIGURE_MAX):
        raise BadInput(
            f"count {count} or net_minor {net} is impossible for one day", code="amount_impossible"
        )
    said_at = handed_in.occurred_at
    at_ms = end_of_day(day, expected.place) if said_at is None else instant(said_at, expected)
    return Understood(
        event=DayTotal(None, at_ms, day, place.store, place.till, count, net),
        natural_key=f"day_total/{place.store}/{place.till}/{date_of(day)}/{at_ms}/{count}/{net}",
    )


def _is_total(raw: bytes) -> bool:
    if b"day_total" not in raw:
        return False
    try:
        return _KIND.decode(raw).kind == "day_total"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    except RecursionError as error:
        raise BadInput(f"this is not JSON: {said(error)}", code="json_invalid") from None
