"""What one visit or purchase earns in a scene, asked with `accrual.DaySoFar`, and what that tells.

A scene is the rules that one item meets at some time and place; whatever its amount, they are the same rules.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

import msgspec

from loyalty_core.accrual import DaySoFar
from loyalty_core.day_rules import DayRules
from loyalty_core.entries import NO_EVENT
from loyalty_core.programme import Cap, Kind, Rule, Weight
from loyalty_core.resolved import Item
from loyalty_core.units import MINOR_MAX, EpochMs, MinorUnits, Minute


class Scene(msgspec.Struct, frozen=True):
    """The rules that one item meets, whatever its amount, with a minute and a store that meet them."""

    rules: DayRules
    minute: Minute
    store_id: str


def rules_in(rules: DayRules) -> tuple[Rule, ...]:
    """Return all rules of a day."""
    return (*rules.earns, *rules.weights, *rules.bonuses, *rules.caps)


def gain(scene: Scene, kind: Kind, minor: int, before: DaySoFar | None = None) -> int:
    """Return the qualifying points that a visit, or a purchase of this amount, adds to a day.

    `before` is what there was of the day already, by all its rules.
    """
    day = DaySoFar(scene.rules, ()) if before is None else before
    money = (("", minor),) if kind == "purchase" else ()
    item = Item(NO_EVENT, EpochMs(0), kind, scene.store_id, scene.minute, money, ())
    return day.gain(item)[1]


def amounts_from(scenes: Iterable[Scene], minor: int) -> list[int]:
    """Return an amount, and every larger one at which some rule begins to look at a purchase.

    From each of them up to the next, more money never earns less.
    """
    thresholds = {int(rule.when.minimum) for scene in scenes for rule in rules_in(scene.rules)}
    return [minor, *sorted(each for each in thresholds if each > minor)]


def least_amount(scenes: Sequence[Scene], missing: int) -> MinorUnits | None:
    """Return the smallest amount such that it, and any larger, earns what is missing in every scene."""

    def enough(minor: int) -> bool:
        return all(gain(scene, "purchase", minor) >= missing for scene in scenes)

    starts = amounts_from(scenes, 1)
    found = None
    for low, above in zip(reversed(starts), [MINOR_MAX + 1, *reversed(starts)], strict=False):
        if not enough(above - 1):
            break
        found = _first(enough, low, above - 1)
        if found != low:
            break
    return None if found is None else MinorUnits(found)


def _first(enough: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first number from `low` that is enough, where `high` is and all after it are."""
    below, reach = low, low
    while reach < high and not enough(reach):
        below, reach = reach + 1, min(high, reach * 4)
    return below + bisect_left(range(below, reach), True, key=enough)


def is_one_a_day(scenes: Iterable[Scene]) -> bool:
    """Tell whether a second visit of a day may earn less than the first."""
    return any(
        any(earn.limit_per_day is not None for earn in scene.rules.earns)
        or any(bonus.per == "day" for bonus in scene.rules.bonuses)
        or any(cap.per == "day" for cap in scene.rules.caps)
        for scene in scenes
    )


def is_choosy(scenes: Iterable[Scene]) -> bool:
    """Tell whether some goods, or some ways of paying, may earn less than a plain purchase."""
    return any(_is_choosy(rule) for scene in scenes for rule in rules_in(scene.rules))


def _is_choosy(rule: Rule) -> bool:
    when = rule.when
    if when.exclude_categories or when.exclude_tenders:
        return True
    if when.categories is None:
        return False
    lowers = isinstance(rule, Cap) or (isinstance(rule, Weight) and rule.times < 1)
    return lowers or "" in when.categories
