"""What a receipt means: the event that it is, or the one sentence that says why it is none.

Nothing is looked up here: what the till takes as given comes in as `Expectations`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from edge_agent.pos_adapter.receipt import Key, Receipt, shown
from loyalty_core.calendar import Place, business_day, date_of, day_of
from loyalty_core.errors import BadInput
from loyalty_core.events import (
    AT_MAX,
    AT_MIN,
    ID_FORM,
    LINES_MAX,
    TENDERS_MAX,
    TEXT_MAX,
    Event,
    Line,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptKey,
    ReturnRecorded,
    Tender,
    VisitRecorded,
)
from loyalty_core.units import CURRENCY_EXPONENTS, MINOR_MAX, Day, EpochMs

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_ID: Final = re.compile(ID_FORM)
_QUANTITY: Final = re.compile(r"(-?)(\d{1,9})(?:\.(\d{1,3})0*)?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
DAY_MIN: Final = AT_MIN // 86_400_000
DAY_MAX: Final = AT_MAX // 86_400_000
DAY_OFF_MAX: Final = 1
"""How many days the till's business date may differ from ours before it is reported."""


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt as an event without its member, the key that makes it one, and what looked odd."""

    event: Event
    natural_key: str
    notices: tuple[str, ...] = ()


class Expectations(msgspec.Struct, frozen=True, kw_only=True):
    """What this till takes as given: its store and zone, its currency (None while no programme is known).

    `now_ms` is None while the agent's own clock cannot be believed, and so is `today`, its business day.
    """

    store_id: str
    place: Place
    currency: str | None
    now_ms: EpochMs | None
    today: Day | None
    future_tolerance_ms: int


def understand(receipt: Receipt, expected: Expectations) -> Understood:
    """Return the event that a receipt is.

    Raises:
        BadInput: one sentence with a stable code: what is wrong, where, what to do.
    """
    at_ms = instant(receipt.occurred_at, expected)
    key = receipt_key(receipt.receipt, "receipt", at_ms, expected)
    check_store(key.store, expected)
    notices = _odd_date(key, at_ms, expected)
    match receipt.kind:
        case "visit":
            event: Event = VisitRecorded(None, at_ms, key.business_day, "till", key)
            return Understood(event=event, natural_key=natural_key("visit", key), notices=notices)
        case "void":
            original = receipt_key(receipt.original, "original", at_ms, expected) if receipt.original else key
            event = PurchaseVoided(None, at_ms, key.business_day, key, original)
            return Understood(event=event, natural_key=natural_key("void", key), notices=notices)
    check_currency(receipt.currency, expected)
    net, tax = _amounts(receipt)
    lines, tenders = _lines(receipt), _tenders(receipt)
    notices += _odd_sums(net, lines, tenders)
    if receipt.kind == "purchase":
        event = PurchaseRecorded(None, at_ms, key.business_day, key, net, tax, lines, tenders)
    else:
        back = receipt_key(receipt.original, "original", at_ms, expected) if receipt.original else None
        event = ReturnRecorded(None, at_ms, key.business_day, key, back, net, tax, lines, tenders)
    return Understood(event=event, natural_key=natural_key(receipt.kind, key), notices=notices)


def natural_key(kind: str, key: ReceiptKey) -> str:
    """Return the text under which a receipt is known at this till."""
    return f"{kind}/{key.store}/{key.till}/{key.business_day}/{key.number}"


def check_store(store: str, expected: Expectations) -> None:
    """Refuse what is of another store (`receipt_other_store`)."""
    if store != expected.store_id:
        raise BadInput(
            f'receipt.store is "{shown(store)}", but this till belongs to store "{expected.store_id}": '
            "hand it in at that store",
            code="receipt_other_store",
        )


def instant(text: str, expected: Expectations) -> EpochMs:
    """Return the instant of an ISO 8601 time; without an offset it is local to the store.

    Raises:
        BadInput: `date_impossible`, `date_in_future`.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f'occurred_at "{shown(text)}" is not a time: write it like 2026-11-21T10:31:00+09:00',
            code="date_impossible",
        ) from None
    if value.tzinfo is None:
        value = value.replace(tzinfo=expected.place.zone)
    at_ms = (value - _EPOCH) // _MS
    if not AT_MIN <= at_ms <= AT_MAX:
        raise BadInput(f'occurred_at "{shown(text)}" is not in this century', code="date_impossible")
    if expected.now_ms is not None and at_ms > expected.now_ms + expected.future_tolerance_ms:
        raise BadInput(
            f'occurred_at "{shown(text)}" is in the future: check the clock of the till\'s software, then '
            "send it again",
            code="date_in_future",
        )
    return EpochMs(at_ms)


def receipt_key(key: Key, name: str, at_ms: EpochMs, expected: Expectations) -> ReceiptKey:
    """Return the key that `name` of a request says; without a date it is of the business day of the instant.

    Raises:
        BadInput: `receipt_invalid`, `receipt_number_invalid`, and as `day_named`.
    """
    for field, value in (("store", key.store), ("till", key.till)):
        if not _ID.fullmatch(value):
            raise BadInput(
                f'{name}.{field} "{shown(value)}" is not an id: use 1 to 32 letters, digits, "-" and "_"',
                code="receipt_invalid",
            )
    if not 1 <= len(key.number) <= TEXT_MAX or _CONTROL.search(key.number):
        raise BadInput(
            f"{name}.number must be a text of 1 to {TEXT_MAX} characters", code="receipt_number_invalid"
        )
    return ReceiptKey(
        key.store,
        key.till,
        day_named(key.business_date, f"{name}.business_date", at_ms, expected),
        key.number,
    )


def day_named(text: str | None, name: str, at_ms: EpochMs, expected: Expectations) -> Day:
    """Return the business day that the till names, or the one of the instant where it names none.

    Raises:
        BadInput: `date_impossible`, `date_in_future`.
    """
    if text is None:
        day = business_day(at_ms, expected.place)
        if not DAY_MIN <= day <= DAY_MAX:
            raise BadInput(f"{name} would not be in this century: set the clock", code="date_impossible")
        return day
    try:
        day = day_of(date.fromisoformat(text))
    except ValueError:
        raise BadInput(
            f'{name} "{shown(text)}" is not a date: write it like 2026-11-21',
            code="date_impossible",
        ) from None
    if not DAY_MIN <= day <= DAY_MAX:
        raise BadInput(f'{name} "{shown(text)}" is not in this century', code="date_impossible")
    now_ms = expected.now_ms
    if now_ms is not None and day * 86_400_000 > now_ms + expected.future_tolerance_ms + 86_400_000:
        raise BadInput(
            f'{name} "{shown(text)}" is in the future: check the clock of the till\'s software, '
            "then send it again",
            code="date_in_future",
        )
    return day


def _odd_date(key: ReceiptKey, at_ms: EpochMs, expected: Expectations) -> tuple[str, ...]:
    ours = business_day(at_ms, expected.place)
    if abs(key.business_day - ours) <= DAY_OFF_MAX:
        return ()
    return (
        f"business_date {date_of(Day(key.business_day))} is far from the time, which is of {date_of(ours)}",
    )


def check_currency(currency: str | None, expected: Expectations) -> None:
    """Refuse money of another currency than the programme's (`currency_unknown`, `currency_other`)."""
    if currency is None:
        return
    if currency not in CURRENCY_EXPONENTS:
        raise BadInput(
            f'currency "{shown(currency)}" is not known: use an ISO 4217 code such as KRW',
            code="currency_unknown",
        )
    if expected.currency is not None and currency != expected.currency:
        raise BadInput(
            f"currency is {currency}, the programme's is {expected.currency}: the receipt is not recorded",
            code="currency_other",
        )


def _amounts(receipt: Receipt) -> tuple[int, int]:
    if receipt.net_minor is None:
        raise BadInput("net_minor is missing: say what was paid, in minor units", code="receipt_invalid")
    for name, amount in (("net_minor", receipt.net_minor), ("tax_minor", receipt.tax_minor)):
        if not 0 <= amount <= MINOR_MAX:
            raise BadInput(
                f"{name} {shown(str(amount))} is impossible: it must be from 0 to {MINOR_MAX}",
                code="amount_impossible",
            )
    return receipt.net_minor, receipt.tax_minor


def _lines(receipt: Receipt) -> tuple[Line, ...]:
    if len(receipt.lines) > LINES_MAX:
        raise BadInput(f"a receipt has at most {LINES_MAX} lines", code="receipt_too_large")
    lines = []
    for place, line in enumerate(receipt.lines):
        if abs(line.net_minor) > MINOR_MAX:
            raise BadInput(
                f"lines[{place}].net_minor {shown(str(line.net_minor))} is impossible",
                code="amount_impossible",
            )
        if len(line.sku) > TEXT_MAX or len(line.category) > TEXT_MAX:
            raise BadInput(
                f"lines[{place}]: sku and category have at most {TEXT_MAX} characters", code="receipt_invalid"
            )
        if not 0 <= line.number <= 2**31:
            raise BadInput(f"lines[{place}].number {line.number} is impossible", code="receipt_invalid")
        quantity = _thousandths(line.quantity, f"lines[{place}].quantity")
        if quantity < 0 and receipt.kind == "return":
            raise BadInput(
                f"lines[{place}].quantity {line.quantity} is impossible in a return: write how much came "
                "back without a minus",
                code="amount_impossible",
            )
        lines.append(Line(line.number, line.sku, line.category, quantity, line.net_minor))
    return tuple(lines)


def _thousandths(quantity: str | int, name: str) -> int:
    if quantity == "1":
        return 1000
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None:
        raise BadInput(
            f'{name} "{shown(str(quantity))}" is not a number with at most 9 digits and 3 decimals',
            code="amount_impossible",
        )
    sign, whole, decimals = found.groups()
    thousandths = int(whole) * 1000 + int((decimals or "0").ljust(3, "0"))
    return -thousandths if sign else thousandths


def _tenders(receipt: Receipt) -> tuple[Tender, ...]:
    if len(receipt.tenders) > TENDERS_MAX:
        raise BadInput(f"a receipt has at most {TENDERS_MAX} tenders", code="receipt_too_large")
    for place, tender in enumerate(receipt.tenders):
        if not 1 <= len(tender.type) <= TEXT_MAX or _CONTROL.search(tender.type):
            raise BadInput(f"tenders[{place}].type must be a short text", code="receipt_invalid")
        if abs(tender.amount_minor) > MINOR_MAX:
            raise BadInput(
                f"tenders[{place}].amount_minor {shown(str(tender.amount_minor))} is impossible",
                code="amount_impossible",
            )
    return tuple([Tender(tender.type, tender.amount_minor) for tender in receipt.tenders])


def _odd_sums(net: int, lines: tuple[Line, ...], tenders: tuple[Tender, ...]) -> tuple[str, ...]:
    notices = []
    if lines and (total := sum(line.net_minor for line in lines)) != net:
        notices.append(f"the lines add up to {total}, the receipt says {net}: the receipt is believed")
    if tenders and (paid := sum(tender.amount_minor for tender in tenders)) != net:
        notices.append(f"the tenders add up to {paid}, the receipt says {net}")
    return tuple(notices)
