"""Redeemable and qualifying points part ways, and each keeps to its own."""

from __future__ import annotations

import pytest

from loyalty_core.accrual import derive_day
from loyalty_core.programme import Affects, Programme, When
from loyalty_core.resolved import Item
from tests.core.days import bought, rules, standing, taken_back, total, visited
from tests.core.made import FRIDAY
from tests.core.programmes import GOLF, SPEND, bonus, cap, earn, programme, weight

QUALIFYING_DOUBLE = weight("2", "double", affects="qualifying")


def pair(of: Programme, *items: Item) -> list[tuple[int, int]]:
    """Return (redeemable, qualifying) points of each item."""
    return [(entry.redeemable, entry.qualifying) for entry in derive_day(rules(of), standing(*items))]


@pytest.mark.parametrize(("affects", "expected"), [("redeemable", (12, 0)), ("qualifying", (0, 12))])
def test_an_earning_rule_may_give_one_kind_of_points(affects: Affects, expected: tuple[int, int]) -> None:
    rule = programme(earns=[earn(per=1000, affects=affects)])
    assert total(derive_day(rules(rule), standing(bought(12_990)))) == expected


def test_points_of_one_kind_that_an_earlier_rule_gave_stay_of_that_kind() -> None:
    status = earn("status", 1, per=1000, affects="qualifying")
    assert pair(programme(earns=[status, SPEND]), bought(12_990)) == [(12, 24)]


@pytest.mark.parametrize(("affects", "expected"), [("qualifying", (3, 8)), ("redeemable", (6, 5))])
def test_a_rule_of_one_kind_of_points_adds_to_what_stands_of_that_kind(
    affects: Affects, expected: tuple[int, int]
) -> None:
    earlier = [earn("a", 3, affects="redeemable"), earn("b", 5, affects="qualifying")]
    assert pair(programme(earns=[*earlier, earn("c", 3, affects=affects)]), bought(1)) == [expected]


def test_a_rule_of_one_kind_of_points_is_weighed_in_that_kind_alone() -> None:
    spendable = earn("spendable", 1, per=1000, affects="redeemable")
    assert pair(programme(earns=[spendable], weights=[weight("2")]), bought(12_990)) == [(24, 0)]


@pytest.mark.parametrize(
    ("affects", "expected"), [(None, (20, 20)), ("redeemable", (20, 10)), ("qualifying", (10, 20))]
)
def test_a_weight_may_affect_one_kind_of_points(affects: Affects, expected: tuple[int, int]) -> None:
    rule = programme(earns=[earn(points=10, when=When())], weights=[weight("2", affects=affects)])
    assert total(derive_day(rules(rule), standing(visited()))) == expected


def test_best_is_chosen_for_each_kind_of_points() -> None:
    rule = programme(
        earns=[earn(points=10, when=When())],
        weights=[weight("3", "a", affects="redeemable"), weight("2", "b"), weight("0.5", "c")],
    )
    (entry,) = derive_day(rules(rule), standing(visited()))
    assert (entry.redeemable, entry.qualifying) == (30, 20)
    assert [(step.rule, step.after) for step in entry.steps[-2:]] == [("a", 30), ("a", 20)]


def test_weights_on_one_kind_of_points_each_leave_the_other_alone() -> None:
    weights = [weight("2", "a", affects="redeemable"), weight("3", "b", affects="qualifying")]
    assert pair(programme(earns=[SPEND], weights=weights), bought(12_990)) == [(24, 36)]


def test_a_weight_on_one_kind_of_points_may_look_at_some_lines() -> None:
    golf = weight("2", "golf", when=When(categories=GOLF))
    of = programme(earns=[SPEND], weights=[golf, QUALIFYING_DOUBLE], combine="product")
    assert pair(of, bought(lines=[("golf", 5_000), ("food", 7_000)])) == [(17, 34)]


@pytest.mark.parametrize(("affects", "expected"), [("redeemable", (17, 12)), ("qualifying", (12, 17))])
def test_a_bonus_may_give_one_kind_of_points(affects: Affects, expected: tuple[int, int]) -> None:
    assert pair(programme(earns=[SPEND], bonuses=[bonus(5, affects=affects)]), bought(12_990)) == [expected]


def test_caps_count_redeemable_and_qualifying_points_separately() -> None:
    rule = programme(earns=[SPEND], weights=[weight("2", affects="qualifying")], caps=[cap(10)])
    items = [bought(6_000, seq=seq, when=f"{FRIDAY} 1{seq}:00") for seq in (1, 2)]
    entries = derive_day(rules(rule), standing(*items))
    assert [(entry.redeemable, entry.qualifying) for entry in entries] == [(6, 10), (4, 0)]


@pytest.mark.parametrize(
    ("affects", "expected"), [("redeemable", (10, 24)), ("qualifying", (12, 10)), (None, (10, 10))]
)
def test_a_cap_may_cut_one_kind_of_points_and_leave_the_other(
    affects: Affects, expected: tuple[int, int]
) -> None:
    of = programme(earns=[SPEND], weights=[QUALIFYING_DOUBLE], caps=[cap(10, affects=affects)])
    assert pair(of, bought(12_990)) == [expected]


@pytest.mark.parametrize(("left", "expected"), [(None, (-12, -24)), (bought(9_000), (-3, -6))])
def test_a_takeback_takes_each_kind_of_points_by_what_it_was_and_under_the_same_version(
    left: Item | None, expected: tuple[int, int]
) -> None:
    of = programme(earns=[SPEND], weights=[QUALIFYING_DOUBLE])
    entries = derive_day(rules(of), [taken_back(bought(12_990), f"{FRIDAY} 12:00", seq=2, remains=left)])
    assert [(entry.redeemable, entry.qualifying) for entry in entries] == [(12, 24), expected]
    assert [entry.programme_version for entry in entries] == [7, 7]


def test_what_a_takeback_takes_of_a_day_counts_all_that_stands_of_each_kind() -> None:
    of = programme(earns=[SPEND], weights=[QUALIFYING_DOUBLE])
    other = bought(7_000, seq=1, when=f"{FRIDAY} 09:00")
    item = taken_back(bought(12_990, seq=2), f"{FRIDAY} 12:00", seq=3)
    entries = derive_day(rules(of), [item, *standing(other)])
    assert [(entry.redeemable, entry.qualifying) for entry in entries] == [(7, 14), (12, 24), (-12, -24)]


def test_a_cap_leaves_the_room_of_each_kind_of_points_to_later_receipts() -> None:
    of = programme(earns=[SPEND], weights=[QUALIFYING_DOUBLE], caps=[cap(20)])
    items = [bought(4_000, seq=seq, when=f"{FRIDAY} 1{seq}:00") for seq in (1, 2, 3, 4)]
    assert pair(of, *items) == [(4, 8), (4, 8), (4, 4), (4, 0)]
