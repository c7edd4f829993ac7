"""What Hypothesis draws of rules and programmes, few and small so that they meet often."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, TypeVar

import hypothesis.strategies as st
import msgspec

from loyalty_core.calendar import Place, weekday_of
from loyalty_core.programme import Affects, Bonus, Cap, Combine, Earn, Programme, Rule, Slot, Weight, When
from loyalty_core.units import Day, MinorUnits, Minute, Points
from tests.core.made import FIVE, SEOUL
from tests.core.programmes import LADDER
from tests.properties.drawn_days import TODAY

R = TypeVar("R", bound=Rule)

_AFFECTS: Final[list[Affects]] = [None, None, "redeemable", "qualifying"]
_COMBINES: Final[list[Combine]] = ["best", "product", "sum"]
affects = st.sampled_from(_AFFECTS)
factors = st.sampled_from(["0", "0.5", "0.75", "1", "1.1", "1.5", "2", "3.25"]).map(Fraction)
raising_factors = st.sampled_from(["1", "1.1", "1.5", "2", "3.25"]).map(Fraction)
points = st.sampled_from([1, 3, 10, 0]).map(Points)
limits = st.sampled_from([None, None, None, 1, 2])
tiers = st.sampled_from(["BRONZE", "GOLD"])

_ANY_CONDITIONS: Final[list[dict[str, object]]] = [
    {},
    {"on": frozenset({"visit"})},
    {"on": frozenset({"purchase"})},
    {"stores": frozenset({"S1"})},
    {"exclude_tenders": frozenset({"cash", "voucher"})},
    {"weekdays": frozenset({weekday_of(TODAY)})},
    {"weekdays": frozenset(range(7)) - {weekday_of(TODAY)}},
    {"slot": Slot(Minute(9 * 60), Minute(17 * 60))},
    {"slot": Slot(Minute(22 * 60), Minute(2 * 60))},
    {"slot": Slot(Minute(17 * 60), Minute(0))},
    {"from_day": TODAY},
    {"from_day": Day(TODAY + 1)},
    {"until_day": TODAY},
    {"until_day": Day(TODAY - 1)},
    {"tiers": frozenset({"GOLD"})},
    {"tiers": frozenset({"GOLD"}), "slot": Slot(Minute(7 * 60), Minute(11 * 60))},
]
_LINE_CONDITIONS: Final[list[dict[str, object]]] = [
    {"categories": frozenset({"golf"})},
    {"categories": frozenset({"golf", "food"})},
    {"categories": frozenset({""})},
    {"exclude_categories": frozenset({"golf"})},
    {"exclude_categories": frozenset({"food", ""})},
]
_MONEY_CONDITIONS: Final[list[dict[str, object]]] = [{"minimum": amount} for amount in (1, 900, 2_500)]


def whens(*, lines: bool = True, minimum: bool = True) -> st.SearchStrategy[When]:
    """Draw up to two conditions; such as look at lines or ask for a minimum only where wanted."""
    choices = [{}, *_ANY_CONDITIONS] + _LINE_CONDITIONS * (4 * lines) + _MONEY_CONDITIONS * (2 * minimum)

    def combined(drawn: list[dict[str, object]]) -> When:
        conditions: dict[str, object] = {}
        for condition in drawn:
            conditions |= condition
        return msgspec.structs.replace(When(), **conditions)

    one = st.sampled_from(choices)
    return st.one_of(st.just([]), one.map(lambda c: [c]), st.tuples(one, one).map(list)).map(combined)


def earns(when: st.SearchStrategy[When], limit: st.SearchStrategy[int | None]) -> st.SearchStrategy[Earn]:
    """Draw an earning rule."""
    pers = st.sampled_from([MinorUnits(1_000), MinorUnits(100), MinorUnits(7), MinorUnits(1), None])
    return st.builds(
        Earn, id=st.just("earn"), when=when, affects=affects, points=points, per=pers, limit_per_day=limit
    )


def weights(when: st.SearchStrategy[When], times: st.SearchStrategy[Fraction]) -> st.SearchStrategy[Weight]:
    """Draw a multiplier."""
    return st.builds(Weight, id=st.just("weight"), when=when, affects=affects, times=times)


bonuses: Final = st.one_of(
    st.builds(Bonus, id=st.just("bonus"), when=whens(), affects=affects, points=points),
    st.builds(
        Bonus,
        id=st.just("bonus"),
        when=whens(),
        affects=affects,
        points=points,
        per=st.just("day"),
        nth=st.sampled_from([None, 1, 2, 3]),
    ),
)
caps: Final = st.builds(
    Cap,
    id=st.just("cap"),
    when=whens(lines=False, minimum=False),
    affects=affects,
    points=st.sampled_from([0, 5, 20, 100]).map(Points),
    per=st.sampled_from(["event", "day"]),
)


def rules(of: st.SearchStrategy[R], least: int, most: int) -> st.SearchStrategy[tuple[R, ...]]:
    """Draw rules of a kind, each with an id of its own."""
    return st.lists(of, min_size=least, max_size=most).map(
        lambda drawn: tuple(
            msgspec.structs.replace(rule, id=f"{rule.id}-{number}") for number, rule in enumerate(drawn)
        )
    )


# Built once: to build a strategy costs more than to draw from it.
_COMBINE: Final = st.sampled_from(_COMBINES)
_BONUSES: Final = rules(bonuses, 0, 2)
_CAPS: Final = rules(caps, 0, 2)
_ANY_EARNS: Final = rules(earns(whens(), limits), 1, 2)
_ANY_WEIGHTS: Final = rules(weights(whens(), factors), 1, 4)
_FREE: Final = earns(whens(), st.none())
_LIMITED: Final = earns(whens(lines=False, minimum=False), limits)
_GENEROUS_EARNS: Final = rules(st.one_of(_FREE, _LIMITED), 1, 2)
_NO_MINIMUM: Final = weights(whens(minimum=False), factors)
_RAISING: Final = rules(st.one_of(_NO_MINIMUM, weights(whens(), raising_factors)), 1, 4)
_RAISING_ALL_LINES: Final = rules(st.one_of(_NO_MINIMUM, weights(whens(lines=False), raising_factors)), 1, 4)


@st.composite
def programmes(draw: st.DrawFn) -> Programme:
    """Draw any rules that the day fold knows."""
    return _programme(draw(_COMBINE), draw(_ANY_EARNS), draw(_ANY_WEIGHTS), draw(_BONUSES), draw(_CAPS))


@st.composite
def generous_programmes(draw: st.DrawFn, *, negative_lines: bool) -> Programme:
    """Draw rules under which spending more never earns less: see the law for the precondition."""
    raising = _RAISING_ALL_LINES if negative_lines else _RAISING
    return _programme(draw(_COMBINE), draw(_GENEROUS_EARNS), draw(raising), draw(_BONUSES))


def _programme(
    combine: Combine,
    earns: tuple[Earn, ...],
    weights: tuple[Weight, ...],
    bonuses: tuple[Bonus, ...],
    caps: tuple[Cap, ...] = (),
) -> Programme:
    return Programme(
        programme_id="drawn",
        version=1,
        effective_from=Day(0),
        currency="KRW",
        timezone="Asia/Seoul",
        place=Place(SEOUL, FIVE),
        combine=combine,
        earns=earns,
        weights=weights,
        bonuses=bonuses,
        caps=caps,
        ladder=LADDER,
    )
