"""The fold of one member-day: resolved receipts and visits of one business day -> entries with their steps.

Facts are taken in canonical order, one by one. An item earns what the rules give it after everything
before it; a takeback takes the day's total just before it less the day's total just after. So the day's total
is that of what remains, whoever reported it and whenever it arrived.

A weight with `categories` multiplies only the base of its lines. Where lines of one receipt have different
weights w1 < w2 < ..., points = w1 x base(all) + (w2 - w1) x base(lines weighing at least w2) + ...: with a
single weight this is base x weight, a weight above 1 never lowers points, and spending more never earns
less (docs/adr/0002).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from loyalty_core.calendar import period_of
from loyalty_core.entries import PointEntry, Step, StepKind, paired_steps
from loyalty_core.events import EventId, Order
from loyalty_core.matching import eligible_minor, in_play, matches, money_of, nets_of, selects, selects_lines
from loyalty_core.programme import (
    Affects,
    Bonus,
    Cap,
    Combine,
    Earn,
    Programme,
    Weight,
)
from loyalty_core.resolved import Item, Resolved, Takeback
from loyalty_core.units import Day

EVENT_POINTS_MAX: Final = 10**12
"""The most points that one event may earn, whatever the rules say."""
_ONE = Fraction(1)
_DIGITS_MAX = 12
_Pair = tuple[int, int]
"""(redeemable, qualifying)"""


class DayRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one programme version that are in play on one date for one tier."""

    version: int
    day: Day
    tier: str
    period_id: str
    combine: Combine
    earns: tuple[Earn, ...]
    weights: tuple[Weight, ...]
    bonuses: tuple[Bonus, ...]
    caps: tuple[Cap, ...]
    counted: tuple[Bonus | Cap, ...] = ()
    """What counts over a period or a life: the account fold applies it to what stands of the day."""


def rules_of_day(programme: Programme, day: Day, tier: str) -> DayRules:
    """Return what of the programme is in play on this business day for a member who holds this tier."""
    return DayRules(
        version=programme.version,
        day=day,
        tier=tier,
        period_id=period_of(day, programme.period_months).id,
        combine=programme.combine,
        earns=tuple(rule for rule in programme.earns if in_play(rule.when, day, tier)),
        weights=tuple(rule for rule in programme.weights if in_play(rule.when, day, tier)),
        bonuses=tuple(r for r in programme.bonuses if r.in_day and in_play(r.when, day, tier)),
        caps=tuple(rule for rule in programme.caps if rule.per != "period" and in_play(rule.when, day, tier)),
        counted=tuple(rule for rule in counted_rules(programme) if in_play(rule.when, day, tier)),
    )


def counted_rules(programme: Programme) -> tuple[Bonus | Cap, ...]:
    """Return the rules that count over a period or a life."""
    caps = tuple([rule for rule in programme.caps if rule.per == "period"])
    return (*caps, *[rule for rule in programme.bonuses if not rule.in_day])


def derive_day(rules: DayRules, receipts: Sequence[Resolved]) -> tuple[PointEntry, ...]:
    """Return an entry for every item and takeback of the member-day, in canonical order.

    Entries of zero points are in the result: they carry the steps that say why nothing was given. What is
    given twice counts once.
    """
    receipts = [receipt for receipt in receipts if receipt.item.earns]
    if len(receipts) == 1 and not receipts[0].takebacks:
        return (_earned(rules, receipts[0].item, *_Day(rules).take(receipts[0].item)),)
    facts: list[tuple[Order, int, Item, Takeback | None]] = []
    for receipt in {receipt.item.id: receipt for receipt in receipts}.values():
        item = receipt.item
        facts.append((item.order, 0, item, None))
        facts.extend((max(back.order, item.order), 1, item, back) for back in receipt.takebacks)
    facts.sort(key=_position)
    present: dict[Order, Item] = {}
    day = _Day(rules)
    entries = []
    for _, _, item, back in facts:
        if back is None:
            present[item.order] = item
            entries.append(_earned(rules, item, *day.take(item)))
            continue
        if back.remains is None:
            present.pop(item.order, None)
        else:
            present[item.order] = back.remains
        before, day = day.total, _Day(rules)
        for left in present.values():
            day.take(left)
        entries.append(_taken_back(rules, back, before, day.total))
    return tuple(entries)


class DayItem(msgspec.Struct, frozen=True, array_like=True):
    """What stands of a visit or purchase at the end of its day, what it earns then, and what counts it.

    `rules` are the ids of the rules over a period or a life that it matches.
    """

    id: EventId
    occurred_at_ms: int
    redeemable: int
    qualifying: int
    rules: tuple[str, ...]


def counted_items(rules: DayRules, receipts: Iterable[Resolved]) -> tuple[DayItem, ...]:
    """Return, in canonical order, what the rules over a period or a life count of a member-day."""
    if not rules.counted:
        return ()
    standing = {one.item.id: one.standing for one in receipts if one.item.earns}
    items = sorted((item for item in standing.values() if item is not None), key=lambda item: item.order)
    day, found = _Day(rules), []
    for item in items:
        points, _ = day.take(item)
        matched = tuple([rule.id for rule in rules.counted if matches(rule.when, item)])
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
    steps: list[Step] = []
    _add_step(steps, "void" if back.voids else "return", "clawback", saw, before, after)
    return PointEntry(
        event=back.id,
        kind="clawback",
        earned_day=rules.day,
        business_day=back.business_day,
        period_id=rules.period_id,
        redeemable=after[0] - before[0],
        qualifying=after[1] - before[1],
        programme_version=rules.version,
        steps=tuple(steps),
    )


class _Day:
    """The running state of one member-day: how often each limited rule matched, what each cap let through."""

    __slots__ = ("_counts", "_rules", "_through", "total")

    def __init__(self, rules: DayRules) -> None:
        self._rules = rules
        self._counts: dict[str, int] = {}
        self._through: dict[str, _Pair] = {}
        self.total: _Pair = (0, 0)

    def take(self, item: Item) -> tuple[_Pair, list[Step]]:
        """Return what the item earns after all that was taken before it, and why."""
        steps: list[Step] = []
        points: _Pair = (0, 0)
        weights = [weight for weight in self._rules.weights if matches(weight.when, item)]
        for rule in self._rules.earns:
            if matches(rule.when, item):
                points = self._earn(rule, item, weights, points, steps)
        for bonus in self._rules.bonuses:
            if matches(bonus.when, item) and self._bonus_is_due(bonus):
                given = _plus(points, _for(bonus.affects, bonus.points))
                _add_step(steps, bonus.id, "bonus", str(bonus.nth or ""), points, given)
                points = given
        for cap in self._rules.caps:
            if matches(cap.when, item):
                points = self._cap(cap, points, steps)
        points = _bounded(points, steps)
        self.total = _plus(self.total, points)
        return points, steps

    def _earn(self, rule: Earn, item: Item, weights: list[Weight], before: _Pair, steps: list[Step]) -> _Pair:
        if rule.limit_per_day is not None:
            count = self._counts[rule.id] = self._counts.get(rule.id, 0) + 1
            if count > rule.limit_per_day:
                _add_step(steps, rule.id, "limit", str(rule.limit_per_day), before, before)
                return before
        if rule.per is None:
            weights = [weight for weight in weights if not selects_lines(weight.when)]
            saw, base = str(item.kind), int(rule.points)
        else:
            eligible = eligible_minor(rule.when, item)
            saw, base = str(int(eligible)), rule.points * (eligible // rule.per)
        points = _plus(before, _for(rule.affects, base))
        _add_step(steps, rule.id, "earn", saw, before, points)
        if not weights or not base:
            return points
        weights = _telling(weights, self._rules.combine)
        for count in range(1, len(weights) + 1):
            weighed = (
                _weigh(rule, item, base, weights[:count], "redeemable", self._rules.combine),
                _weigh(rule, item, base, weights[:count], "qualifying", self._rules.combine),
            )
            given = _plus(before, _of(rule.affects, weighed))
            _add_step(
                steps, weights[count - 1].id, "weight", _decimal(weights[count - 1].times), points, given
            )
            points = given
        return points

    def _bonus_is_due(self, bonus: Bonus) -> bool:
        if bonus.per == "event":
            return True
        count = self._counts[bonus.id] = self._counts.get(bonus.id, 0) + 1
        return count == (bonus.nth or 1)

    def _cap(self, cap: Cap, points: _Pair, steps: list[Step]) -> _Pair:
        through = self._through.get(cap.id, (0, 0))
        kept = (
            points[0] if cap.affects == "qualifying" else min(points[0], cap.points - through[0]),
            points[1] if cap.affects == "redeemable" else min(points[1], cap.points - through[1]),
        )
        if cap.per == "day":
            self._through[cap.id] = _plus(through, kept)
        if kept != points:
            _add_step(steps, cap.id, "cap", str(cap.points), points, kept)
        return kept


def _bounded(points: _Pair, steps: list[Step]) -> _Pair:
    """Cut what no receipt can earn, so that sums stay within 64 bits whatever a programme multiplies."""
    kept = (min(points[0], EVENT_POINTS_MAX), min(points[1], EVENT_POINTS_MAX))
    if kept != points:
        _add_step(steps, "event-maximum", "cap", str(EVENT_POINTS_MAX), points, kept)
    return kept


def _weigh(
    rule: Earn, item: Item, base: int, weights: Sequence[Weight], target: Affects, combine: Combine
) -> int:
    """Return floor(base x weight), in layers where lines of the receipt weigh differently."""
    weights = [weight for weight in weights if weight.affects in (None, target)]
    if rule.per is None or not any(selects_lines(weight.when) for weight in weights):
        factor = _combined([weight.times for weight in weights], combine)
        return base * factor.numerator // factor.denominator
    eligible = eligible_minor(rule.when, item)
    by_factor: dict[Fraction, int | Fraction] = {}
    for category, net in nets_of(item):
        if selects(rule.when, category):
            factor = _combined([w.times for w in weights if selects(w.when, category)], combine)
            by_factor[factor] = by_factor.get(factor, 0) + net
    points, below, rest = Fraction(0), Fraction(0), sum(by_factor.values())
    for factor in sorted(by_factor):
        layer = base if factor == min(by_factor) else rule.points * (max(0, min(rest, eligible)) // rule.per)
        points += (factor - below) * layer
        below, rest = factor, rest - by_factor[factor]
    return points.numerator // points.denominator


def _combined(times: Iterable[Fraction], combine: Combine) -> Fraction:
    """Return the one weight of several; none is 1."""
    factors = list(times)
    if not factors:
        return _ONE
    if combine == "best":
        return max(factors)
    if combine == "sum":
        return max(Fraction(0), 1 + sum((factor - 1 for factor in factors), Fraction(0)))
    product = _ONE
    for factor in factors:
        product *= factor
    return product


def _telling(weights: list[Weight], combine: Combine) -> list[Weight]:
    """Return the weights worth a step each: of `best`, only the winner where one weight rules all lines."""
    if combine != "best" or len(weights) == 1:
        return weights
    weights = sorted(weights, key=lambda weight: weight.times)
    if any(selects_lines(weight.when) or weight.affects for weight in weights):
        return weights
    return weights[-1:]


def _decimal(times: Fraction) -> str:
    """Return the weight as its owner wrote it: an exact decimal without trailing zeros.

    A fraction that is no decimal of `_DIGITS_MAX` digits, which no programme file can hold, is shown as such.
    """
    digits = 0
    while 10**digits % times.denominator:
        digits += 1
        if digits > _DIGITS_MAX:
            return str(times)
    if not digits:
        return str(times.numerator)
    text = str((times * 10**digits).numerator).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}"


def _for(affects: Affects, points: int) -> _Pair:
    return _of(affects, (points, points))


def _of(affects: Affects, points: _Pair) -> _Pair:
    return (0 if affects == "qualifying" else points[0], 0 if affects == "redeemable" else points[1])


def _plus(one: _Pair, other: _Pair) -> _Pair:
    return one[0] + other[0], one[1] + other[1]


def _add_step(steps: list[Step], rule: str, kind: StepKind, saw: str, before: _Pair, after: _Pair) -> None:
    steps.extend(paired_steps(rule, kind, saw, before, after))
