"""The rules as values. `programme_toml` makes them from text, `accrual` applies them.

A published version is never changed. Times of day are minutes after midnight, dates are day numbers,
weights are exact fractions.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal

import msgspec

from loyalty_core.calendar import Place
from loyalty_core.consent import Consent
from loyalty_core.units import Day, MinorUnits, Minute, Points

Kind = Literal["visit", "purchase"]
Affects = Literal["redeemable", "qualifying"] | None
Combine = Literal["best", "product", "sum"]
ALWAYS_EXCLUDED_TENDERS: Final = frozenset({"points", "gift_card"})


class Slot(msgspec.Struct, frozen=True):
    """A time of day from `start` (inclusive) until `end` (exclusive); it wraps midnight when end < start."""

    start: Minute
    end: Minute

    def holds(self, minute: Minute) -> bool:
        """Tell whether a local minute of the day lies in the slot."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


class When(msgspec.Struct, frozen=True, kw_only=True):
    """The conditions that every kind of rule shares. None and an empty `exclude_` set ask for nothing."""

    on: frozenset[Kind] = frozenset({"visit", "purchase"})
    stores: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    exclude_categories: frozenset[str] = frozenset()
    exclude_tenders: frozenset[str] = frozenset()
    minimum: MinorUnits = MinorUnits(0)
    weekdays: frozenset[int] | None = None
    slot: Slot | None = None
    from_day: Day | None = None
    until_day: Day | None = None
    tiers: frozenset[str] | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What every rule has: its id, its names by language, its conditions, and which points it touches."""

    id: str
    names: dict[str, str] = {}
    when: When
    affects: Affects = None


class Earn(Rule, frozen=True, kw_only=True):
    """Points per event, or per full `per` minor units of eligible money."""

    points: Points
    per: MinorUnits | None = None
    limit_per_day: int | None = None


class Weight(Rule, frozen=True, kw_only=True):
    """A multiplier on the base of what matches."""

    times: Fraction


class Bonus(Rule, frozen=True, kw_only=True):
    """Fixed extra points. `first` (in life), `birthday` and per = "period" belong to the account fold."""

    points: Points
    per: Literal["event", "day", "period"] = "event"
    nth: int | None = None
    birthday: bool = False
    first: bool = False

    @property
    def in_day(self) -> bool:
        """Tell whether the day fold gives it."""
        return self.per != "period" and not self.birthday and not self.first


class Cap(Rule, frozen=True, kw_only=True):
    """The most that may be given per event, day or period."""

    points: Points
    per: Literal["event", "day", "period"]


class Benefit(msgspec.Struct, frozen=True, kw_only=True):
    """What a tier gives besides points: a `discount` of a percent, a `gift` by its names, or a `coupon`.

    A coupon is for a reward of the programme, by its id.
    """

    kind: Literal["discount", "gift", "coupon"]
    percent: Fraction | None = None
    names: dict[str, str] = {}
    reward: str | None = None


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the ladder: in it from `start` qualifying points on."""

    code: str
    start: Points
    names: dict[str, str] = {}
    benefits: tuple[Benefit, ...] = ()

    @property
    def discount(self) -> Fraction:
        """The percent off for who holds it: the largest of its discounts, 0 for none."""
        percents = [benefit.percent for benefit in self.benefits if benefit.percent is not None]
        return max(percents, default=Fraction(0))


def discount_in(ladder: tuple[Tier, ...], code: str) -> Fraction:
    """Return the percent off that a tier of a ladder gives; 0 for one that is not in it."""
    return next((tier.discount for tier in ladder if tier.code == code), Fraction(0))


class TierPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How assessments move members between tiers."""

    upgrade: Literal["at_close", "monthly"] = "at_close"
    downgrade: Literal["earned", "one_step", "keep"] = "earned"
    grace_days: int = 0
    valid_after_days: int = 15
    near_miss: Points = Points(0)


class Redeem(msgspec.Struct, frozen=True, kw_only=True):
    """How points are spent: at least `minimum`, in steps of `step`, each worth `minor_per_point`."""

    minimum: Points
    step: Points
    minor_per_point: MinorUnits
    offline_points: Points = Points(0)


class Reward(msgspec.Struct, frozen=True, kw_only=True):
    """Something to choose for points. `value_minor` is what it takes off a sale, 0 for a thing."""

    id: str
    names: dict[str, str] = {}
    points: Points
    value_minor: MinorUnits = MinorUnits(0)
    tiers: frozenset[str] | None = None
    stores: frozenset[str] | None = None
    from_day: Day | None = None
    until_day: Day | None = None


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one loyalty scheme."""

    programme_id: str
    version: int
    effective_from: Day
    currency: str
    timezone: str
    place: Place
    claim_days: int = 14
    pair_minutes: int = 10
    hold_minutes: int = 15
    names: dict[str, str] = {}
    period_months: int = 6
    combine: Combine = "best"
    earns: tuple[Earn, ...] = ()
    weights: tuple[Weight, ...] = ()
    bonuses: tuple[Bonus, ...] = ()
    caps: tuple[Cap, ...] = ()
    ladder: tuple[Tier, ...] = ()
    policy: TierPolicy = TierPolicy()
    redeem: Redeem | None = None
    rewards: tuple[Reward, ...] = ()
    expiry_after_periods: int | None = None
    consent: Consent | None = None


def version_for(programmes: tuple[Programme, ...], day: Day) -> Programme | None:
    """Return the highest version whose `effective_from` is not after the day, or None."""
    return max(
        (p for p in programmes if p.effective_from <= day),
        key=lambda p: p.version,
        default=None,
    )


def version_before(programmes: tuple[Programme, ...], programme: Programme) -> Programme | None:
    """Return the version that would hold on a version's first day if that one were not there, or None."""
    lower = tuple([one for one in programmes if one.version < programme.version])
    return version_for(lower, programme.effective_from)


def claim_days_on(programmes: tuple[Programme, ...], day: Day) -> int:
    """Return for how many days a purchase of this date may be claimed; 0 where no version covers it."""
    programme = version_for(programmes, day)
    return programme.claim_days if programme is not None else 0
