"""The oracle on period caps and bonuses, adjustments, merges and tiers, as `design/domain.md` has them."""

from __future__ import annotations

import pytest

from loyalty_core.programme import Kind, When
from tests.oracle.tale import (
    FRIDAY,
    PURCHASE,
    SPEND,
    VISIT,
    Tale,
    bonus,
    cap,
    day,
    earn,
    programme,
)

BOTH: frozenset[Kind] = frozenset({"visit", "purchase"})


def test_the_nth_visit_of_a_period_gets_its_bonus_as_an_entry_of_its_own() -> None:
    tale = Tale(programme(bonuses=(bonus(100, per="period", nth=2, when=When(on=VISIT)),)))
    tale.visit("2026-06-30 13:00")
    places = [tale.visit(f"2026-07-0{n} 13:00") for n in (1, 2, 3)]
    assert [tale.redeemable(place) for place in places] == [10, 110, 10]
    given = [one for one in tale.account().entries if one.kind == "bonus"]
    assert given == [("bonus", places[1], "bonus", day("2026-07-02"), "2026-H2")]


@pytest.mark.parametrize(
    ("born", "day_told", "points"),
    [
        ((2, 29), "2026-02-28", 5),
        ((2, 29), "2026-03-01", 0),
        ((2, 29), "2028-02-28", 0),
        ((2, 29), "2028-02-29", 5),
        ((11, 20), "2026-11-20", 5),
        ((11, 20), "2026-11-21", 0),
    ],
)
def test_the_birthday_is_a_business_date_and_29_february_is_on_the_28th(
    born: tuple[int, int], day_told: str, points: int
) -> None:
    tale = Tale(programme(earns=(), bonuses=(bonus(5, birthday=True),)), birthdays={"m1": born})
    tale.visit(f"{day_told} 10:00")
    assert tale.account().balance == points


@pytest.mark.parametrize(("per", "points"), [("event", 10), ("period", 5)])
def test_a_birthday_bonus_comes_with_each_match_or_with_the_first(per: str, points: int) -> None:
    rule = bonus(5, birthday=True, per=per)
    tale = Tale(programme(earns=(), bonuses=(rule,)), birthdays={"m1": (11, 20)})
    tale.visit(f"{FRIDAY} 10:00")
    tale.visit(f"{FRIDAY} 11:00")
    assert tale.account().balance == points


FIRST_PURCHASE = bonus(50, first=True, id="welcome", when=When(on=PURCHASE))


def test_the_first_purchase_in_life_gets_its_bonus_once() -> None:
    tale = Tale(programme(bonuses=(FIRST_PURCHASE,)))
    tale.visit("2026-06-01 13:00")
    tale.buy("2026-06-02 10:00", 1, number="1")
    tale.buy("2026-07-02 10:00", 1, number="2")
    assert ("bonus", 50, 50) in tale.moved()
    assert tale.account().balance == 10 + 50


def test_who_bought_before_the_rule_was_there_is_not_new() -> None:
    tale = Tale(
        programme(), programme(version=8, effective_from=day("2026-07-01"), bonuses=(FIRST_PURCHASE,))
    )
    tale.buy("2026-06-30 10:00", 1, number="1")
    tale.buy("2026-07-02 10:00", 1, number="2")
    assert tale.moved() == []


def test_a_voided_first_purchase_leaves_the_bonus_to_the_next() -> None:
    tale = Tale(programme(earns=(), bonuses=(FIRST_PURCHASE,)))
    tale.buy("2026-07-01 10:00", 1, number="1")
    second = tale.buy("2026-07-02 10:00", 1, number="2")
    tale.void("2026-07-03 10:00", tale.key("1", "2026-07-01"))
    assert tale.redeemable(second) == 50


def test_a_period_cap_is_one_entry_dated_nowhere_and_counts_what_stands() -> None:
    rules = (cap(25, "period", id="half-year"), cap(20, "period", id="later", affects="qualifying"))
    tale = Tale(programme(earns=(earn(10),), caps=rules, bonuses=(bonus(7, per="period", nth=4),)))
    for n in range(1, 5):
        tale.buy(f"2026-07-0{n} 10:00", 1, number=f"{n}")
    assert sorted(tale.moved())[:3] == [("bonus", 7, 7), ("cap", -15, -15), ("cap", 0, -5)]
    tale.void("2026-07-09 10:00", tale.key("1", "2026-07-01"))
    assert sorted(tale.moved())[:2] == [("cap", -5, -5), ("cap", 0, -5)]
    assert tale.account().qualifying == {"2026-H2": 20}


def test_a_period_cap_that_a_new_version_lowers_takes_nothing_that_was_let_through() -> None:
    high = programme(earns=(earn(10),), caps=(cap(15, "period"),))
    low = programme(earns=(earn(10),), caps=(cap(5, "period"),), version=8, effective_from=day("2026-07-02"))
    tale = Tale(high, low)
    tale.buy("2026-07-01 10:00", 1, number="1")
    tale.buy("2026-07-02 10:00", 1, number="2")
    assert tale.account().balance == 10


def test_two_members_that_are_merged_are_one_set_of_days() -> None:
    tale = Tale()
    tale.visit(f"{FRIDAY} 10:00", "m1")
    tale.visit(f"{FRIDAY} 11:00", "m2")
    assert (tale.account("m1").balance, tale.account("m2").balance) == (10, 10)
    merged = tale.read(merges=(("m2", "m1"),)).accounts
    assert ("m2" in merged, merged["m1"].balance) == (False, 10)
    chain = tale.read(merges=(("m2", "m1"), ("m1", "m3"))).accounts
    assert (list(chain), chain["m3"].balance) == (["m3"], 10)


def test_an_adjustment_is_an_entry_of_its_day() -> None:
    tale = Tale()
    place = tale.adjust("2026-03-01", 30, -5)
    account = tale.account()
    assert account.entries == {("adjustment", place, "", day("2026-03-01"), "2026-H1"): (30, -5)}
    assert (account.qualifying, account.tier_earned) == ({"2026-H1": -5}, {"2026-H1": "BRONZE"})


@pytest.mark.parametrize(("points", "tier"), [(99, "BRONZE"), (100, "SILVER"), (300, "GOLD"), (-1, "BRONZE")])
def test_at_the_threshold_is_in_and_one_below_is_out(points: int, tier: str) -> None:
    tale = Tale()
    tale.adjust("2026-08-01", 0, points)
    assert tale.account().tier_earned == {"2026-H2": tier}


def test_the_ladder_of_a_period_is_that_of_its_last_day() -> None:
    steep = programme(version=8, effective_from=day("2026-12-31"), ladder=programme().ladder[:1])
    tale = Tale(programme(), steep)
    tale.adjust("2026-08-01", 0, 300)
    tale.adjust("2026-06-01", 0, 300)
    assert tale.account().tier_earned == {"2026-H2": "BRONZE", "2026-H1": "GOLD"}


@pytest.mark.parametrize(
    ("months", "on", "period"),
    [
        (12, "2026-12-31", "2026"),
        (6, "2026-07-01", "2026-H2"),
        (6, "2026-06-30", "2026-H1"),
        (3, "2026-12-31", "2026-Q4"),
        (3, "2026-04-01", "2026-Q2"),
        (1, "2026-08-31", "2026-08"),
        (1, "2026-12-01", "2026-12"),
    ],
)
def test_periods_are_called_by_their_length(months: int, on: str, period: str) -> None:
    tale = Tale(programme(period_months=months))
    tale.adjust(on, 1, 1)
    assert tale.account().qualifying == {period: 1}


def test_two_earning_rules_add_up() -> None:
    tale = Tale(programme(earns=(SPEND, earn(10, when=When(on=BOTH)))))
    tale.buy(f"{FRIDAY} 10:00", 5_000)
    assert tale.account().balance == 15


@pytest.mark.parametrize(("affects", "moved"), [("redeemable", (5, 0)), ("qualifying", (0, 5))])
def test_a_period_bonus_may_give_one_kind_of_points(affects: str, moved: tuple[int, int]) -> None:
    tale = Tale(programme(earns=(), bonuses=(bonus(5, per="period", affects=affects),)))
    tale.visit(f"{FRIDAY} 10:00")
    assert tale.moved() == [("bonus", *moved)]


def test_once_a_period_is_at_the_first_match() -> None:
    rules = (bonus(5, birthday=True, per="period"), bonus(3, per="period", id="first-visit"))
    tale = Tale(programme(earns=(), bonuses=rules), birthdays={"m1": (11, 20)})
    places = [tale.visit(f"{FRIDAY} 1{n}:00") for n in range(3)]
    assert [tale.redeemable(place) for place in places] == [8, 0, 0]
