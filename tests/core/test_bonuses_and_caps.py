"""Bonuses and caps within a day."""

from __future__ import annotations

import pytest

from loyalty_core.accrual import derive_day
from loyalty_core.entries import Step
from loyalty_core.programme import When
from tests.core.days import bought, given, rules, standing, visited
from tests.core.made import FRIDAY
from tests.core.programmes import SPEND, VISIT, bonus, cap, minimum, programme, weight

# Bonuses.


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
    assert entry.steps == (Step("spend", "earn", "2000", 0, 2), Step("bonus", "bonus", "1", 2, 7))


def test_a_bonus_without_a_number_to_wait_for_saw_none() -> None:
    (entry,) = derive_day(rules(programme(earns=[], bonuses=[bonus(5)])), standing(visited()))
    assert entry.steps == (Step("bonus", "bonus", "", 0, 5),)


# Caps.


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


def test_an_event_cap_cuts_each_event_for_itself() -> None:
    rule = programme(earns=[SPEND], caps=[cap(5, "event")])
    assert given(rule, bought(9_000), bought(7_000, seq=2, when=f"{FRIDAY} 11:00")) == [5, 5]


def test_bonuses_count_against_a_cap() -> None:
    assert given(programme(earns=[SPEND], bonuses=[bonus(5)], caps=[cap(8)]), bought(6_000)) == [8]


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
