"""Does a rule look at this? The conditions that all rules share, and the money that a rule counts."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from loyalty_core.calendar import weekday_of
from loyalty_core.programme import ALWAYS_EXCLUDED_TENDERS, When
from loyalty_core.resolved import Item
from loyalty_core.units import Day


def in_play(when: When, day: Day, tier: str) -> bool:
    """Tell whether a rule counts anything on a business day for a member who holds this tier."""
    return (
        (when.weekdays is None or weekday_of(day) in when.weekdays)
        and (when.from_day is None or when.from_day <= day)
        and (when.until_day is None or day <= when.until_day)
        and (when.tiers is None or tier in when.tiers)
    )


def matches(when: When, item: Item) -> bool:
    """Tell whether a rule that is in play counts an item."""
    if item.kind not in when.on:
        return False
    if when.stores is not None and item.store_id not in when.stores:
        return False
    if when.slot is not None and not when.slot.holds(item.minute):
        return False
    if item.kind == "visit":
        return when.categories is None and not when.minimum
    if selects_lines(when) and not any(selects(when, category) for category, _ in nets_of(item)):
        return False
    return not when.minimum or eligible_minor(when, item) >= when.minimum


def selects_lines(when: When) -> bool:
    """Tell whether a rule looks at some lines only."""
    return when.categories is not None or bool(when.exclude_categories)


def selects(when: When, category: str) -> bool:
    """Tell whether a rule counts lines of this category."""
    if when.categories is not None and category not in when.categories:
        return False
    return category not in when.exclude_categories


def eligible_minor(when: When, item: Item) -> int | Fraction:
    """Return the money that a rule counts: its lines less what tenders it excludes paid, never below 0.

    A fraction where a line came back in part.
    """
    return max(0, money_of(item, when) - _excluded(when, item))


def money_of(item: Item, when: When | None = None) -> int | Fraction:
    """Return what is left of an item's money, or of the lines that a rule counts."""
    return sum(net for category, net in nets_of(item) if when is None or selects(when, category))


def nets_of(item: Item) -> Iterable[tuple[str, int | Fraction]]:
    """Return (category, what is left of its net) of every line."""
    if not item.parts:
        return item.money
    left = [(category, Fraction(net * remaining, sold)) for category, net, remaining, sold in item.parts]
    return [*item.money, *left]


def _excluded(when: When, item: Item) -> int:
    paid = 0
    for tender, amount in item.tenders:
        if tender in ALWAYS_EXCLUDED_TENDERS or tender in when.exclude_tenders:
            paid += amount
    return max(0, paid)
