"""Does a rule look at this? The conditions that all rules share, and the money that a rule counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from loyalty_core.calendar import weekday_of
from loyalty_core.programme import ALWAYS_EXCLUDED_TENDERS, When
from loyalty_core.resolved import Item, ItemKind
from loyalty_core.units import Day

Test = Callable[[Item], bool]


def in_play(when: When, day: Day, tier: str) -> bool:
    """Tell whether a rule counts anything on a business day for a member who holds this tier."""
    return (
        (when.weekdays is None or weekday_of(day) in when.weekdays)
        and (when.from_day is None or when.from_day <= day)
        and (when.until_day is None or day <= when.until_day)
        and (when.tiers is None or tier in when.tiers)
    )


def matches(when: When, item: Item) -> bool:
    """Tell whether a rule that is in play counts an item; for many items see `asked`."""
    counts = asked(when, item.kind)
    return counts is not None and counts(item)


def asked(when: When, kind: ItemKind) -> Test | None:
    """Return what a rule in play asks of items of a kind; None where it can count none of them."""
    is_visit = kind == "visit"
    if kind not in when.on or (is_visit and (when.categories is not None or when.minimum)):
        return None
    tests: list[Test] = []
    if when.stores is not None:
        stores = when.stores
        tests.append(lambda item: item.store_id in stores)
    if when.slot is not None:
        holds = when.slot.holds
        tests.append(lambda item: holds(item.minute))
    if selects_lines(when) and not is_visit:
        tests.append(lambda item: any(selects(when, category) for category, _ in nets_of(item)))
    if when.minimum:
        tests.append(lambda item: eligible_minor(when, item) >= when.minimum)
    if len(tests) > 1:
        return lambda item: all(test(item) for test in tests)
    return tests[0] if tests else _anything


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
    paid = 0
    for tender, amount in item.tenders:
        if tender in ALWAYS_EXCLUDED_TENDERS or tender in when.exclude_tenders:
            paid += amount
    return max(0, money_of(item, when) - max(0, paid))


def money_of(item: Item, when: When | None = None) -> int | Fraction:
    """Return what is left of an item's money, or of the lines that a rule counts."""
    if when is None or not selects_lines(when):
        return sum([net for _, net in nets_of(item)])
    return sum([net for category, net in nets_of(item) if selects(when, category)])


def nets_of(item: Item) -> Sequence[tuple[str, int | Fraction]]:
    """Return (category, what is left of its net) of every line."""
    if not item.parts:
        return item.money
    left = [(category, Fraction(net * remaining, sold)) for category, net, remaining, sold in item.parts]
    return [*item.money, *left]


def _anything(_: Item) -> bool:
    return True
