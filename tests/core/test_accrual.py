"""The day fold: the worked examples of the domain, then each rule of its fine print."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import msgspec
import pytest

from loyalty_core.accrual import EVENT_POINTS_MAX, DayItem, counted_items, counted_rules, derive_day
from loyalty_core.entries import PointEntry, Step
from loyalty_core.events import Fact, Line, Tender
from loyalty_core.matching import eligible_minor, nets_of
from loyalty_core.programme import Affects, Combine, Programme, Slot, When
from loyalty_core.receipts import fold_receipt, item_of
from loyalty_core.resolved import Item, Resolved
from loyalty_core.units import Day, Minute
from tests.core.days import bought, given, rules, standing, taken_back, total, visited
from tests.core.made import (
    FRIDAY,
    NEW_YORK,
    RULES,
    SEOUL,
    TUESDAY,
    TUESDAY_IN_DECEMBER,
    day,
    event_id,
    key,
    line,
    purchase,
    redeemed,
    returned,
    void,
)
from tests.core.programmes import (
    BOTH,
    DECEMBER,
    GOLF,
    PURCHASE,
    QUIET_HOURS,
    SPEND,
    VISIT,
    bonus,
    cap,
    earn,
    minimum,
    moonlight,
    programme,
    weight,
)

# The worked examples.


def test_a_purchase_of_12990_on_a_friday_earns_12() -> None:
    assert given(moonlight(), bought(12_990)) == [12]


def test_a_visit_on_tuesday_at_1159_earns_15() -> None:
    assert given(moonlight(), visited(f"{TUESDAY} 11:59"), on=TUESDAY) == [15]


def test_a_visit_on_tuesday_at_1200_earns_10() -> None:
    assert given(moonlight(), visited(f"{TUESDAY} 12:00"), on=TUESDAY) == [10]


def test_the_second_visit_of_a_business_day_earns_nothing_in_another_store_either() -> None:
    first = visited(f"{TUESDAY} 13:00", seq=1)
    second = visited(f"{TUESDAY} 14:00", seq=1, terminal="T2", store="S2")
    assert given(moonlight(), first, second, on=TUESDAY) == [10, 0]


@pytest.mark.parametrize(("combine", "points"), [("best", 20), ("product", 30), ("sum", 25)])
def test_a_visit_on_tuesday_1_december_combines_both_weights(combine: Combine, points: int) -> None:
    item = visited(f"{TUESDAY_IN_DECEMBER} 10:00")
    assert given(moonlight(combine), item, on=TUESDAY_IN_DECEMBER) == [points]


# Entries and their steps.


def test_an_entry_says_which_event_day_period_and_version_it_comes_from() -> None:
    (entry,) = derive_day(rules(moonlight(), "2026-12-31"), standing(bought(12_990, when="2026-12-31 10:00")))
    assert (entry.event, entry.kind, entry.programme_version) == (event_id(1), "earn", 7)
    assert (entry.earned_day, entry.business_day, entry.period_id) == (
        day("2026-12-31"),
        day("2026-12-31"),
        "2026-H2",
    )
    assert (entry.redeemable, entry.qualifying, entry.corrects) == (24, 24, None)


def test_the_steps_tell_base_and_weight() -> None:
    (entry,) = derive_day(rules(moonlight(), TUESDAY), standing(visited(f"{TUESDAY} 11:00")))
    assert entry.steps == (
        Step("visit", "earn", "visit", 0, 10),
        Step("quiet-hours", "weight", "1.5", 10, 15),
    )


def test_of_product_each_weight_is_told_and_each_step_starts_where_the_last_ended() -> None:
    (entry,) = derive_day(
        rules(moonlight("product"), TUESDAY_IN_DECEMBER),
        standing(visited(f"{TUESDAY_IN_DECEMBER} 10:00")),
    )
    assert [(step.rule, step.before, step.after) for step in entry.steps] == [
        ("visit", 0, 10),
        ("quiet-hours", 10, 15),
        ("december-double", 15, 30),
    ]


def test_a_second_visit_keeps_the_step_that_says_why_it_earned_nothing() -> None:
    items = [visited(f"{TUESDAY} 13:00", seq=1), visited(f"{TUESDAY} 14:00", seq=2)]
    second = derive_day(rules(moonlight(), TUESDAY), standing(*items))[1]
    assert second.steps == (Step("visit", "limit", "1", 0, 0),)


def test_a_step_names_the_kind_of_points_only_where_they_differ() -> None:
    rule = programme(earns=[earn(points=10, when=When())], weights=[weight("2", affects="qualifying")])
    (entry,) = derive_day(rules(rule), standing(visited()))
    assert entry.steps == (
        Step("earn", "earn", "visit", 0, 10),
        Step("weight", "weight", "2", 10, 10, "redeemable"),
        Step("weight", "weight", "2", 10, 20, "qualifying"),
    )


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ("1.5", "1.5"),
        ("2", "2"),
        ("2.50", "2.5"),
        ("0.05", "0.05"),
        ("0", "0"),
        ("1.000001", "1.000001"),
        ("0.000000000001", "0.000000000001"),
    ],
)
def test_a_weight_is_shown_as_its_owner_wrote_it(times: str, shown: str) -> None:
    rule = programme(earns=[earn(points=10, when=When())], weights=[weight(times)])
    (entry,) = derive_day(rules(rule), standing(visited()))
    assert entry.steps[-1].saw == shown


def test_a_weight_that_no_file_can_hold_is_shown_as_a_fraction_and_ends() -> None:
    rule = programme(earns=[earn(points=10, when=When())], weights=[weight("4/3")])
    (entry,) = derive_day(rules(rule), standing(visited()))
    assert (entry.steps[-1].saw, entry.redeemable) == ("4/3", 13)


def test_two_earning_rules_add_up_each_in_the_order_written() -> None:
    rule = programme(earns=[SPEND, earn("there", 5, when=When())])
    (entry,) = derive_day(rules(rule), standing(bought(12_990)))
    assert entry.steps == (
        Step("spend", "earn", "12990", 0, 12),
        Step("there", "earn", "purchase", 12, 17),
    )


# Does a rule match?


def test_a_rule_on_both_counts_a_purchase_as_having_been_there() -> None:
    rule = programme(earns=[earn(points=10, limit=1, when=When(on=BOTH))])
    assert given(rule, bought(100), visited(f"{FRIDAY} 11:00", seq=2)) == [10, 0]


def test_a_rule_on_visits_does_not_see_purchases_nor_the_other_way_round() -> None:
    assert given(programme(earns=[earn(points=10, when=When(on=VISIT))]), bought(5_000)) == [0]
    assert given(programme(earns=[earn(points=10, when=When(on=PURCHASE))]), visited()) == [0]


def test_a_rule_of_one_store_gives_nothing_in_another() -> None:
    rule = programme(earns=[earn(points=10, when=When(stores=frozenset({"S1"})))])
    assert given(rule, visited(), visited(f"{FRIDAY} 11:00", seq=2, store="S2")) == [10, 0]


def test_money_per_step_gives_a_visit_nothing() -> None:
    assert given(programme(earns=[earn(per=1000, when=When())]), visited()) == [0]


@pytest.mark.parametrize(
    ("net", "points"), [(0, 0), (999, 0), (1_000, 1), (1_999, 1), (2_000, 2), (-5_000, 0)]
)
def test_only_full_steps_count(net: int, points: int) -> None:
    assert given(programme(earns=[SPEND]), bought(net)) == [points]


def test_points_are_times_full_steps_not_money_times_points() -> None:
    assert given(programme(earns=[earn(points=3, per=1000)]), bought(1_999)) == [3]


@pytest.mark.parametrize(("net", "points"), [(4_999, 0), (5_000, 10)])
def test_minimum_is_eligible_money_and_at_the_minimum_is_in(net: int, points: int) -> None:
    assert given(programme(earns=[earn(points=10, when=minimum(5_000))]), bought(net)) == [points]


def test_minimum_does_not_count_what_points_or_gift_cards_paid() -> None:
    rule = programme(earns=[earn(points=10, when=minimum(5_000))])
    assert given(rule, bought(6_000, tenders=[("gift_card", 1_001), ("card", 4_999)])) == [0]
    assert given(rule, bought(6_000, tenders=[("points", 1_000), ("card", 5_000)])) == [10]


def test_fixed_points_ask_for_no_money() -> None:
    rule = programme(earns=[earn(points=10)])
    assert given(rule, bought(0)) == [10]
    assert given(rule, bought(5_000, tenders=[("points", 5_000)])) == [10]


def test_a_minimum_asks_a_visit_for_money_that_it_has_not() -> None:
    assert given(programme(earns=[earn(points=10, when=minimum(1, BOTH))]), visited()) == [0]
    assert given(programme(earns=[earn(points=10, when=When(categories=GOLF))]), visited()) == [0]


@pytest.mark.parametrize(
    ("on", "points"),
    [("2026-11-30", 10), ("2026-12-01", 20), ("2026-12-31", 20), ("2027-01-01", 10)],
)
def test_a_date_range_is_of_business_dates_and_inclusive(on: str, points: int) -> None:
    rule = programme(earns=[earn(points=10, when=When())], weights=[DECEMBER])
    assert given(rule, visited(f"{on} 10:00"), on=on) == [points]


def test_a_date_range_looks_at_the_business_date_not_the_wall_date() -> None:
    rule = programme(earns=[earn(points=10, when=When())], weights=[DECEMBER])
    after_midnight = visited("2026-12-01 02:00")
    assert given(rule, after_midnight, on="2026-11-30") == [10]


def test_the_weekday_is_that_of_the_business_date() -> None:
    night = weight("3", when=When(weekdays=frozenset({4}), slot=Slot(Minute(22 * 60), Minute(2 * 60))))
    rule = programme(earns=[earn(points=10, when=When())], weights=[night])
    friday_night = visited("2026-11-21 01:59")  # Saturday on the wall, still Friday's business day
    assert given(rule, friday_night, on="2026-11-20") == [30]
    assert given(rule, visited("2026-11-21 02:00"), on="2026-11-20") == [10]
    assert given(rule, visited("2026-11-21 22:00"), on="2026-11-21") == [10]


def test_time_of_day_is_the_stores_wall_time() -> None:
    morning = weight("2", when=When(slot=Slot(Minute(9 * 60), Minute(10 * 60))))
    rule = programme(earns=[earn(points=10, when=When())], weights=[morning])
    summer, winter = (visited(f"{on} 09:30", zone=NEW_YORK) for on in ("2026-10-31", "2026-11-01"))
    assert winter.occurred_at_ms - summer.occurred_at_ms == 25 * 3_600_000
    assert given(rule, summer) == given(rule, winter) == [20]


def test_a_rule_for_tiers_gives_only_members_who_hold_one_of_them() -> None:
    rule = programme(
        earns=[earn(points=10, when=When())],
        weights=[weight("2", when=When(tiers=frozenset({"GOLD", "DIAMOND"})))],
    )
    assert given(rule, visited(), tier_held="SILVER") == [10]
    assert given(rule, visited(), tier_held="GOLD") == [20]


@pytest.mark.parametrize(("limit", "points"), [(1, [10, 0, 0]), (2, [10, 10, 0]), (3, [10, 10, 10])])
def test_the_first_ones_in_canonical_order_get_the_points(limit: int, points: list[int]) -> None:
    rule = programme(earns=[earn(points=10, limit=limit, when=When())])
    items = [visited(f"{FRIDAY} 1{hour}:00", seq=3 - hour) for hour in range(3)]
    for shuffled in permutations(items):
        assert given(rule, *shuffled) == points


def test_a_limit_counts_matching_events_that_gave_nothing_for_another_reason() -> None:
    rule = programme(earns=[earn(points=1, per=1000, limit=1)])
    assert given(rule, bought(999), bought(5_000, seq=2, when=f"{FRIDAY} 11:00")) == [0, 0]


def test_a_limit_does_not_count_events_that_did_not_match() -> None:
    rule = programme(earns=[earn(points=10, limit=1, when=minimum(1_000))])
    assert given(rule, bought(999), bought(1_000, seq=2, when=f"{FRIDAY} 11:00")) == [0, 10]


def test_each_limited_rule_counts_for_itself() -> None:
    rule = programme(earns=[earn("a", 10, limit=1, when=When()), earn("b", 5, limit=2, when=When())])
    items = [visited(f"{FRIDAY} 1{hour}:00", seq=hour + 1) for hour in range(3)]
    assert given(rule, *items) == [15, 5, 0]


# Eligible money.


@pytest.mark.parametrize("tender", ["points", "gift_card"])
def test_points_and_gift_cards_never_earn(tender: str) -> None:
    rule = programme(earns=[SPEND])
    assert given(rule, bought(12_990, tenders=[(tender, 3_000), ("card", 9_990)])) == [9]
    assert given(rule, bought(12_990, tenders=[(tender, 12_990)])) == [0]


def test_a_tender_is_excluded_where_the_rule_says_so() -> None:
    item = bought(12_990, tenders=[("voucher", 3_000), ("card", 9_990)])
    excluding = When(on=PURCHASE, exclude_tenders=frozenset({"voucher"}))
    assert given(programme(earns=[earn(per=1000, when=excluding)]), item) == [9]
    assert given(programme(earns=[SPEND]), item) == [12]


def test_change_in_an_excluded_tender_lowers_what_it_paid_but_never_adds_money() -> None:
    when = When(exclude_tenders=frozenset({"cash"}))
    assert eligible_minor(when, bought(5_000, tenders=[("cash", 10_000), ("cash", -7_000)])) == 2_000
    assert eligible_minor(when, bought(5_000, tenders=[("cash", -7_000)])) == 5_000


def test_eligible_money_is_never_below_zero() -> None:
    assert eligible_minor(When(), bought(-1)) == 0
    assert eligible_minor(When(), bought(5_000, tenders=[("gift_card", 9_000)])) == 0


def test_only_the_lines_that_a_rule_names_count() -> None:
    item = bought(lines=[("golf", 5_500), ("food", 7_490)])
    only = earn(per=1000, when=When(on=PURCHASE, categories=GOLF))
    without = earn(per=1000, when=When(on=PURCHASE, exclude_categories=GOLF))
    assert given(programme(earns=[only]), item) == [5]
    assert given(programme(earns=[without]), item) == [7]


def test_a_category_named_and_excluded_is_excluded() -> None:
    when = When(categories=GOLF | {"food"}, exclude_categories=GOLF)
    assert eligible_minor(when, bought(lines=[("golf", 5_500), ("food", 7_490), ("", 1)])) == 7_490


def test_fixed_points_for_a_category_want_a_line_of_it() -> None:
    rule = programme(earns=[earn(points=10, when=When(on=PURCHASE, categories=GOLF))])
    assert given(rule, bought(lines=[("food", 5_000)])) == [0]
    assert given(rule, bought(lines=[("food", 5_000), ("golf", 0)])) == [10]
    excluding = programme(earns=[earn(points=10, when=When(on=PURCHASE, exclude_categories=GOLF))])
    assert given(excluding, bought(lines=[("golf", 5_000)])) == [0]
    assert given(excluding, bought(lines=[("golf", 5_000), ("food", 1)])) == [10]


def test_a_receipt_without_lines_is_one_line_without_category() -> None:
    item = item_of(purchase(net=12_990), "S1", SEOUL)
    assert given(programme(earns=[SPEND]), item) == [12]
    only = earn(per=1000, when=When(on=PURCHASE, categories=GOLF))
    assert given(programme(earns=[only]), item) == [0]


@pytest.mark.parametrize(("lines", "points"), [((line(9_000),), 8), ((line(7_000), line(500)), 8), ((), 8)])
def test_the_total_is_believed_whatever_the_lines_add_up_to(lines: tuple[Line, ...], points: int) -> None:
    item = item_of(purchase(net=8_000, lines=lines), "S1", SEOUL)
    assert given(programme(earns=[SPEND]), item) == [points]


# Weights.


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
        earns=[earn(points=10, when=When())],
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


@pytest.mark.parametrize(("affects", "expected"), [("redeemable", (12, 0)), ("qualifying", (0, 12))])
def test_an_earning_rule_may_give_one_kind_of_points(affects: Affects, expected: tuple[int, int]) -> None:
    rule = programme(earns=[earn(per=1000, affects=affects)])
    assert total(derive_day(rules(rule), standing(bought(12_990)))) == expected


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


def test_a_weight_with_a_minimum_weighs_only_receipts_that_reach_it() -> None:
    rule = programme(earns=[SPEND], weights=[weight("2", when=minimum(10_000))])
    assert given(rule, bought(9_999), bought(10_000, seq=2, when=f"{FRIDAY} 11:00")) == [9, 20]


# Bonuses and caps.


def test_a_bonus_is_not_weighted() -> None:
    rule = programme(earns=[SPEND], weights=[weight("2")], bonuses=[bonus(5)])
    assert given(rule, bought(12_990)) == [12 * 2 + 5]


def test_a_bonus_per_event_comes_with_each_match() -> None:
    rule = programme(earns=[], bonuses=[bonus(5, when=minimum(1_000))])
    items = [bought(net, seq=seq, when=f"{FRIDAY} 1{seq}:00") for seq, net in enumerate((1_000, 999, 5_000))]
    assert given(rule, *items) == [5, 0, 5]


@pytest.mark.parametrize(
    ("nth", "points"), [(None, [5, 0, 0]), (1, [5, 0, 0]), (2, [0, 5, 0]), (3, [0, 0, 5]), (4, [0, 0, 0])]
)
def test_a_bonus_per_day_comes_with_exactly_the_nth_match(nth: int | None, points: list[int]) -> None:
    rule = programme(earns=[], bonuses=[bonus(5, per="day", nth=nth)])
    items = [visited(f"{FRIDAY} 1{hour}:00", seq=hour + 1) for hour in range(3)]
    assert given(rule, *items) == points


def test_bonuses_count_only_what_matches_them() -> None:
    rule = programme(earns=[], bonuses=[bonus(5, per="day", nth=2, when=When(on=VISIT))])
    items = [visited(f"{FRIDAY} 10:00", seq=1), bought(1, seq=2, when=f"{FRIDAY} 11:00")]
    assert given(rule, *items, visited(f"{FRIDAY} 12:00", seq=3)) == [0, 0, 5]


def test_bonuses_of_a_period_a_birthday_or_a_life_are_left_to_the_account() -> None:
    later = [
        bonus(5, rule="a", per="period"),
        bonus(5, rule="b", birthday=True),
        bonus(5, rule="c", first=True),
    ]
    assert given(programme(earns=[], bonuses=later), visited()) == [0]


def test_a_bonus_is_a_step_of_the_earn_entry() -> None:
    (entry,) = derive_day(
        rules(programme(earns=[SPEND], bonuses=[bonus(5, per="day", nth=1)])), standing(bought(2_000))
    )
    assert (entry.kind, entry.redeemable) == ("earn", 7)
    assert entry.steps[-1] == Step("bonus", "bonus", "1", 2, 7)


@pytest.mark.parametrize(("net", "points"), [(499_999, 499), (500_000, 500), (501_000, 500)])
def test_a_day_cap_cuts_what_exceeds_it(net: int, points: int) -> None:
    assert given(programme(earns=[SPEND], caps=[cap(500)]), bought(net)) == [points]


def test_a_day_cap_cuts_in_canonical_order_and_says_so() -> None:
    rule = programme(earns=[SPEND], caps=[cap(15)])
    items = [bought(9_000, seq=seq, when=f"{FRIDAY} 1{seq}:00") for seq in (1, 2, 3)]
    entries = derive_day(rules(rule), standing(*reversed(items)))
    assert [entry.redeemable for entry in entries] == [9, 6, 0]
    assert [entry.steps[-1] for entry in entries] == [
        Step("spend", "earn", "9000", 0, 9),
        Step("cap", "cap", "15", 9, 6),
        Step("cap", "cap", "15", 9, 0),
    ]


def test_no_event_earns_more_than_the_ledger_can_add_up() -> None:
    rule = programme(earns=[earn("spend", 1_000_000_000, per=1)])
    (entry,) = derive_day(rules(rule), standing(bought(10**12)))
    assert (entry.redeemable, entry.qualifying) == (EVENT_POINTS_MAX, EVENT_POINTS_MAX)
    assert entry.steps[-1] == Step("event-maximum", "cap", str(10**12), 10**21, 10**12)
    assert given(programme(earns=[earn("spend", 1, per=1)]), bought(10**12)) == [10**12]


def test_an_event_cap_cuts_each_event_for_itself() -> None:
    rule = programme(earns=[SPEND], caps=[cap(5, "event")])
    assert given(rule, bought(9_000), bought(7_000, seq=2, when=f"{FRIDAY} 11:00")) == [5, 5]


def test_bonuses_count_against_a_cap() -> None:
    assert given(programme(earns=[SPEND], bonuses=[bonus(5)], caps=[cap(8)]), bought(6_000)) == [8]


def test_caps_count_redeemable_and_qualifying_points_separately() -> None:
    rule = programme(earns=[SPEND], weights=[weight("2", affects="qualifying")], caps=[cap(10)])
    items = [bought(6_000, seq=seq, when=f"{FRIDAY} 1{seq}:00") for seq in (1, 2)]
    entries = derive_day(rules(rule), standing(*items))
    assert [(entry.redeemable, entry.qualifying) for entry in entries] == [(6, 10), (4, 0)]


def test_what_counts_against_a_cap_is_what_is_given_after_all_caps_before_it() -> None:
    items = [bought(60_000, seq=seq, when=f"{FRIDAY} 1{seq}:00") for seq in (1, 2)]
    day_cap, event_cap = cap(100, rule="day"), cap(50, "event", rule="event")
    assert given(programme(earns=[SPEND], caps=[event_cap, day_cap]), *items) == [50, 50]
    assert given(programme(earns=[SPEND], caps=[day_cap, event_cap]), *items) == [50, 40]


def test_a_cap_counts_only_what_matches_it() -> None:
    rule = programme(earns=[SPEND], caps=[cap(5, when=When(stores=frozenset({"S2"})))])
    items = [
        bought(9_000, seq=seq, store=store, when=f"{FRIDAY} 1{seq}:00")
        for seq, store in enumerate(("S1", "S2", "S1", "S2"))
    ]
    assert given(rule, *items) == [9, 5, 9, 0]


def test_a_period_cap_is_left_to_the_account() -> None:
    assert given(programme(earns=[SPEND], caps=[cap(5, "period")]), bought(9_000)) == [9]


# Voids and what they give back.


def test_a_void_takes_back_what_was_earned_and_dates_it_on_its_own_day() -> None:
    item = bought(12_990)
    entries = derive_day(rules(moonlight()), [taken_back(item, "2026-11-22 09:00", seq=2)])
    assert [(entry.kind, entry.redeemable, entry.qualifying) for entry in entries] == [
        ("earn", 12, 12),
        ("clawback", -12, -12),
    ]
    assert entries[1].event == event_id(2)
    assert (entries[1].earned_day, entries[1].business_day) == (day(FRIDAY), day("2026-11-22"))
    assert entries[1].steps == (Step("void", "clawback", "0", 12, 0),)


def test_a_return_says_what_remains() -> None:
    left = bought(9_000)
    entries = derive_day(
        rules(moonlight()), [taken_back(bought(12_990), f"{FRIDAY} 12:00", seq=2, remains=left)]
    )
    assert entries[1].steps == (Step("return", "clawback", "9000", 12, 9),)


def test_a_voided_visit_leaves_the_days_limit_to_the_next_one() -> None:
    first, second = visited(f"{FRIDAY} 10:00", seq=1), visited(f"{FRIDAY} 12:00", seq=3)
    entries = derive_day(rules(moonlight()), [taken_back(first, f"{FRIDAY} 11:00", seq=2), *standing(second)])
    assert [(entry.event.seq, entry.redeemable) for entry in entries] == [(1, 10), (2, -10), (3, 10)]


def test_a_visit_voided_after_the_next_one_takes_nothing_because_that_one_is_now_the_first() -> None:
    first, second = visited(f"{FRIDAY} 10:00", seq=1), visited(f"{FRIDAY} 11:00", seq=2)
    entries = derive_day(rules(moonlight()), [taken_back(first, f"{FRIDAY} 12:00", seq=3), *standing(second)])
    assert [(entry.event.seq, entry.redeemable) for entry in entries] == [(1, 10), (2, 0), (3, 0)]
    assert entries[2].steps == (Step("void", "clawback", "0", 10, 10),)


def test_a_voided_purchase_leaves_bonuses_and_caps() -> None:
    rule = programme(earns=[SPEND], bonuses=[bonus(5, per="day")], caps=[cap(20)])
    first, second = bought(15_000), bought(9_000, seq=2, when=f"{FRIDAY} 11:00")
    entries = derive_day(rules(rule), [taken_back(first, f"{FRIDAY} 12:00", seq=3), *standing(second)])
    assert [entry.redeemable for entry in entries] == [20, 0, -6]
    assert total(entries) == (14, 14)


def test_the_order_in_which_a_day_is_given_does_not_matter_and_repeats_count_once() -> None:
    receipts = [
        taken_back(visited(f"{FRIDAY} 10:00", seq=1), f"{FRIDAY} 11:00", seq=2),
        *standing(visited(f"{FRIDAY} 10:30", seq=3), bought(12_990, seq=4, when=f"{FRIDAY} 12:00")),
    ]
    entries = derive_day(rules(moonlight()), receipts)
    for shuffled in permutations(receipts):
        assert derive_day(rules(moonlight()), shuffled) == entries
        assert derive_day(rules(moonlight()), [*shuffled, *shuffled]) == entries


def test_equal_instants_are_ordered_by_terminal_then_seq() -> None:
    items = [
        visited(seq=2, terminal="T1"),
        visited(seq=10, terminal="T1"),
        visited(seq=1, terminal="T2"),
    ]
    entries = derive_day(rules(moonlight()), standing(*reversed(items)))
    assert [(entry.event.terminal_id, entry.event.seq, entry.redeemable) for entry in entries] == [
        ("T1", 2, 10),
        ("T1", 10, 0),
        ("T2", 1, 0),
    ]


def test_an_empty_day_is_empty() -> None:
    assert derive_day(rules(moonlight()), []) == ()


def test_the_largest_amounts_stay_exact() -> None:
    rule = programme(
        earns=[earn(points=10**9, per=1)],
        weights=[weight("999.999999", "a"), weight("1000", "b")],
        combine="product",
    )
    (entry,) = derive_day(rules(rule), standing(bought(10**12 - 1)))
    assert entry.steps[-1].before == int(10**9 * (10**12 - 1) * Fraction("999.999999") * 1000)


# Returns: what is left of each receipt, and what its day is worth with it.


TEES = line(1_000, "golf", sku="TEE", number=1, quantity=3_000)
TEE = line(333, "golf", sku="TEE", number=1)


def day_of_facts(of: Programme, *facts: Fact) -> tuple[PointEntry, ...]:
    """Return the entries of a Friday on which there is one receipt, whatever order its facts come in."""
    entries = {derive_day(rules(of), _resolved(shuffled)) for shuffled in permutations(facts)}
    (only,) = entries
    return only


def _resolved(*receipts: tuple[Fact, ...]) -> list[Resolved]:
    found = [fold_receipt(facts, RULES).resolved for facts in receipts]
    return [one for one in found if one is not None]


def points(entries: tuple[PointEntry, ...]) -> list[tuple[int, int]]:
    """Return (seq, points) of entries that move both kinds of points alike."""
    assert all(entry.redeemable == entry.qualifying for entry in entries)
    return [(entry.event.seq, entry.redeemable) for entry in entries]


def remains(item: Item, money: tuple[tuple[str, int], ...], *parts: tuple[str, int, int, int]) -> Item:
    return msgspec.structs.replace(item, money=money, parts=parts)


def test_a_line_returned_next_week_takes_back_3_of_12() -> None:
    lines = [line(9_000, sku="GLOVE", number=1), line(3_990, sku="BALL", number=2)]
    back = returned(2, 3_990, when="2026-11-27 15:00", lines=[lines[1]])
    entries = day_of_facts(moonlight(), purchase(1, 12_990, lines=lines), back)
    assert points(entries) == [(1, 12), (2, -3)]
    assert [entry.kind for entry in entries] == ["earn", "clawback"]
    assert entries[1].business_day == day("2026-11-27")
    assert (entries[1].earned_day, entries[1].period_id) == (day(FRIDAY), "2026-H2")


def test_several_returns_take_back_to_the_point_what_the_purchase_earned() -> None:
    """Of 1,000 for three: 666 2/3 remain, then 333 1/3, then nothing."""
    tees = [
        returned(seq, 333, when=f"2026-11-2{seq} 10:00", lines=[TEE], number=f"R00{seq}") for seq in (2, 3, 4)
    ]
    of = programme(earns=[earn(per=1)])
    entries = day_of_facts(of, purchase(1, 1_000, lines=[TEES]), *tees)
    assert points(entries) == [(1, 1_000), (2, -334), (3, -333), (4, -333)]
    assert [entry.steps for entry in entries[1:]] == [
        (Step("return", "clawback", "666", 1_000, 666),),
        (Step("return", "clawback", "333", 666, 333),),
        (Step("return", "clawback", "0", 333, 0),),
    ]


def test_only_points_are_floored_and_never_what_remains_of_a_line() -> None:
    item = bought(lines=[("golf", 1_000), ("food", 2_000)])
    left = remains(item, (), ("golf", 1_000, 2_000, 3_000), ("food", 2_000, 2_000, 3_000))
    assert eligible_minor(When(), left) == 2_000
    assert given(programme(earns=[SPEND]), left) == [2]
    assert given(programme(earns=[earn(points=10, when=minimum(2_000))]), left) == [10]
    assert given(programme(earns=[earn(points=10, when=minimum(2_001))]), left) == [0]
    assert list(nets_of(left)) == [("golf", Fraction(2_000, 3)), ("food", Fraction(4_000, 3))]


def test_parts_of_lines_count_beside_whole_ones_each_in_its_category() -> None:
    item = bought(lines=[("golf", 10_000), ("food", 5_000)])
    left = remains(item, (("food", 5_000),), ("golf", 10_000, 2_000, 3_000))
    only = When(on=PURCHASE, categories=GOLF)
    assert eligible_minor(only, left) == Fraction(20_000, 3)
    assert given(programme(earns=[earn(per=1_000, when=only)]), left) == [6]
    doubled = programme(earns=[SPEND], weights=[weight("2", when=only)])
    assert given(doubled, item) == [25]
    assert given(doubled, left) == [11 + 6]


def test_a_line_that_earned_nothing_takes_nothing() -> None:
    food = line(3_990, "food", sku="TEA", number=2)
    of = programme(earns=[earn(per=1_000, when=When(on=PURCHASE, exclude_categories=frozenset({"food"})))])
    sale = purchase(1, 12_990, lines=[line(9_000, "wear", sku="GLOVE"), food])
    entries = day_of_facts(of, sale, returned(2, lines=[food]))
    assert points(entries) == [(1, 9), (2, 0)]
    assert entries[1].steps == (Step("return", "clawback", "9000", 9, 9),)


@pytest.mark.parametrize("tender", ["points", "gift_card"])
@pytest.mark.parametrize(
    ("refunded", "clawback"),
    [(0, -3), (1_000, -2), (3_000, 0), (3_990, 0)],
)
def test_of_a_purchase_partly_paid_with_points_or_gift_cards_a_return_takes_what_the_rest_earned(
    tender: str, refunded: int, clawback: int
) -> None:
    """9,990 of 12,990 were paid by card: 9 points. 9,000 remain, less what is still paid with the tender."""
    lines = [line(9_000, sku="GLOVE", number=1), line(3_990, sku="BALL", number=2)]
    sale = purchase(1, 12_990, lines=lines, tenders=[Tender(tender, 3_000), Tender("card", 9_990)])
    refunds = [Tender(tender, refunded), Tender("card", 3_990 - refunded)]
    entries = day_of_facts(moonlight(), sale, returned(2, lines=[lines[1]], tenders=refunds))
    assert points(entries) == [(1, 9), (2, clawback)]


def test_a_return_that_fits_no_line_gives_no_points_by_what_it_refunds() -> None:
    sale = purchase(1, 10_000, tenders=[Tender("gift_card", 5_000)], lines=[line(10_000, sku="GLOVE")])
    back = returned(2, lines=[line(3_000, sku="OTHER")], tenders=[Tender("gift_card", 3_000)])
    assert points(day_of_facts(moonlight(), sale, back)) == [(1, 5), (2, 0)]


def test_what_a_cap_had_cut_is_what_comes_back_first() -> None:
    of = programme(earns=[SPEND], caps=[cap(10)])
    backs = [
        returned(2, 3_990, when="2026-11-21 10:00", number="R1"),
        returned(3, 2_000, when="2026-11-22 10:00", number="R2"),
    ]
    assert points(day_of_facts(of, purchase(1, 15_000), *backs)) == [(1, 10), (2, 0), (3, -1)]


def test_what_is_returned_leaves_its_room_under_a_cap_to_the_next() -> None:
    of = programme(earns=[SPEND], caps=[cap(15)])
    first, second = purchase(1, 9_000), purchase(2, 9_000, when=f"{FRIDAY} 11:00", receipt=key("0002"))
    back = returned(3, 9_000, when=f"{FRIDAY} 12:00")
    entries = derive_day(rules(of), _resolved((first, back), (second,)))
    assert points(entries) == [(1, 9), (2, 6), (3, -6)]


def test_a_return_that_frees_a_limit_may_give_more_than_it_takes() -> None:
    of = programme(earns=[earn(per=1_000, limit=1)])
    first, second = purchase(1, 1_000), purchase(2, 9_000, when=f"{FRIDAY} 11:00", receipt=key("0002"))
    entries = derive_day(rules(of), _resolved((first, void(3, when=f"{FRIDAY} 12:00")), (second,)))
    assert points(entries) == [(1, 1), (2, 0), (3, 8)]


def test_a_purchase_of_which_a_part_remains_keeps_its_place_in_limits() -> None:
    of = programme(earns=[earn(points=10, limit=1)])
    first, second = purchase(1, 5_000), purchase(2, 9_000, when=f"{FRIDAY} 11:00", receipt=key("0002"))
    part = returned(3, 4_999, when=f"{FRIDAY} 12:00")
    assert points(derive_day(rules(of), _resolved((first, part), (second,)))) == [(1, 10), (2, 0), (3, 0)]
    all_of_it = returned(3, 5_000, when=f"{FRIDAY} 12:00")
    entries = derive_day(rules(of), _resolved((first, all_of_it), (second,)))
    assert points(entries) == [(1, 10), (2, 0), (3, 0)]
    alone = derive_day(rules(of), _resolved((first, all_of_it)))
    assert points(alone) == [(1, 10), (3, -10)]


def test_returns_of_a_day_take_their_turn_among_its_purchases() -> None:
    of = programme(earns=[SPEND], caps=[cap(10)])
    first, second = purchase(1, 8_000), purchase(4, 8_000, when=f"{FRIDAY} 12:00", receipt=key("0002"))
    entries = derive_day(
        rules(of),
        _resolved(
            (first, returned(3, 5_000, when=f"{FRIDAY} 11:00")),
            (second, returned(6, 1_000, of=key("0002"), when=f"{FRIDAY} 13:00")),
        ),
    )
    assert points(entries) == [(1, 8), (3, -5), (4, 7), (6, 0)]


def test_takebacks_whose_clock_is_before_their_item_come_right_after_it_in_their_own_order() -> None:
    sale = purchase(5, 9_000, when=f"{FRIDAY} 12:00")
    backs = [
        returned(2, 3_000, when=f"{FRIDAY} 09:00", number="R2"),
        returned(1, 1_000, when=f"{FRIDAY} 10:00", number="R1"),
        void(9, when=f"{FRIDAY} 12:00"),
    ]
    next_one = purchase(6, 1_000, when=f"{FRIDAY} 12:00", receipt=key("0002"))
    entries = derive_day(rules(moonlight()), _resolved((sale, *backs), (next_one,)))
    assert points(entries) == [(5, 9), (2, -3), (1, -1), (6, 1), (9, -5)]


def test_what_belongs_to_the_account_earns_nothing_in_its_day() -> None:
    spent = fold_receipt([redeemed(7)], RULES).spent[0].resolved
    assert derive_day(rules(moonlight()), [spent]) == ()
    beside = standing(bought(12_990))
    assert derive_day(rules(moonlight()), [spent, *beside]) == derive_day(rules(moonlight()), beside)
    assert counted_items(rules(COUNTING), [spent]) == ()


# What the account counts of a day.


COUNTING = programme(
    bonuses=[
        bonus(5, rule="tenth", per="period", nth=10, when=When(on=VISIT)),
        bonus(5, rule="every"),
        bonus(5, rule="first", first=True, when=minimum(5_000)),
        bonus(5, rule="birthday", birthday=True),
    ],
    caps=[cap(50, "period", rule="half-year"), cap(500, "day", rule="day"), cap(500, "event", rule="event")],
    earns=[earn("spend", per=1_000, limit=1), earn("visit", 10, when=When(on=VISIT))],
)


def test_what_counts_over_a_period_or_a_life_are_period_caps_then_bonuses() -> None:
    assert [rule.id for rule in counted_rules(COUNTING)] == ["half-year", "tenth", "first", "birthday"]


def test_each_item_that_stands_is_told_with_what_it_earns_then_and_the_rules_that_it_matches() -> None:
    items = [bought(4_000), visited(f"{FRIDAY} 11:00", seq=2), bought(9_000, seq=3, when=f"{FRIDAY} 12:00")]
    expected = (
        DayItem(event_id(1), items[0].occurred_at_ms, 9, 9, ("half-year", "birthday")),
        DayItem(event_id(2), items[1].occurred_at_ms, 15, 15, ("half-year", "tenth", "birthday")),
        DayItem(event_id(3), items[2].occurred_at_ms, 5, 5, ("half-year", "first", "birthday")),
    )
    for shuffled in permutations(standing(*items)):
        assert counted_items(rules(COUNTING), shuffled) == expected
        assert counted_items(rules(COUNTING), [*shuffled, *shuffled]) == expected


def test_what_is_counted_is_what_stands_after_all_takebacks_are_known() -> None:
    first = taken_back(bought(4_000), "2027-03-01 10:00", seq=8)
    second = taken_back(
        bought(9_000, seq=2, when=f"{FRIDAY} 11:00"), "2027-03-02 10:00", seq=9, remains=bought(3_000, seq=2)
    )
    items = counted_items(rules(COUNTING), [first, second])
    assert [(item.id, item.redeemable, item.rules) for item in items] == [
        (event_id(2), 3 + 5, ("half-year", "birthday"))
    ]


def test_an_item_that_nothing_counts_is_not_told_but_takes_its_place_in_the_day() -> None:
    of = programme(
        earns=[earn("visit", 10, limit=1, when=When())], bonuses=[bonus(1, first=True, when=When(on=VISIT))]
    )
    items = [bought(1_000), visited(f"{FRIDAY} 11:00", seq=2)]
    assert counted_items(rules(of), standing(*items)) == (
        DayItem(event_id(2), items[1].occurred_at_ms, 0, 0, ("bonus",)),
    )


def test_redeemable_and_qualifying_points_are_counted_apart() -> None:
    of = programme(weights=[weight("2", affects="qualifying")], caps=[cap(5, "period")])
    (item,) = counted_items(rules(of), standing(bought(12_990)))
    assert (item.redeemable, item.qualifying) == (12, 24)


def test_where_nothing_counts_over_days_nothing_is_told() -> None:
    assert counted_items(rules(moonlight()), standing(bought(12_990))) == ()


@pytest.mark.parametrize(("tier_held", "ids"), [("GOLD", ("a", "b")), ("SILVER", ("b",))])
def test_rules_that_count_over_days_hold_for_the_tiers_and_dates_that_they_name(
    tier_held: str, ids: tuple[str, ...]
) -> None:
    of = programme(
        caps=[cap(5, "period", rule="a", when=When(tiers=frozenset({"GOLD"})))],
        bonuses=[
            bonus(5, rule="b", first=True),
            bonus(5, rule="c", first=True, when=When(from_day=Day(day(FRIDAY) + 1))),
        ],
    )
    (item,) = counted_items(rules(of, tier_held=tier_held), standing(bought(1_000)))
    assert item.rules == ids


# Redeemable and qualifying points part ways, and each keeps to its own.

QUALIFYING_DOUBLE = weight("2", "double", affects="qualifying")


def pair(of: Programme, *items: Item) -> list[tuple[int, int]]:
    """Return (redeemable, qualifying) points of each item."""
    return [(entry.redeemable, entry.qualifying) for entry in derive_day(rules(of), standing(*items))]


def test_points_of_one_kind_that_an_earlier_rule_gave_stay_of_that_kind() -> None:
    status = earn("status", 1, per=1000, affects="qualifying")
    assert pair(programme(earns=[status, SPEND]), bought(12_990)) == [(12, 24)]


def test_a_rule_of_one_kind_of_points_is_weighed_in_that_kind_alone() -> None:
    spendable = earn("spendable", 1, per=1000, affects="redeemable")
    assert pair(programme(earns=[spendable], weights=[weight("2")]), bought(12_990)) == [(24, 0)]


@pytest.mark.parametrize(("affects", "expected"), [("redeemable", (17, 12)), ("qualifying", (12, 17))])
def test_a_bonus_may_give_one_kind_of_points(affects: Affects, expected: tuple[int, int]) -> None:
    assert pair(programme(earns=[SPEND], bonuses=[bonus(5, affects=affects)]), bought(12_990)) == [expected]


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


# What the rest leaves open: shortest steps, layers at their edges, rules out of play.


def test_what_earned_nothing_has_nothing_to_weigh() -> None:
    (entry,) = derive_day(rules(programme(earns=[SPEND], weights=[weight("2")])), standing(bought(999)))
    assert entry.steps == (Step("spend", "earn", "999", 0, 0),)


def test_a_bonus_without_a_number_to_wait_for_saw_none() -> None:
    (entry,) = derive_day(rules(programme(earns=[], bonuses=[bonus(5)])), standing(visited()))
    assert entry.steps == (Step("bonus", "bonus", "", 0, 5),)


def test_of_best_only_the_winner_is_told() -> None:
    of = programme(earns=[SPEND], weights=[weight("2", "b"), weight("3", "c"), weight("1.5", "a")])
    (entry,) = derive_day(rules(of), standing(bought(1_000)))
    assert [step.rule for step in entry.steps] == ["spend", "c"]


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


def test_of_an_item_that_is_void_already_a_second_void_takes_nothing() -> None:
    (once,) = [taken_back(visited(), f"{FRIDAY} 11:00", seq=2)]
    again = msgspec.structs.replace(once.takebacks[0], id=event_id(3))
    twice = msgspec.structs.replace(once, takebacks=(*once.takebacks, again))
    entries = derive_day(rules(moonlight()), [twice])
    assert [(entry.event.seq, entry.redeemable) for entry in entries] == [(1, 10), (2, -10), (3, 0)]


ELSEWHEN = [
    When(tiers=frozenset({"GOLD"})),
    When(from_day=day("2026-11-21")),
    When(until_day=day("2026-11-19")),
    When(weekdays=frozenset({0, 1, 2, 3})),
]


@pytest.mark.parametrize("when", ELSEWHEN)
def test_no_kind_of_rule_is_in_play_for_another_tier_or_date(when: When) -> None:
    of = programme(
        earns=[earn(points=10, when=When()), earn("other", 5, when=when)],
        weights=[weight("2", when=when)],
        bonuses=[bonus(3, when=when), bonus(4, rule="tenth", per="period", nth=10, when=when)],
        caps=[cap(1, when=when), cap(2, "period", rule="half-year", when=when)],
    )
    assert given(of, visited()) == [10]
    assert rules(of).counted == ()


def test_every_kind_of_rule_is_in_play_for_its_tier_and_date() -> None:
    when = When(
        tiers=frozenset({"GOLD"}),
        from_day=day(FRIDAY),
        until_day=day(FRIDAY),
        weekdays=frozenset({4}),
    )
    of = programme(
        earns=[earn("other", 5, when=when)],
        weights=[weight("2", when=when)],
        bonuses=[bonus(30, when=when), bonus(4, rule="tenth", per="period", nth=10, when=when)],
        caps=[cap(39, when=when), cap(2, "period", rule="half-year", when=when)],
    )
    assert given(of, visited(), tier_held="GOLD") == [39]
    held = rules(of, tier_held="GOLD")
    assert (held.tier, [rule.id for rule in held.counted]) == ("GOLD", ["half-year", "tenth"])
