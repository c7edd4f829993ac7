"""The oracle on the worked examples of `design/domain.md`, on days and versions; and what it may import."""

from __future__ import annotations

import pytest

from loyalty_core.programme import Combine, Kind, Slot, When
from loyalty_core.units import Minute
from tests.house_sources import read
from tests.oracle.tale import (
    FRIDAY,
    TUESDAY,
    VISIT,
    Tale,
    day,
    earn,
    line,
    programme,
    weight,
)
from tests.test_house import imports

BOTH: frozenset[Kind] = frozenset({"visit", "purchase"})
VALUES = {"events", "units", "programme", "calendar"}


def test_the_oracle_imports_values_of_the_core_and_none_of_its_folds() -> None:
    sources = [one for one in read("tests/oracle", "*.py") if one.path.stem not in READERS_OF_FOLDS]
    modules = {found.module for source in sources for found in imports(source)}
    assert {one.split(".")[1] for one in modules if one.startswith("loyalty_core")} <= VALUES
    assert not {one for one in modules if one.startswith(("edge_agent", "hq_server", "tests.core"))}


READERS_OF_FOLDS = {"test_folds_agree", "test_tiers_agree", "folded"}
"""What compares both readings, and so imports both."""


# Worked examples


def one_purchase(net: int, when: str = f"{FRIDAY} 10:00") -> int:
    tale = Tale()
    tale.buy(when, net)
    return tale.account().balance


def test_a_purchase_of_12990_on_a_friday_earns_12() -> None:
    assert one_purchase(12_990) == 12


@pytest.mark.parametrize(("minute", "points"), [("11:59", 15), ("12:00", 10), ("05:00", 15), ("04:59", 10)])
def test_a_visit_on_tuesday_earns_half_more_in_quiet_hours(minute: str, points: int) -> None:
    tale = Tale()
    tale.visit(f"{TUESDAY} {minute}", on=TUESDAY)
    assert tale.moved() == [("earn", points, points)]


def test_the_second_visit_of_a_business_day_earns_nothing_in_another_store_either() -> None:
    tale = Tale()
    tale.visit(f"{FRIDAY} 10:00")
    tale.visit(f"{FRIDAY} 15:00", till="T3")
    assert tale.moved() == [("earn", 10, 10)]


@pytest.mark.parametrize(("combine", "points"), [("best", 20), ("product", 30), ("sum", 25)])
def test_weights_combine_as_the_programme_says(combine: Combine, points: int) -> None:
    tale = Tale(programme(combine=combine))
    tale.visit("2026-12-01 10:00")
    assert tale.account().balance == points


def test_a_line_returned_next_week_takes_back_3_of_12() -> None:
    tale = Tale()
    tale.buy(f"{FRIDAY} 10:00", lines=[line(9_000, "A"), line(3_990, "B", number=2)])
    back = tale.bring_back("2026-11-27 10:00", tale.key("0001", FRIDAY), lines=[line(3_990, "B")])
    assert tale.moved() == [("earn", 12, 12), ("clawback", -3, -3)]
    taken = next(one for one in tale.account().entries if one.kind == "clawback")
    assert (taken.event, taken.day, taken.period) == (back, day("2026-11-27"), "2026-H2")


# Which day


@pytest.mark.parametrize(("minute", "points"), [("04:59", 10), ("05:00", 15)])
def test_the_weekday_is_that_of_the_business_date(minute: str, points: int) -> None:
    tale = Tale(
        programme(
            earns=(earn(10, when=When(on=VISIT)),),
            weights=(weight("1.5", when=When(weekdays=frozenset({0}))),),
        )
    )
    tale.visit(f"2026-11-23 {minute}")
    assert tale.account().balance == points


@pytest.mark.parametrize(("minute", "points"), [("10:29", 1), ("10:30", 2), ("10:44", 2), ("10:45", 1)])
def test_a_slot_begins_and_ends_on_the_minute(minute: str, points: int) -> None:
    slot = When(slot=Slot(Minute(10 * 60 + 30), Minute(10 * 60 + 45)))
    tale = Tale(programme(earns=(earn(1, when=When(on=VISIT)),), weights=(weight("2", when=slot),)))
    tale.visit(f"{FRIDAY} {minute}")
    assert tale.account().balance == points


@pytest.mark.parametrize(("minute", "points"), [("21:59", 1), ("22:00", 2), ("01:59", 2), ("02:00", 1)])
def test_a_slot_wraps_midnight_and_until_is_exclusive(minute: str, points: int) -> None:
    slot = When(slot=Slot(Minute(22 * 60), Minute(2 * 60)))
    tale = Tale(programme(earns=(earn(1, when=When(on=VISIT)),), weights=(weight("2", when=slot),)))
    tale.visit(f"{FRIDAY} {minute}")
    assert tale.account().balance == points


@pytest.mark.parametrize(("on", "points"), [("11-19", 0), ("11-20", 1), ("11-21", 1), ("11-22", 0)])
def test_a_range_of_dates_is_of_business_dates_and_inclusive(on: str, points: int) -> None:
    when = When(on=VISIT, from_day=day("2026-11-20"), until_day=day("2026-11-21"))
    tale = Tale(programme(earns=(earn(1, when=when),)))
    tale.visit(f"2026-{on} 10:00")
    assert tale.account().balance == points


@pytest.mark.parametrize(("on", "points"), [("11-19", 12), ("11-20", 24), ("11-21", 36)])
def test_the_version_of_a_date_is_the_highest_that_is_in_effect(on: str, points: int) -> None:
    double = programme(version=8, effective_from=day("2026-11-20"), weights=(weight("2"),))
    triple = programme(version=9, effective_from=day("2026-11-21"), weights=(weight("3"),))
    old = programme(version=6, effective_from=day("2026-11-21"), weights=(weight("9"),))
    tale = Tale(triple, programme(), double, old)
    tale.buy(f"2026-{on} 10:00", 12_990)
    assert tale.account().balance == points


def test_a_placed_event_counts_on_the_placed_date_and_time_and_keeps_its_turn() -> None:
    tale = Tale()
    wrong = tale.visit("2026-01-05 10:00")
    tale.visit(f"{TUESDAY} 15:00")
    tale.place(wrong, "2026-11-23 15:00")
    tale.place(wrong, f"{TUESDAY} 11:00")
    assert tale.redeemable(wrong) == 15
    assert {(one.day, points.redeemable) for one, points in tale.account().entries.items()} == {
        (day(TUESDAY), 15)
    }
