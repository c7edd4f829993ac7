"""Whether a rule is in play and matches, how many points it gives, and how often on one day."""

from __future__ import annotations

from itertools import permutations

import pytest

from loyalty_core.programme import Slot, When
from loyalty_core.units import Minute
from tests.core.days import bought, given, rules, visited
from tests.core.made import FRIDAY, NEW_YORK, day
from tests.core.programmes import (
    BOTH,
    DECEMBER,
    GOLF,
    PURCHASE,
    SPEND,
    VISIT,
    bonus,
    cap,
    earn,
    minimum,
    programme,
    weight,
)


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
