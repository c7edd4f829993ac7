"""Weights: which of them wins or how they combine, and that only points are floored."""

from __future__ import annotations

import pytest

from loyalty_core.programme import Combine, When
from tests.core.days import bought, given, visited
from tests.core.made import FRIDAY
from tests.core.programmes import QUIET_HOURS, SPEND, earn, minimum, programme, weight


def test_no_matching_weight_is_one() -> None:
    rule = programme(earns=[SPEND], weights=[QUIET_HOURS])
    assert given(rule, bought(12_990)) == [12]


@pytest.mark.parametrize(
    ("combine", "points"), [("best", 8), ("product", 4), ("sum", 3)], ids=["best", "product", "sum"]
)
def test_weights_below_one_compete_too(combine: Combine, points: int) -> None:
    rule = programme(
        earns=[earn(points=10, when=When())],
        weights=[weight("0.5", "half"), weight("0.8", "less")],
        combine=combine,
    )
    assert given(rule, visited()) == [points]


def test_a_single_weight_below_one_is_the_best_of_those_that_match() -> None:
    rule = programme(earns=[earn(points=10, when=When())], weights=[weight("0.5")])
    assert given(rule, visited()) == [5]


def test_the_sum_of_weights_is_never_below_zero() -> None:
    rule = programme(
        earns=[earn(points=1_000, when=When())],
        weights=[weight("0.2", "a"), weight("0.3", "b"), weight("0.1", "c")],
        combine="sum",
    )
    assert given(rule, visited()) == [0]


def test_weights_are_exact_and_only_points_are_floored() -> None:
    rule = programme(earns=[earn(points=100, when=When())], weights=[weight("1.15")])
    assert given(rule, visited()) == [115]  # 100 x 1.15 is 114.99999999999999 in floats
    thirds = programme(
        earns=[earn(points=1, per=1000)],
        weights=[weight("1.1", "a"), weight("1.1", "b"), weight("1.1", "c")],
        combine="product",
    )
    assert given(thirds, bought(1_000_000)) == [1331]


def test_points_are_floored_once_for_each_rule() -> None:
    one = programme(earns=[earn(points=1, when=When())], weights=[weight("1.5")])
    two = programme(earns=[earn("a", 1, when=When()), earn("b", 1, when=When())], weights=[weight("1.5")])
    assert given(one, visited()) == [1]
    assert given(two, visited()) == [2]


def test_money_is_counted_in_full_steps_before_it_is_weighed() -> None:
    assert given(programme(earns=[SPEND], weights=[weight("1.5")]), bought(1_999)) == [1]


def test_a_weight_with_a_minimum_weighs_only_receipts_that_reach_it() -> None:
    rule = programme(earns=[SPEND], weights=[weight("2", when=minimum(10_000))])
    assert given(rule, bought(9_999), bought(10_000, seq=2, when=f"{FRIDAY} 11:00")) == [9, 20]
