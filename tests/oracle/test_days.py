"""The oracle on the rules of a day: the fine print of `design/domain.md`."""

from __future__ import annotations

import pytest

from loyalty_core.programme import Combine, Kind, When
from loyalty_core.units import MinorUnits
from tests.oracle.tale import (
    FRIDAY,
    PURCHASE,
    VISIT,
    Tale,
    bonus,
    cap,
    day,
    earn,
    line,
    programme,
    weight,
)

BOTH: frozenset[Kind] = frozenset({"visit", "purchase"})


def of_lines(rule: When, *lines: tuple[str, int]) -> int:
    tale = Tale(programme(earns=(earn(1, per=MinorUnits(1_000), when=rule),)))
    tale.buy(f"{FRIDAY} 10:00", lines=[line(net, category=category) for category, net in lines])
    return tale.account().balance


def test_only_lines_that_a_rule_does_not_exclude_are_eligible() -> None:
    basket = [("golf", 3_000), ("food", 2_000), ("tobacco", 1_500)]
    assert of_lines(When(on=PURCHASE, categories=frozenset({"golf"})), *basket) == 3
    assert of_lines(When(on=PURCHASE, exclude_categories=frozenset({"tobacco"})), *basket) == 5
    assert of_lines(When(on=PURCHASE, categories=frozenset({"tea"})), *basket) == 0


@pytest.mark.parametrize(("net", "points"), [(4_999, 0), (5_000, 5), (-5_000, 0)])
def test_minimum_is_eligible_money(net: int, points: int) -> None:
    assert of_lines(When(on=PURCHASE, minimum=MinorUnits(5_000)), ("", net)) == points


@pytest.mark.parametrize(
    ("tender", "points"), [("points", 7), ("gift_card", 7), ("voucher", 7), ("cash", 10)]
)
def test_what_excluded_tenders_paid_earns_nothing(tender: str, points: int) -> None:
    when = When(on=PURCHASE, exclude_tenders=frozenset({"voucher"}))
    tale = Tale(programme(earns=(earn(1, per=MinorUnits(1_000), when=when),)))
    tale.buy(f"{FRIDAY} 10:00", 10_000, paid=[(tender, 2_500), ("card", 7_500)])
    assert tale.account().balance == points


def test_full_steps_are_counted_before_they_are_weighted_and_points_floored_once_a_rule() -> None:
    tale = Tale(programme(weights=(weight("1.5"),)))
    tale.buy(f"{FRIDAY} 10:00", 1_999)
    assert tale.account().balance == 1
    tale.buy(f"{FRIDAY} 10:01", 3_000, number="0002")
    assert tale.account().balance == 1 + 4


@pytest.mark.parametrize(("combine", "points"), [("best", 8), ("product", 4), ("sum", 3)])
def test_weights_below_one_compete_too(combine: Combine, points: int) -> None:
    weights = (weight("0.5"), weight("0.8"))
    tale = Tale(programme(earns=(earn(10),), weights=weights, combine=combine))
    tale.buy(f"{FRIDAY} 10:00", 1)
    assert tale.account().balance == points


def test_the_sum_of_weights_is_never_below_zero() -> None:
    weights = (weight("0"), weight("0.2", id="other"))
    tale = Tale(programme(earns=(earn(10),), weights=weights, combine="sum"))
    tale.buy(f"{FRIDAY} 10:00", 1)
    assert tale.account().balance == 0


def test_a_weight_may_affect_one_kind_of_points() -> None:
    tale = Tale(programme(earns=(earn(10),), weights=(weight("2", affects="qualifying"),)))
    tale.buy(f"{FRIDAY} 10:00", 1)
    assert tale.moved() == [("earn", 10, 20)]


def test_a_weight_with_categories_multiplies_only_the_base_of_its_lines_in_layers() -> None:
    golf = weight("2", when=When(categories=frozenset({"golf"})))
    tale = Tale(programme(weights=(golf,)))
    tale.buy(f"{FRIDAY} 10:00", lines=[line(3_500, category="golf"), line(700)])
    assert tale.account().balance == 7


def test_a_bonus_is_not_weighted_and_asks_for_no_money() -> None:
    tale = Tale(programme(weights=(weight("2"),), bonuses=(bonus(5),)))
    tale.buy(f"{FRIDAY} 10:00", 0)
    assert tale.moved() == [("earn", 5, 5)]


@pytest.mark.parametrize(("nth", "points"), [(None, [5, 0, 0]), (2, [0, 5, 0])])
def test_a_bonus_of_the_day_comes_with_exactly_the_nth_match(nth: int | None, points: list[int]) -> None:
    tale = Tale(programme(earns=(), bonuses=(bonus(5, per="day", nth=nth, when=When(on=PURCHASE)),)))
    tale.visit(f"{FRIDAY} 09:00")
    places = [tale.buy(f"{FRIDAY} 10:0{n}", 1, number=f"{n}") for n in range(3)]
    assert [tale.redeemable(place) for place in places] == points


def test_a_limit_counts_events_that_matched_and_gave_nothing() -> None:
    tale = Tale(programme(earns=(earn(1, per=MinorUnits(1_000), limit_per_day=1),)))
    tale.buy(f"{FRIDAY} 10:00", 999)
    tale.buy(f"{FRIDAY} 11:00", 5_000, number="0002")
    assert tale.moved() == []


def test_a_cap_cuts_in_canonical_order_and_counts_what_caps_before_it_let_through() -> None:
    caps = (cap(6, "event"), cap(10, "day", id="day"))
    tale = Tale(programme(earns=(earn(9),), bonuses=(bonus(1),), caps=caps))
    late = tale.buy(f"{FRIDAY} 11:00", 1, number="0002")
    early = tale.buy(f"{FRIDAY} 10:00", 1)
    assert (tale.redeemable(early), tale.redeemable(late)) == (6, 4)


def test_a_cap_counts_each_kind_of_points_and_only_what_matches() -> None:
    rules = (earn(10, when=When(on=BOTH)),)
    only_visits = cap(4, "day", affects="qualifying", when=When(on=VISIT))
    tale = Tale(programme(earns=rules, caps=(only_visits,)))
    tale.visit(f"{FRIDAY} 10:00")
    tale.buy(f"{FRIDAY} 11:00", 1)
    assert sorted(tale.moved()) == [("earn", 10, 4), ("earn", 10, 10)]


def test_a_rule_of_tiers_looks_at_the_tier_in_force_that_day() -> None:
    gold = programme(earns=(earn(10, when=When(on=VISIT, tiers=frozenset({"GOLD"}))),))
    tale = Tale(gold, tiers={"m1": ((day(FRIDAY), "GOLD"),)})
    before, then = tale.visit("2026-11-19 10:00"), tale.visit(f"{FRIDAY} 10:00")
    assert (tale.redeemable(before), tale.redeemable(then)) == (0, 10)


@pytest.mark.parametrize(("affects", "moved"), [("redeemable", (10, 0)), ("qualifying", (0, 10))])
def test_an_earning_rule_may_give_one_kind_of_points(affects: str, moved: tuple[int, int]) -> None:
    tale = Tale(programme(earns=(earn(10, affects=affects),)))
    tale.buy(f"{FRIDAY} 10:00", 1)
    assert tale.moved() == [("earn", *moved)]


@pytest.mark.parametrize(
    ("when", "points"),
    [
        (When(categories=frozenset({"golf"})), 0),
        (When(exclude_categories=frozenset({"golf"})), 10),
        (When(minimum=MinorUnits(1)), 0),
    ],
)
def test_a_visit_has_neither_lines_nor_money(when: When, points: int) -> None:
    tale = Tale(programme(earns=(earn(10, when=when),)))
    tale.visit(f"{FRIDAY} 10:00")
    assert tale.account().balance == points


def test_fixed_points_ask_for_a_line_that_the_rule_counts() -> None:
    no_golf = When(on=PURCHASE, exclude_categories=frozenset({"golf"}))
    tale = Tale(programme(earns=(earn(10, when=no_golf),)))
    tale.buy(f"{FRIDAY} 10:00", lines=[line(1_000, category="golf")])
    assert tale.moved() == []


def test_a_rule_of_one_store_gives_nothing_in_another() -> None:
    tale = Tale(programme(earns=(earn(10, when=When(stores=frozenset({"S1"}))),)))
    tale.visit(f"{FRIDAY} 10:00", till="T3")
    inside = tale.visit(f"{FRIDAY} 11:00", till="T2")
    assert (tale.redeemable(inside), tale.account().balance) == (10, 10)
