"""The goods of a paper, and what they were paid with."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from edge_agent.pos_adapter.escpos.amounts import amount
from edge_agent.pos_adapter.escpos.lines import Lines
from edge_agent.pos_adapter.escpos.profile import Profile, first
from edge_agent.pos_adapter.receipt import LineIn, TenderIn

_MONEY: Final = re.compile(r"\d[.,]\d{2,3}(?!\d)")
_HEAD: Final = frozenset(
    {"number", "time", "date", "clock", "till", "store", "member", "original", "original_date"}
    | {"business_date"}
)
"""What is said of a receipt; no item stands above it, where it comes before the total."""


def tenders(lines: Lines, profile: Profile, currency: str) -> list[TenderIn]:
    """Return what it was paid with; where only what was handed over is said, that was cash."""
    paid: list[TenderIn] = []
    for place in range(lines.total_at, lines.slip_at):
        for kind, patterns in profile.tenders.items():
            found = first(patterns, lines.texts[place]) if not lines.taken[place] else None
            value = amount(found["value"], currency) if found is not None else None
            if value:
                lines.take(place, "tender")
                paid.append(TenderIn(type=kind, amount_minor=value))
    received, change = lines.amount("received"), lines.amount("change")
    if received and not paid:
        paid.append(TenderIn(type="cash", amount_minor=received))
    if change and paid:
        paid.append(TenderIn(type="cash", amount_minor=-abs(change)))
    return paid


def items(lines: Lines, profile: Profile, currency: str) -> list[LineIn]:
    """Return the items: from the columns' titles, or what is said of the receipt, to the first total.

    Where no total is found they are what has an amount, wherever it stands: then it may be a receipt yet.
    """
    texts, taken, end = lines.texts, lines.taken, lines.total_at
    begin = 0
    for place in lines.fit("columns"):
        if place < end:
            taken[place] = "columns"
            begin = place + 1
    is_total = end < len(texts)
    if not begin and is_total:
        said = [place for place, names in enumerate(taken[:end]) if _HEAD & {*names.split(", ")}]
        begin = said[-1] + 1 if said else 0
    found: list[LineIn] = []
    name = ""
    for place in range(begin, end):
        if taken[place]:
            name = ""
            continue
        item = _item(texts[place], name, len(found) + 1, profile, currency)
        if item is None or not (is_total or _MONEY.search(texts[place])):
            name = texts[place].strip()
            continue
        taken[place] = "item"
        if name and item.sku == name:
            taken[place - 1] = "item"
        found.append(item)
        name = ""
    return found


def _item(line: str, name: str, number: int, profile: Profile, currency: str) -> LineIn | None:
    """Return the item of a line, or of what stands below its name."""
    for kind in ("priced", "item"):
        found = profile.found(kind, line) if kind == "item" or name else None
        if found is None:
            continue
        groups = found.groupdict()
        net = amount(groups["net"], currency)
        called = (groups.get("name") or "").strip() or name
        if net is not None and called:
            quantity = groups.get("quantity") or "1"
            return LineIn(number=number, net_minor=net, sku=called[:64], quantity=quantity.replace(",", ""))
    return None


def returned(items: list[LineIn], net_minor: int) -> list[LineIn]:
    """Return the items as a return says them: what came back without a minus, a discount on it with one.

    None where they are not all that came back: a return of some lines would leave the points of the others.
    """
    came_back = sum(item.net_minor for item in items)
    if abs(came_back) != net_minor:
        return []
    sign = -1 if came_back < 0 else 1
    return [
        msgspec.structs.replace(
            item, net_minor=sign * item.net_minor, quantity=str(item.quantity).removeprefix("-")
        )
        for item in items
    ]
