"""The fold of one member-day: resolved receipts and visits of one business day -> entries with their steps.

Facts are taken in canonical order, one by one. An item earns what the rules give it after everything
before it; a takeback takes the day's total just before it less the day's total just after. So the day's total
is that of what remains, whoever reported it and whenever it arrived. After a takeback only those items are
looked at again that the day finds otherwise than before: mostly none or one, so that long days stay cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from loyalty_core.day_rules import DayRules
from loyalty_core.entries import PointEntry, Step, paired_steps
from loyalty_core.events import EventId, Order
from loyalty_core.matching import eligible_minor, money_of
from loyalty_core.programme import Affects, Bonus, Cap, Earn
from loyalty_core.resolved import Item, Resolved, Takeback
from loyalty_core.units import POINTS_MAX
from loyalty_core.weighing import Scaled

_POINTS_MAX: Final = (POINTS_MAX, POINTS_MAX)
_Pair = tuple[int, int]
"""(redeemable, qualifying)"""


class DayItem(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What stands of a visit or purchase at the end of its day, what it earns then, and what counts it.

    `rules` are the ids of the rules over a period or a life that it matches.
    """

    id: EventId
    occurred_at_ms: int
    redeemable: int
    qualifying: int
    rules: tuple[str, ...]


class DerivedDay(msgspec.Struct, frozen=True, gc=False):
    """A member-day's entries, and what the rules over a period or a life count of it, in canonical order."""

    entries: tuple[PointEntry, ...]
    items: tuple[DayItem, ...]


def derive_day(rules: DayRules, receipts: Sequence[Resolved]) -> tuple[PointEntry, ...]:
    """Return an entry for every item and takeback of the member-day, in canonical order.

    Entries of zero points are in the result: they carry the steps that say why nothing was given. What is
    given twice counts once.
    """
    return fold_day(rules, receipts).entries


def counted_items(rules: DayRules, receipts: Sequence[Resolved]) -> tuple[DayItem, ...]:
    """Return, in canonical order, what the rules over a period or a life count of a member-day."""
    return fold_day(rules, receipts).items


def fold_day(rules: DayRules, receipts: Sequence[Resolved]) -> DerivedDay:
    """Return what `derive_day` and `counted_items` do, at once."""
    receipts = [receipt for receipt in receipts if receipt.item.earns]
    day = _Day(rules)
    if len(receipts) == 1 and not receipts[0].takebacks:
        item = receipts[0].item
        points, steps = day.take(item)
        return DerivedDay((_earned(rules, item, points, steps),), _counted(rules, [(item, points)]))
    facts: list[tuple[Order, int, Item, Takeback | None]] = []
    for receipt in {receipt.item.id: receipt for receipt in receipts}.values():
        item = receipt.item
        facts.append((item.order, 0, item, None))
        facts.extend((max(back.order, item.order), 1, item, back) for back in receipt.takebacks)
    facts.sort(key=_position)
    stands, entries = _Standing(rules), []
    for _, _, item, back in facts:
        if back is None:
            entries.append(_earned(rules, item, *stands.add(item)))
            continue
        before = stands.total
        stands.replace(item.order, back.remains)
        entries.append(_taken_back(rules, back, before, stands.total))
    return DerivedDay(tuple(entries), _counted(rules, stands.items()))


class DaySoFar:
    """What stands of a member-day, and what one item more would earn after it. It does not change."""

    def __init__(self, rules: DayRules, receipts: Iterable[Resolved]) -> None:
        self._rules, self._day = rules, _Day(rules)
        for item in _standing(receipts):
            self._day.take(item)

    def gain(self, item: Item) -> tuple[int, int]:
        """Return the (redeemable, qualifying) points that an item would add, being the last of its day."""
        return self._day.copy().take(item)[0]

    def with_next(self, item: Item) -> tuple[DaySoFar, PointEntry]:
        """Return the day with an item that comes after all of its facts, and the entry of that."""
        day = self._day.copy()
        entry = _earned(self._rules, item, *day.take(item))
        grown = DaySoFar(self._rules, ())
        grown._day = day
        return grown, entry


def _standing(receipts: Iterable[Resolved]) -> list[Item]:
    """Return what stands of a day at its end, in canonical order."""
    standing = {one.item.id: one.standing for one in receipts if one.item.earns}
    return sorted((item for item in standing.values() if item is not None), key=lambda item: item.order)


def _counted(rules: DayRules, standing: Iterable[tuple[Item, _Pair]]) -> tuple[DayItem, ...]:
    """Return what the rules over a period or a life count of what stands, with what it earns."""
    if not rules.counted:
        return ()
    found = []
    for item, points in standing:
        matched = tuple([rule.id for rule, counts in rules.plans[item.kind].counted if counts(item)])
        if matched:
            found.append(DayItem(item.id, item.occurred_at_ms, *points, matched))
    return tuple(found)


def _position(fact: tuple[Order, int, Item, Takeback | None]) -> tuple[Order, int, Order]:
    order, after, item, back = fact
    return order, after, item.order if back is None else back.order


def _earned(rules: DayRules, item: Item, points: _Pair, steps: list[Step]) -> PointEntry:
    return PointEntry(
        event=item.id,
        kind="earn",
        earned_day=rules.day,
        business_day=rules.day,
        period_id=rules.period_id,
        redeemable=points[0],
        qualifying=points[1],
        programme_version=rules.version,
        steps=tuple(steps),
    )


def _taken_back(rules: DayRules, back: Takeback, before: _Pair, after: _Pair) -> PointEntry:
    saw = str(int(money_of(back.remains))) if back.remains else "0"
    steps = paired_steps("void" if back.voids else "return", "clawback", saw, before, after)
    return PointEntry(
        event=back.id,
        kind="clawback",
        earned_day=rules.day,
        business_day=back.business_day,
        period_id=rules.period_id,
        redeemable=after[0] - before[0],
        qualifying=after[1] - before[1],
        programme_version=rules.version,
        steps=steps,
    )


class _Standing:
    """What stands of a member-day so far in canonical order, with what it earns and the state after each."""

    def __init__(self, rules: DayRules) -> None:
        self._day = _Day(rules)
        self._places: dict[Order, int] = {}
        self._items: list[Item | None] = []
        self._points: list[_Pair] = []
        self._states: list[_Day] = [self._day.copy()]

    @property
    def total(self) -> _Pair:
        """What the day gives as it stands."""
        return self._day.total

    def items(self) -> list[tuple[Item, _Pair]]:
        """Return the items that stand, each with what it earns."""
        pairs = zip(self._items, self._points, strict=True)
        return [(item, points) for item, points in pairs if item is not None]

    def add(self, item: Item) -> tuple[_Pair, list[Step]]:
        """Return what an item earns after all others, and why."""
        points, steps = self._day.take(item)
        self._places[item.order] = len(self._items)
        self._items.append(item)
        self._points.append(points)
        self._states.append(self._day.copy())
        return points, steps

    def replace(self, order: Order, left: Item | None) -> None:
        """Put what is left of an item in its place, and those after it that it makes a difference to."""
        total, first = self._day.total, self._places[order]
        self._items[first] = left
        day = self._states[first].copy()
        for place in range(first, len(self._items)):
            item, before = self._items[place], self._points[place]
            points = (0, 0) if item is None else day.take(item)[0]
            self._points[place] = points
            total = _plus(total, (points[0] - before[0], points[1] - before[1]))
            if day.goes_on_as(self._states[place + 1]):
                break
            self._states[place + 1] = day.copy()
        self._day = self._states[-1].copy()
        self._day.total = total


class _Day:
    """The running state of one member-day: how often each limited rule matched, what each cap let through."""

    __slots__ = ("_counts", "_rules", "_through", "total")

    def __init__(self, rules: DayRules) -> None:
        self._rules = rules
        self._counts: dict[str, int] = {}
        self._through: dict[str, _Pair] = {}
        self.total: _Pair = (0, 0)

    def copy(self) -> _Day:
        """Return the same state, to go on from on its own."""
        other = _Day(self._rules)
        other._counts, other._through, other.total = dict(self._counts), dict(self._through), self.total
        return other

    def goes_on_as(self, other: _Day) -> bool:
        """Tell whether what comes next earns the same after this one as after the other."""
        return (self._counts, self._through) == (other._counts, other._through)

    def take(self, item: Item) -> tuple[_Pair, list[Step]]:
        """Return what the item earns after all that was taken before it, and why."""
        steps: list[Step] = []
        points: _Pair = (0, 0)
        plan = self._rules.plans[item.kind]
        weights = [weight for weight, counts in plan.weights if counts(item)]
        for rule, counts in plan.earns:
            if counts(item):
                points = self._earn(rule, item, weights, points, steps)
        for bonus, counts in plan.bonuses:
            if counts(item) and self._bonus_is_due(bonus):
                given = _given(bonus.affects, points, (bonus.points, bonus.points))
                steps += paired_steps(bonus.id, "bonus", str(bonus.nth or ""), points, given)
                points = given
        for cap, counts in plan.caps:
            if counts(item):
                points = self._cap(cap, points, steps)
        if max(points) > POINTS_MAX:
            given = _cut(None, points, _POINTS_MAX)
            steps += paired_steps("event-maximum", "cap", str(POINTS_MAX), points, given)
            points = given
        self.total = _plus(self.total, points)
        return points, steps

    def _earn(self, rule: Earn, item: Item, weights: list[Scaled], before: _Pair, steps: list[Step]) -> _Pair:
        limit = rule.limit_per_day
        if limit is not None and self._count(rule.id, limit) > limit:
            steps += paired_steps(rule.id, "limit", str(limit), before, before)
            return before
        saw, base = str(item.kind), int(rule.points)
        if rule.per is not None:
            eligible = eligible_minor(rule.when, item)
            saw, base = str(int(eligible)), rule.points * (eligible // rule.per)
        points = _given(rule.affects, before, (base, base))
        steps += paired_steps(rule.id, "earn", saw, before, points)
        if weights and base:
            for weight, weighed in self._rules.scale.weighed(rule, item, base, weights):
                given = _given(rule.affects, before, weighed)
                steps += paired_steps(weight.id, "weight", weight.shown, points, given)
                points = given
        return points

    def _bonus_is_due(self, bonus: Bonus) -> bool:
        if bonus.per == "event":
            return True
        nth = bonus.nth or 1
        return self._count(bonus.id, nth) == nth

    def _count(self, rule_id: str, most: int) -> int:
        """Count a match of a rule and return how many there are; what is more than `most` is one more."""
        count = self._counts[rule_id] = min(self._counts.get(rule_id, 0), most) + 1
        return count

    def _cap(self, cap: Cap, points: _Pair, steps: list[Step]) -> _Pair:
        through = self._through.get(cap.id, (0, 0))
        kept = _cut(cap.affects, points, (cap.points - through[0], cap.points - through[1]))
        if cap.per == "day":
            self._through[cap.id] = _plus(through, kept)
        if kept != points:
            steps += paired_steps(cap.id, "cap", str(cap.points), points, kept)
        return kept


def _cut(affects: Affects, points: _Pair, room: _Pair) -> _Pair:
    """Return what a cap leaves of points, of the kinds that it touches."""
    return (
        points[0] if affects == "qualifying" else min(points[0], room[0]),
        points[1] if affects == "redeemable" else min(points[1], room[1]),
    )


def _plus(one: _Pair, other: _Pair) -> _Pair:
    return one[0] + other[0], one[1] + other[1]


def _given(affects: Affects, before: _Pair, points: _Pair) -> _Pair:
    """Return the points after a rule that gives these, of the kinds that it touches."""
    return (
        before[0] if affects == "qualifying" else before[0] + points[0],
        before[1] if affects == "redeemable" else before[1] + points[1],
    )
