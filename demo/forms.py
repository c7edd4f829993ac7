"""What the shops' own till software says of a sale, a return and a day: as JSON, and as rows of CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from demo import members
from demo.receipts import Basket, Item, day_of_time, with_offset
from demo.shopping import Deed, Returned, Sold

TILL: Final = "T01"
COLUMNS: Final = (
    *("kind", "store", "till", "business_date", "number", "occurred_at", "member", "line", "sku", "category"),
    *("quantity", "net_minor", "tender", "original"),
)


class Total(msgspec.Struct, frozen=True):
    """What the software of a till sold on a day: purchases and returns, and purchases less returns."""

    store_id: str
    day: date
    count: int
    net_minor: int


def totals_of(deeds: Iterable[Deed]) -> list[Total]:
    """Return the totals of the days of one store, in order."""
    days: dict[date, Total] = {}
    for deed in deeds:
        if isinstance(deed, Sold | Returned):
            day = day_of_time(deed.at)
            net = deed.basket.net_minor if isinstance(deed, Sold) else -deed.item.net_minor
            before = days.get(day, Total(deed.store_id, day, 0, 0))
            days[day] = Total(deed.store_id, day, before.count + 1, before.net_minor + net)
    return [days[day] for day in sorted(days)]


def as_receipt(deed: Sold | Returned, value_minor: int = 0) -> dict[str, Any]:
    """Return a sale or return as the local HTTP API and a line of JSON take it.

    Of a sale `value_minor` was paid with points.
    """
    if isinstance(deed, Returned):
        said = _said("return", deed.store_id, deed.number, deed.at, [(deed.line, deed.item)])
        return said | {"original": key_of(deed.basket)}
    basket = deed.basket
    lines = list(enumerate(basket.items, start=1))
    said = _said("purchase", basket.store_id, basket.number, basket.sold_at, lines)
    if deed.named:
        said["member"] = members.card(basket.household)
    if value_minor:
        paid = {"type": "card", "amount_minor": basket.net_minor - value_minor}
        said["tenders"] = [paid, {"type": "points", "amount_minor": value_minor}]
    return said


def as_total(total: Total) -> dict[str, Any]:
    """Return a day's total as a line of JSON."""
    return {
        "kind": "day_total",
        "receipt": {"store": total.store_id, "till": TILL, "business_date": total.day.isoformat()},
        "count": total.count,
        "net_minor": total.net_minor,
    }


def key_of(basket: Basket) -> dict[str, str]:
    """Return the name of a sale."""
    return _key(basket.store_id, basket.sold_at, basket.number)


def csv_rows(deed: Sold | Returned) -> Iterator[tuple[object, ...]]:
    """Return the rows of a sale or return; the till's own time has no offset, it is that of the store."""
    where, original, card = (deed.store_id, TILL, ""), "", ""
    if isinstance(deed, Returned):
        head: tuple[object, ...] = ("return", *where, deed.number, deed.at.isoformat())
        items: Sequence[tuple[int, Item]] = [(deed.line, deed.item)]
        original = "/".join(key_of(deed.basket).values())
    else:
        head = ("purchase", *where, deed.basket.number, deed.at.isoformat())
        items = list(enumerate(deed.basket.items, start=1))
        card = members.card(deed.basket.household) if deed.named else ""
    for number, item in items:
        what = (number, item.sku, item.category, item.quantity, item.net_minor, "card")
        yield (*head, card, *what, original)


def csv_total(total: Total) -> tuple[object, ...]:
    """Return the row of a day's total."""
    named = ("day_total", total.store_id, TILL, total.day.isoformat(), "", "")
    return (*named, "", "", "", "", total.count, total.net_minor, "", "")


def _said(
    kind: str, store_id: str, number: str, at: datetime, lines: Sequence[tuple[int, Item]]
) -> dict[str, Any]:
    net_minor = sum(item.net_minor for _, item in lines)
    return {
        "kind": kind,
        "receipt": _key(store_id, at, number),
        "currency": "USD",
        "occurred_at": with_offset(at),
        "lines": [
            {
                "number": line,
                "sku": item.sku,
                "category": item.category,
                "quantity": item.quantity,
                "net_minor": item.net_minor,
            }
            for line, item in lines
        ],
        "net_minor": net_minor,
        "tenders": [{"type": "card", "amount_minor": net_minor}],
    }


def _key(store_id: str, at: datetime, number: str) -> dict[str, str]:
    return {
        "store": store_id,
        "till": TILL,
        "business_date": day_of_time(at).isoformat(),
        "number": number,
    }
