"""The rules that are in play on one business day for one tier, and what each of them asks of an item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final, TypeVar

import msgspec

from loyalty_core.calendar import period_of
from loyalty_core.matching import Test, asked, in_play
from loyalty_core.programme import Bonus, Cap, Combine, Earn, Kind, Programme, Rule, Weight
from loyalty_core.resolved import ItemKind
from loyalty_core.units import Day
from loyalty_core.weighing import Scale, Scaled

_KINDS: Final[tuple[Kind, ...]] = ("visit", "purchase")
_R = TypeVar("_R")
_Asking = tuple[tuple[_R, Test], ...]
_AnyRule = TypeVar("_AnyRule", bound=Rule)


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of a day that may count one kind of item, each with what it asks of one."""

    earns: _Asking[Earn]
    weights: _Asking[Scaled]
    bonuses: _Asking[Bonus]
    caps: _Asking[Cap]
    counted: _Asking[Bonus | Cap]


class DayRules(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The rules of one programme version that are in play on one date for one tier.

    What each of them asks is worked out once, when a day is first derived by them.
    """

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

    @cached_property
    def scale(self) -> Scale:
        """The scale on which the weights combine."""
        return Scale.of(self.combine, self.weights)

    @cached_property
    def plans(self) -> Mapping[ItemKind, _Plan]:
        """The rules that may count a visit, and a purchase, each with what it asks of one."""
        return {kind: self._plan(kind) for kind in _KINDS}

    def _plan(self, kind: Kind) -> _Plan:
        weights = _asking(self.weights, kind)
        return _Plan(
            earns=_asking(self.earns, kind),
            weights=tuple([(self.scale.scaled(weight), counts) for weight, counts in weights]),
            bonuses=_asking(self.bonuses, kind),
            caps=_asking(self.caps, kind),
            counted=_asking(self.counted, kind),
        )


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


def _asking(rules: Iterable[_AnyRule], kind: Kind) -> _Asking[_AnyRule]:
    found = [(rule, asked(rule.when, kind)) for rule in rules]
    return tuple([(rule, counts) for rule, counts in found if counts is not None])
