"""Rules and programmes, made short for the tests of the core."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final, Literal

from loyalty_core.calendar import Place
from loyalty_core.programme import (
    Affects,
    Bonus,
    Cap,
    Combine,
    Earn,
    Kind,
    Programme,
    Slot,
    Tier,
    Weight,
    When,
)
from loyalty_core.units import MinorUnits, Minute, Points
from tests.core.made import FIVE, SEOUL, day

BOTH: Final[frozenset[Kind]] = frozenset({"visit", "purchase"})


VISIT: Final[frozenset[Kind]] = frozenset({"visit"})


PURCHASE: Final[frozenset[Kind]] = frozenset({"purchase"})


GOLF: Final = frozenset({"golf"})


def earn(
    rule: str = "earn",
    points: int = 1,
    *,
    per: int | None = None,
    limit: int | None = None,
    when: When | None = None,
    affects: Affects = None,
) -> Earn:
    """Return an earning rule, on purchases unless `when` says otherwise."""
    return Earn(
        id=rule,
        when=when or When(on=PURCHASE),
        affects=affects,
        points=Points(points),
        per=None if per is None else MinorUnits(per),
        limit_per_day=limit,
    )


def weight(times: str, rule: str = "weight", *, when: When | None = None, affects: Affects = None) -> Weight:
    """Return a multiplier, on everything unless `when` says otherwise."""
    return Weight(id=rule, when=when or When(), affects=affects, times=Fraction(times))


def bonus(
    points: int,
    *,
    rule: str = "bonus",
    per: Literal["event", "day", "period"] = "event",
    nth: int | None = None,
    when: When | None = None,
    affects: Affects = None,
    first: bool = False,
    birthday: bool = False,
) -> Bonus:
    """Return fixed extra points, on everything unless `when` says otherwise."""
    return Bonus(
        id=rule,
        points=Points(points),
        per=per,
        nth=nth,
        when=when or When(),
        affects=affects,
        first=first,
        birthday=birthday,
    )


def cap(
    points: int,
    per: Literal["event", "day", "period"] = "day",
    *,
    rule: str = "cap",
    when: When | None = None,
    affects: Affects = None,
) -> Cap:
    """Return a limit on points, on everything unless `when` says otherwise."""
    return Cap(id=rule, points=Points(points), per=per, when=when or When(), affects=affects)


def minimum(amount: int, on: frozenset[Kind] = PURCHASE) -> When:
    """Return a condition on the eligible money, in minor units."""
    return When(on=on, minimum=MinorUnits(amount))


def tier(code: str, start: int) -> Tier:
    """Return a step of a ladder."""
    return Tier(code=code, start=Points(start))


LADDER: Final = (
    tier("BRONZE", 0),
    tier("SILVER", 100),
    tier("GOLD", 300),
    tier("PLATINUM", 800),
    tier("DIAMOND", 2000),
)


SPEND: Final = earn("spend", 1, per=1000)


BEEN_THERE: Final = earn("visit", 10, limit=1, when=When(on=VISIT))


QUIET_HOURS: Final = weight(
    "1.5",
    "quiet-hours",
    when=When(on=VISIT, weekdays=frozenset({0, 1, 2, 3}), slot=Slot(FIVE, Minute(12 * 60))),
)


DECEMBER: Final = weight(
    "2", "december-double", when=When(from_day=day("2026-12-01"), until_day=day("2026-12-31"))
)


def programme(
    *,
    earns: Iterable[Earn] = (SPEND, BEEN_THERE),
    weights: Iterable[Weight] = (),
    bonuses: Iterable[Bonus] = (),
    caps: Iterable[Cap] = (),
    combine: Combine = "best",
    version: int = 7,
    effective: str = "2026-07-01",
    months: int = 6,
) -> Programme:
    """Return a programme version of these rules."""
    return Programme(
        programme_id="moonlight",
        version=version,
        effective_from=day(effective),
        currency="KRW",
        timezone="Asia/Seoul",
        place=Place(SEOUL, FIVE),
        period_months=months,
        combine=combine,
        earns=tuple(earns),
        weights=tuple(weights),
        bonuses=tuple(bonuses),
        caps=tuple(caps),
        ladder=LADDER,
    )


def moonlight(combine: Combine = "best") -> Programme:
    """Return the programme of the worked examples."""
    return programme(weights=(QUIET_HOURS, DECEMBER), combine=combine)
