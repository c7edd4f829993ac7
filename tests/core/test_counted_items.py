"""What the account counts of a day: items, and the rules over a period or a life that they match."""

from __future__ import annotations

from itertools import permutations

import pytest

from loyalty_core.accrual import DayItem, counted_items, derive_day
from loyalty_core.day_rules import counted_rules
from loyalty_core.programme import When
from loyalty_core.receipts import fold_receipt
from loyalty_core.units import Day
from tests.core.days import bought, rules, standing, taken_back, visited
from tests.core.made import FRIDAY, RULES, day, event_id, redeemed
from tests.core.programmes import VISIT, bonus, cap, earn, minimum, moonlight, programme, weight

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


def test_what_belongs_to_the_account_earns_nothing_in_its_day() -> None:
    spent = fold_receipt([redeemed(7)], RULES).spent[0].resolved
    assert derive_day(rules(moonlight()), [spent]) == ()
    beside = standing(bought(12_990))
    assert derive_day(rules(moonlight()), [spent, *beside]) == derive_day(rules(moonlight()), beside)
    assert counted_items(rules(COUNTING), [spent]) == ()
