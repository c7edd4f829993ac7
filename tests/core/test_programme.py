"""Slots and versions: both sides of each edge."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import pytest

from loyalty_core.programme import Benefit, Bonus, Slot, Tier, When, discount_in, version_for
from loyalty_core.units import Minute, Points
from tests.core.made import day
from tests.core.programmes import programme


def minute(text: str) -> Minute:
    return Minute(int(text[:2]) * 60 + int(text[3:]))


@pytest.mark.parametrize(
    ("start", "end", "clock", "inside"),
    [
        ("05:00", "12:00", "04:59", False),
        ("05:00", "12:00", "05:00", True),
        ("05:00", "12:00", "11:59", True),
        ("05:00", "12:00", "12:00", False),
        ("22:00", "02:00", "21:59", False),
        ("22:00", "02:00", "22:00", True),
        ("22:00", "02:00", "23:59", True),
        ("22:00", "02:00", "00:00", True),
        ("22:00", "02:00", "01:59", True),
        ("22:00", "02:00", "02:00", False),
        ("22:00", "02:00", "12:00", False),
        ("22:00", "00:00", "23:59", True),
        ("22:00", "00:00", "00:00", False),
        ("00:00", "00:01", "00:00", True),
        ("00:00", "00:01", "00:01", False),
    ],
)
def test_a_slot_holds_its_start_not_its_end_and_wraps_midnight(
    start: str, end: str, clock: str, inside: bool
) -> None:
    assert Slot(minute(start), minute(end)).holds(minute(clock)) is inside


def test_a_slot_until_midnight_written_as_24_hours_ends_with_the_day() -> None:
    assert Slot(minute("22:00"), Minute(1440)).holds(minute("23:59"))
    assert not Slot(minute("22:00"), Minute(1440)).holds(minute("00:00"))


def test_the_version_of_a_date_is_the_highest_that_has_begun() -> None:
    seven = programme(version=7, effective="2026-07-01")
    eight = programme(version=8, effective="2026-09-01")
    nine = programme(version=9, effective="2026-08-01")
    for published in permutations((seven, eight, nine)):
        assert version_for(published, day("2026-06-30")) is None
        assert version_for(published, day("2026-07-01")) is seven
        assert version_for(published, day("2026-07-31")) is seven
        assert version_for(published, day("2026-08-01")) is nine
        # A later version that reaches further back wins, also over one that begins later.
        assert version_for(published, day("2026-09-01")) is nine
    assert version_for((), day("2026-07-01")) is None


@pytest.mark.parametrize(
    ("bonus", "in_day"),
    [
        (Bonus(id="b", when=When(), points=Points(5)), True),
        (Bonus(id="b", when=When(), points=Points(5), per="day", nth=2), True),
        (Bonus(id="b", when=When(), points=Points(5), per="period", nth=10), False),
        (Bonus(id="b", when=When(), points=Points(5), birthday=True), False),
        (Bonus(id="b", when=When(), points=Points(5), first=True), False),
    ],
)
def test_bonuses_of_life_birthday_and_period_are_not_the_days(bonus: Bonus, in_day: bool) -> None:
    assert bonus.in_day is in_day


def test_the_discount_of_a_tier_is_the_largest_that_it_gives() -> None:
    percents = [Benefit(kind="discount", percent=Fraction(percent)) for percent in (2, 5, 3)]
    cup = Benefit(kind="gift", names={"en": "a cup"})
    ladder = (
        Tier(code="A", start=Points(0), benefits=(cup,)),
        Tier(code="B", start=Points(9), benefits=(*percents, cup)),
    )
    assert [discount_in(ladder, code) for code in ("A", "B", "C")] == [0, 5, 0]
