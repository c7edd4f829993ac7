"""Weights on some of a receipt's lines: they work in layers, so that no remainder is lost."""

from __future__ import annotations

import pytest

from loyalty_core.accrual import derive_day
from loyalty_core.entries import Step
from loyalty_core.programme import When
from tests.core.days import bought, given, rules, standing
from tests.core.programmes import GOLF, PURCHASE, SPEND, earn, programme, weight


def test_a_weight_with_categories_multiplies_only_the_base_of_those_lines() -> None:
    rule = programme(earns=[SPEND], weights=[weight("2", when=When(categories=GOLF))])
    assert given(rule, bought(lines=[("golf", 5_000), ("food", 7_000)])) == [5 * 2 + 7]
    assert given(rule, bought(lines=[("food", 7_000)])) == [7]
    assert given(rule, bought(lines=[("golf", 5_000)])) == [10]


def test_a_weight_that_excludes_categories_multiplies_the_other_lines() -> None:
    rule = programme(earns=[SPEND], weights=[weight("2", when=When(exclude_categories=GOLF))])
    assert given(rule, bought(lines=[("golf", 5_000), ("food", 7_000)])) == [5 + 7 * 2]


def test_a_category_weight_works_in_layers_so_that_no_remainder_is_lost() -> None:
    rule = programme(earns=[SPEND], weights=[weight("2", when=When(categories=GOLF))])
    assert given(rule, bought(lines=[("golf", 3_500), ("food", 700)])) == [4 + 3]


def test_a_category_weight_below_one_takes_only_from_its_lines() -> None:
    rule = programme(earns=[SPEND], weights=[weight("0.5", when=When(categories=GOLF))])
    assert given(rule, bought(lines=[("golf", 4_000), ("food", 6_000)])) == [2 + 6]


def test_category_weights_combine_on_the_lines_that_they_share() -> None:
    rule = programme(
        earns=[SPEND],
        weights=[
            weight("2", "golf", when=When(categories=GOLF)),
            weight("1.5", "all", when=When(on=PURCHASE)),
        ],
        combine="product",
    )
    assert given(rule, bought(lines=[("golf", 4_000), ("food", 6_000)])) == [4 * 3 + 9]


def test_a_layer_never_counts_more_than_the_eligible_money() -> None:
    rule = programme(earns=[SPEND], weights=[weight("2", when=When(categories=GOLF))])
    item = bought(lines=[("golf", 10_000), ("", -4_000)])
    assert given(rule, item) == [6 * 2]
    paid = bought(lines=[("golf", 10_000)], tenders=[("gift_card", 8_000)])
    assert given(rule, paid) == [2 * 2]


def test_negative_lines_of_a_heavy_category_take_nothing_below_zero() -> None:
    rule = programme(earns=[SPEND], weights=[weight("2", when=When(categories=GOLF))])
    assert given(rule, bought(lines=[("golf", -4_000), ("food", 10_000)])) == [6]


def test_a_category_weight_does_not_touch_lines_that_the_rule_excludes() -> None:
    rule = programme(
        earns=[earn(per=1000, when=When(on=PURCHASE, exclude_categories=GOLF))],
        weights=[weight("2", when=When(categories=GOLF))],
    )
    assert given(rule, bought(lines=[("golf", 4_000), ("food", 6_000)])) == [6]


def test_fixed_points_have_no_lines_for_a_category_weight() -> None:
    rule = programme(earns=[earn(points=10)], weights=[weight("2", when=When(categories=GOLF))])
    assert given(rule, bought(lines=[("golf", 4_000)])) == [10]


def test_every_step_of_category_weights_is_told_up_to_the_points_given() -> None:
    rule = programme(
        earns=[SPEND], weights=[weight("3", "golf", when=When(categories=GOLF)), weight("2", "all")]
    )
    (entry,) = derive_day(rules(rule), standing(bought(lines=[("golf", 4_000), ("food", 6_000)])))
    assert entry.steps == (
        Step("spend", "earn", "10000", 0, 10),
        Step("all", "weight", "2", 10, 20),
        Step("golf", "weight", "3", 20, 24),
    )


def test_lines_of_other_categories_that_weigh_alike_are_one_layer() -> None:
    heavy = weight("2", when=When(categories=frozenset({"golf", "shoes"})))
    of = programme(earns=[SPEND], weights=[heavy])
    assert given(of, bought(lines=[("golf", 1_500), ("shoes", 1_500), ("food", 1_000)])) == [4 + 3]


# The edges of a layer.


@pytest.mark.parametrize(
    ("times", "lines", "expected"),
    [
        ("1.5", [("golf", 3_000), ("food", 2_000)], 6),  # 5 + half of 3, floored
        ("2", [("golf", 1_000), ("golf", 2_000), ("food", 2_000)], 8),
        ("2", [("golf", 1_999), ("golf", 2_000), ("food", 1_001)], 8),  # 3,999 is 3 full steps
        ("2", [("golf", 1_999), ("food", 2_001)], 5),
    ],
)
def test_a_layer_is_all_lines_of_its_weight_together(
    times: str, lines: list[tuple[str, int]], expected: int
) -> None:
    heavy = weight(times, when=When(on=PURCHASE, categories=GOLF))
    assert given(programme(earns=[SPEND], weights=[heavy]), bought(lines=lines)) == [expected]


def test_a_layer_counts_no_money_that_a_tender_of_the_rule_excludes() -> None:
    rule = earn(per=1000, when=When(on=PURCHASE, exclude_tenders=frozenset({"voucher"})))
    of = programme(earns=[rule], weights=[weight("2", when=When(on=PURCHASE, categories=GOLF))])
    item = bought(lines=[("golf", 3_000), ("food", 2_000)], tenders=[("voucher", 2_500), ("card", 2_500)])
    assert given(of, item) == [4]


def test_a_layer_below_zero_gives_not_one_point_where_every_minor_unit_earns() -> None:
    of = programme(earns=[earn(per=1)], weights=[weight("2", when=When(on=PURCHASE, categories=GOLF))])
    assert given(of, bought(lines=[("food", 1_000), ("golf", -500)])) == [500]
