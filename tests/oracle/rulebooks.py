"""Programmes as Hypothesis thinks of them: every kind of rule, with few ids, so that versions meet."""

from __future__ import annotations

from collections import ChainMap
from fractions import Fraction
from typing import Any, Final

import hypothesis.strategies as st
import msgspec

from loyalty_core.calendar import Place
from loyalty_core.programme import Bonus, Cap, Earn, Programme, Redeem, Slot, Weight, When
from loyalty_core.units import Day, MinorUnits, Minute, Points
from tests.oracle.tale import FIVE, LADDER, SEOUL, day

BEGINNING: Final = day("2025-01-01")

_CONDITIONS: Final[list[dict[str, Any]]] = [
    {"on": frozenset({"visit"})},
    {"on": frozenset({"purchase"})},
    {"stores": frozenset({"S1"})},
    {"weekdays": frozenset({1, 2, 6})},
    {"slot": Slot(Minute(9 * 60), Minute(17 * 60))},
    {"slot": Slot(Minute(22 * 60), Minute(2 * 60))},
    {"from_day": day("2026-07-01")},
    {"until_day": day("2026-06-30")},
    {"tiers": frozenset({"SILVER", "GOLD"})},
    {"tiers": frozenset({"BRONZE"})},
]
_OF_MONEY: Final[list[dict[str, Any]]] = [
    {"categories": frozenset({"golf"})},
    {"categories": frozenset({"golf", ""})},
    {"exclude_categories": frozenset({"food"})},
    {"exclude_tenders": frozenset({"cash"})},
    {"minimum": MinorUnits(1_000)},
    {"minimum": MinorUnits(2_500)},
]


def _whens(conditions: list[dict[str, Any]]) -> st.SearchStrategy[When]:
    """Draw no condition as often as not, else one or two."""
    one = st.sampled_from(conditions)
    several = st.sampled_from([0, 0, 0, 1, 1, 2]).flatmap(lambda count: st.tuples(*[one] * count))
    return several.map(lambda drawn: msgspec.structs.replace(When(), **dict(ChainMap({}, *drawn))))


_WHEN: Final = _whens([*_CONDITIONS, *_OF_MONEY])
_WHEN_OF_CAP: Final = _whens(_CONDITIONS)
_AFFECTS: Final[st.SearchStrategy[Any]] = st.sampled_from([None, None, "redeemable", "qualifying"])
_POINTS: Final = st.sampled_from([1, 3, 10, 25]).map(Points)

_EARN: Final = st.builds(
    Earn,
    id=st.just(""),
    when=_WHEN,
    affects=_AFFECTS,
    points=_POINTS,
    per=st.sampled_from([None, 1, 7, 100, 1_000]).map(lambda per: None if per is None else MinorUnits(per)),
    limit_per_day=st.sampled_from([None, None, 1, 2]),
)
_WEIGHT: Final = st.builds(
    Weight,
    id=st.just(""),
    when=_WHEN,
    affects=_AFFECTS,
    times=st.sampled_from(["0", "0.5", "1.1", "1.5", "2"]).map(Fraction),
)
_SPAN_OF_BONUS: Final[list[dict[str, Any]]] = [
    {"per": "event"},
    {"per": "day"},
    {"per": "day", "nth": 2},
    {"per": "period"},
    {"per": "period", "nth": 2},
    {"per": "period", "nth": 3},
    {"birthday": True},
    {"birthday": True, "per": "period"},
    {"first": True},
    {"first": True, "per": "period"},
]
_BONUS: Final = st.builds(
    lambda when, affects, points, span: Bonus(id="", when=when, affects=affects, points=points, **span),
    _WHEN,
    _AFFECTS,
    _POINTS,
    st.sampled_from(_SPAN_OF_BONUS),
)
_COMBINE: Final[st.SearchStrategy[Any]] = st.sampled_from(["best", "best", "product", "sum"])
_PER_OF_CAP: Final[st.SearchStrategy[Any]] = st.sampled_from(["event", "day", "period", "period"])
_CAP: Final = st.builds(
    Cap,
    id=st.just(""),
    when=_WHEN_OF_CAP,
    affects=_AFFECTS,
    points=st.sampled_from([0, 5, 20, 40, 1_000]).map(Points),
    per=_PER_OF_CAP,
)


@st.composite
def _rules(draw: st.DrawFn, kind: str, rule: st.SearchStrategy[Any], most: int) -> tuple[Any, ...]:
    """Draw rules whose ids are of their places, so that another version has some of the same."""
    drawn = draw(st.lists(rule, min_size=kind == "earn", max_size=most))
    return tuple(msgspec.structs.replace(one, id=f"{kind}-{place}") for place, one in enumerate(drawn))


@st.composite
def rulebooks(draw: st.DrawFn, days: list[int]) -> tuple[Programme, ...]:
    """Draw one to three versions of a programme; the later ones begin on one of the days, in any order."""
    months = draw(st.sampled_from([6, 6, 6, 3, 1]))
    return tuple(
        draw(_versions(version, months, BEGINNING if version == 1 else Day(draw(st.sampled_from(days)))))
        for version in range(1, draw(st.sampled_from([1, 1, 2, 3])) + 1)
    )


def _versions(version: int, months: int, effective_from: Day) -> st.SearchStrategy[Programme]:
    return st.builds(
        Programme,
        programme_id=st.just("drawn"),
        version=st.just(version),
        effective_from=st.just(effective_from),
        currency=st.just("KRW"),
        timezone=st.just("Asia/Seoul"),
        place=st.just(Place(SEOUL, FIVE)),
        claim_days=st.sampled_from([0, 1, 400]),
        period_months=st.just(months),
        combine=_COMBINE,
        earns=_rules("earn", _EARN, 2),
        weights=_rules("weight", _WEIGHT, 3),
        bonuses=_rules("bonus", _BONUS, 3),
        caps=_rules("cap", _CAP, 3),
        ladder=st.just(LADDER),
        redeem=st.just(Redeem(minimum=Points(1), step=Points(1), minor_per_point=MinorUnits(1))),
        expiry_after_periods=st.sampled_from([1, 1, 2, None]),
    )
