"""Weights on the base of an earning rule: what several of them make of it, exactly and in whole numbers.

A weight with `categories` multiplies only the base of its lines. Where lines of one receipt have different
weights w1 < w2 < ..., points = w1 x base(all) + (w2 - w1) x base(lines weighing at least w2) + ...: with a
single weight this is base x weight, a weight above 1 never lowers points, and spending more never earns
less (docs/adr/0002).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Final

import msgspec

from loyalty_core.matching import eligible_minor, nets_of, selects, selects_lines
from loyalty_core.programme import Affects, Combine, Earn, Weight, When
from loyalty_core.resolved import Item

_DIGITS_MAX: Final = 12


class Scaled(msgspec.Struct, frozen=True):
    """A weight in whole parts of its scale, and as its owner wrote it (`shown`).

    `lines` are its conditions where it looks at some lines only.
    """

    id: str
    affects: Affects
    times: int
    shown: str
    lines: When | None


class Scale(msgspec.Struct, frozen=True):
    """How the weights of a day combine; `one` parts are the factor 1.

    `one` is the product of all their denominators, so that any of them together are a whole number of parts.
    """

    combine: Combine
    one: int

    @classmethod
    def of(cls, combine: Combine, weights: Iterable[Weight]) -> Scale:
        """Return the scale on which these weights, and any of them together, are whole numbers."""
        return cls(combine, prod([weight.times.denominator for weight in weights]))

    def scaled(self, weight: Weight) -> Scaled:
        """Return one of the scale's weights in its parts."""
        return Scaled(
            id=weight.id,
            affects=weight.affects,
            times=int(weight.times * self.one),
            shown=_decimal(weight.times),
            lines=weight.when if selects_lines(weight.when) else None,
        )

    def weighed(
        self, rule: Earn, item: Item, base: int, weights: Sequence[Scaled]
    ) -> Iterable[tuple[Scaled, tuple[int, int]]]:
        """Yield each weight worth a step, and what all up to it make of the base.

        That is (redeemable, qualifying) points, each floor(base x weight). Fixed points have no lines: a
        weight that looks at lines does nothing to them.
        """
        goods = None
        if rule.per is None:
            told = self._telling([weight for weight in weights if weight.lines is None])
        else:
            told = self._telling(weights)
            if any(weight.lines for weight in told):
                eligible = eligible_minor(rule.when, item)
                goods = _Goods(rule.points, rule.per, eligible, _nets(rule, item, told))
        for count, last in enumerate(told, start=1):
            redeemable = [place for place in range(count) if told[place].affects != "qualifying"]
            qualifying = [place for place in range(count) if told[place].affects != "redeemable"]
            points = self._points(base, told, redeemable, goods)
            others = points
            if qualifying != redeemable:
                others = self._points(base, told, qualifying, goods)
            yield last, (points, others)

    def _telling(self, weights: Sequence[Scaled]) -> Sequence[Scaled]:
        """Return the weights worth a step: of `best`, only the winner where one weight rules all lines."""
        if self.combine != "best" or len(weights) < 2:
            return weights
        weights = sorted(weights, key=lambda weight: weight.times)
        if any(weight.lines or weight.affects for weight in weights):
            return weights
        return weights[-1:]

    def _points(
        self, base: int, weights: Sequence[Scaled], places: Sequence[int], goods: _Goods | None
    ) -> int:
        """Return floor(base x the weights at these places), in layers where lines weigh differently."""
        if goods is None:
            return base * self._factor([weights[place].times for place in places]) // self.one
        by_factor: dict[int, int | Fraction] = {}
        for looked_at_by, net in goods.nets.items():
            factor = self._factor([weights[place].times for place in places if place in looked_at_by])
            by_factor[factor] = by_factor.get(factor, 0) + net
        points, below, rest = 0, 0, sum(by_factor.values())
        for factor in sorted(by_factor):
            points += (factor - below) * goods.base_of(rest)
            below, rest = factor, rest - by_factor[factor]
        return points // self.one

    def _factor(self, times: Sequence[int]) -> int:
        """Return the one weight of several; none is 1."""
        if not times:
            return self.one
        if self.combine == "best":
            return max(times)
        if self.combine == "sum":
            return max(0, self.one + sum([each - self.one for each in times]))
        factor = self.one
        for each in times:
            # Whole: no denominator is in the product twice.
            factor = factor * each // self.one
        return factor


class _Goods(msgspec.Struct, frozen=True):
    """The money of a receipt that a rule counts: all of it, and what of it was not paid in other ways.

    `nets` is all of it by the places of the weights that look at it.
    """

    rule_points: int
    per: int
    eligible: int | Fraction
    nets: Mapping[tuple[int, ...], int | Fraction]

    def base_of(self, net: int | Fraction) -> int:
        """Return what the rule gives for some of this money."""
        return self.rule_points * (max(0, min(net, self.eligible)) // self.per)


def _nets(rule: Earn, item: Item, weights: Sequence[Scaled]) -> Mapping[tuple[int, ...], int | Fraction]:
    """Return the money that a rule counts by the places of the weights that look at it."""
    by_category: dict[str, int | Fraction] = {}
    for category, net in nets_of(item):
        by_category[category] = by_category.get(category, 0) + net
    nets: dict[tuple[int, ...], int | Fraction] = {}
    for category, net in by_category.items():
        if selects(rule.when, category):
            places = [n for n, one in enumerate(weights) if one.lines is None or selects(one.lines, category)]
            nets[tuple(places)] = nets.get(tuple(places), 0) + net
    return nets


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
