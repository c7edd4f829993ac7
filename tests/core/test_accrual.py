"""The day fold: the worked examples of the domain, the entries of a day with their steps, and their order."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import pytest

from loyalty_core.accrual import DaySoFar, derive_day
from loyalty_core.entries import Step
from loyalty_core.programme import Combine, When
from loyalty_core.units import POINTS_MAX
from tests.core.days import bought, given, rules, standing, taken_back, visited
from tests.core.made import FRIDAY, TUESDAY, TUESDAY_IN_DECEMBER, day, event_id
from tests.core.programmes import PURCHASE, SPEND, VISIT, cap, earn, moonlight, programme, weight

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


def test_of_best_only_the_winner_is_told() -> None:
    of = programme(earns=[SPEND], weights=[weight("2", "b"), weight("3", "c"), weight("1.5", "a")])
    (entry,) = derive_day(rules(of), standing(bought(1_000)))
    assert [step.rule for step in entry.steps] == ["spend", "c"]


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


def test_what_earned_nothing_has_nothing_to_weigh() -> None:
    (entry,) = derive_day(rules(programme(earns=[SPEND], weights=[weight("2")])), standing(bought(999)))
    assert entry.steps == (Step("spend", "earn", "999", 0, 0),)


# Order, repetition, size.


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


def test_no_event_earns_more_than_the_ledger_can_add_up() -> None:
    rule = programme(earns=[earn("spend", 1_000_000_000, per=1)])
    (entry,) = derive_day(rules(rule), standing(bought(10**12)))
    assert (entry.redeemable, entry.qualifying) == (POINTS_MAX, POINTS_MAX)
    assert entry.steps == (
        Step("spend", "earn", str(10**12), 0, 10**21),
        Step("event-maximum", "cap", str(10**12), 10**21, 10**12),
    )


def test_an_event_may_earn_all_that_the_ledger_can_add_up() -> None:
    (entry,) = derive_day(rules(programme(earns=[earn("spend", 1, per=1)])), standing(bought(10**12)))
    assert entry.redeemable == POINTS_MAX
    assert [step.rule for step in entry.steps] == ["spend"]


def test_what_one_item_more_would_earn_follows_from_the_day_in_canonical_order() -> None:
    all_stores = cap(10, rule="all", when=When(on=PURCHASE))
    second = cap(5, rule="second", when=When(stores=frozenset({"S2"})))
    of = programme(earns=[SPEND, earn("visit", 4, when=When(on=VISIT))], caps=[all_stores, second])
    first = bought(8_000, when=f"{FRIDAY} 10:00", seq=2)
    other = bought(8_000, when=f"{FRIDAY} 11:00", seq=1, terminal="T2", store="S2")
    for known in ([first, other], [other, first]):
        assert DaySoFar(rules(of), standing(*known)).gain(visited(seq=9, store="S2")) == (3, 3)


def test_an_item_taken_last_has_its_entry_and_leaves_less_to_what_comes_after_it() -> None:
    day_rules = rules(programme(earns=[SPEND], caps=[cap(10)]))
    so_far = DaySoFar(day_rules, standing(bought(8_000, seq=1)))
    second = bought(8_000, when=f"{FRIDAY} 11:00", seq=2)
    third = bought(8_000, when=f"{FRIDAY} 12:00", seq=3)
    whole = derive_day(day_rules, standing(bought(8_000, seq=1), second, third))
    after, entry = so_far.with_next(second)
    assert [entry, after.with_next(third)[1]] == list(whole[1:])
    assert so_far.with_next(second)[1] == entry, "it does not change"
    assert [entry.redeemable for entry in whole] == [8, 2, 0]
