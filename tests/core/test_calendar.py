"""Business days and periods: local wall dates, on both sides of every edge."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from loyalty_core.calendar import (
    Place,
    business_day,
    date_of,
    day_of,
    day_written,
    end_of_day,
    local_time,
    period_after,
    period_named,
    period_of,
    weekday_of,
    zone_named,
)
from loyalty_core.errors import BadInput
from loyalty_core.units import Day, EpochMs, Minute
from tests.core.made import BERLIN, FIVE, NEW_YORK, SEOUL, at, day


def test_day_numbers_count_from_1970() -> None:
    assert day_of(date(1970, 1, 1)) == 0
    assert day_of(date(2026, 7, 1)) == 20635
    assert date_of(Day(20635)) == date(2026, 7, 1)


def test_a_date_is_read_as_people_write_it_and_in_no_other_way() -> None:
    assert day_written("2026-07-01") == 20635
    assert day_written("1969-12-31") == -1
    for text in ("20260701", "2026-W27-3", "2026-7-1", "2026-02-30", " 2026-07-01", "2026-07-01T00:00", ""):
        with pytest.raises(BadInput) as caught:
            day_written(text)
        assert caught.value.code == "date_malformed"


def test_weekdays_start_on_monday() -> None:
    assert [weekday_of(day(f"2026-11-{number}")) for number in range(23, 30)] == [0, 1, 2, 3, 4, 5, 6]
    assert weekday_of(Day(0)) == 3  # the first day of 1970 was a Thursday


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2026-11-21 04:59:59", "2026-11-20"),
        ("2026-11-21 05:00:00", "2026-11-21"),
        ("2026-11-21 23:59:59", "2026-11-21"),
        ("2026-11-22 00:00:00", "2026-11-21"),
        ("2027-01-01 04:59:59", "2026-12-31"),
        ("2028-03-01 04:59:59", "2028-02-29"),
    ],
)
def test_before_the_business_day_starts_it_is_still_the_day_before(wall: str, expected: str) -> None:
    assert business_day(at(wall), Place(SEOUL, FIVE)) == day(expected)


def test_a_business_day_that_starts_at_midnight_is_the_wall_date() -> None:
    place = Place(SEOUL, Minute(0))
    assert business_day(at("2026-11-21 00:00"), place) == day("2026-11-21")
    assert business_day(at("2026-11-20 23:59:59"), place) == day("2026-11-20")


def test_milliseconds_of_the_last_second_do_not_round_into_the_next_day() -> None:
    place = Place(SEOUL, FIVE)
    edge = at("2026-11-21 05:00")
    assert business_day(EpochMs(edge - 1), place) == day("2026-11-20")
    assert business_day(edge, place) == day("2026-11-21")


@pytest.mark.parametrize("on", ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01"])
def test_seoul_has_24_hours_on_every_day(on: str) -> None:
    midnight = at(f"{on} 00:00")
    assert local_time(EpochMs(midnight + 24 * 3_600_000 - 1), SEOUL) == (day(on), 24 * 60 - 1)


@pytest.mark.parametrize(
    ("zone", "on"), [(NEW_YORK, "2026-03-08"), (BERLIN, "2026-03-29")], ids=["New York", "Berlin"]
)
def test_on_the_day_of_23_hours_the_business_day_still_starts_at_five_on_the_wall(
    zone: ZoneInfo, on: str
) -> None:
    place = Place(zone, FIVE)
    five = at(f"{on} 05:00", zone)
    assert five - at(f"{on} 00:00", zone) == 4 * 3_600_000
    assert business_day(five, place) == day(on)
    assert business_day(EpochMs(five - 1), place) == day(on) - 1


@pytest.mark.parametrize(
    ("zone", "on"), [(NEW_YORK, "2026-11-01"), (BERLIN, "2026-10-25")], ids=["New York", "Berlin"]
)
def test_on_the_day_of_25_hours_the_business_day_still_starts_at_five_on_the_wall(
    zone: ZoneInfo, on: str
) -> None:
    place = Place(zone, FIVE)
    five = at(f"{on} 05:00", zone)
    assert five - at(f"{on} 00:00", zone) == 6 * 3_600_000
    assert business_day(five, place) == day(on)
    assert business_day(EpochMs(five - 1), place) == day(on) - 1


def test_a_start_inside_the_missing_hour_begins_when_the_clock_has_jumped_over_it() -> None:
    place = Place(NEW_YORK, Minute(2 * 60 + 30))
    jump = at("2026-03-08 03:00", NEW_YORK)
    assert local_time(EpochMs(jump - 1), NEW_YORK) == (day("2026-03-08"), 119)
    assert business_day(EpochMs(jump - 1), place) == day("2026-03-07")
    assert business_day(jump, place) == day("2026-03-08")


def test_both_of_two_equal_wall_times_belong_to_the_same_business_day() -> None:
    place = Place(BERLIN, Minute(2 * 60 + 30))
    first, second = (at("2026-10-25 02:15", BERLIN, fold=fold) for fold in (0, 1))
    assert second - first == 3_600_000
    assert business_day(first, place) == business_day(second, place) == day("2026-10-24")


@pytest.mark.parametrize(
    "name", ["", "Seoul", "../../etc/passwd", "Asia", "Asia/Seoul\n", "x" * 5000, "서울"]
)
def test_a_zone_that_is_not_known_is_one_clear_refusal(name: str) -> None:
    with pytest.raises(BadInput, match="use an IANA name") as caught:
        zone_named(name)
    assert caught.value.code == "zone_unknown"


def test_a_zone_is_known_by_its_iana_name() -> None:
    assert zone_named("Asia/Seoul") == SEOUL


@pytest.mark.parametrize(
    ("months", "on", "name", "first", "last"),
    [
        (12, "2026-01-01", "2026", "2026-01-01", "2026-12-31"),
        (12, "2026-12-31", "2026", "2026-01-01", "2026-12-31"),
        (6, "2026-06-30", "2026-H1", "2026-01-01", "2026-06-30"),
        (6, "2026-07-01", "2026-H2", "2026-07-01", "2026-12-31"),
        (6, "2026-12-31", "2026-H2", "2026-07-01", "2026-12-31"),
        (6, "2027-01-01", "2027-H1", "2027-01-01", "2027-06-30"),
        (3, "2026-03-31", "2026-Q1", "2026-01-01", "2026-03-31"),
        (3, "2026-07-01", "2026-Q3", "2026-07-01", "2026-09-30"),
        (3, "2026-12-31", "2026-Q4", "2026-10-01", "2026-12-31"),
        (1, "2026-07-31", "2026-07", "2026-07-01", "2026-07-31"),
        (1, "2028-02-29", "2028-02", "2028-02-01", "2028-02-29"),
        (1, "2026-12-01", "2026-12", "2026-12-01", "2026-12-31"),
    ],
)
def test_a_period_is_named_and_bounded_by_calendar_months(
    months: int, on: str, name: str, first: str, last: str
) -> None:
    period = period_of(day(on), months)
    assert (period.id, period.first, period.last) == (name, day(first), day(last))
    assert period_named(name, months) == period


@pytest.mark.parametrize("months", [1, 3, 6, 12])
def test_periods_follow_each_other_without_gap_or_overlap(months: int) -> None:
    period = period_of(day("2026-01-01"), months)
    for _ in range(30):
        after = period_after(period, months)
        assert after.first == period.last + 1
        assert period_of(period.last, months) == period
        assert period_of(after.first, months) == after
        period = after


def test_two_periods_after_the_second_half_of_2026_is_the_second_half_of_2027() -> None:
    assert period_after(period_named("2026-H2", 6), 6, 2).id == "2027-H2"
    assert period_after(period_named("2026-H2", 6), 6, 0).id == "2026-H2"


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("2026", 6),
        ("2026-H2", 12),
        ("2026-H0", 6),
        ("2026-H3", 6),
        ("2026-h1", 6),
        ("2026-H1\n", 6),
        (" 2026-H1", 6),
        ("٢٠٢٦-H1", 6),
        ("２０２６-H1", 6),
        ("0000-H1", 6),
        ("9999-H1", 6),
        ("2026-Q0", 3),
        ("2026-Q5", 3),
        ("2026-00", 1),
        ("2026-13", 1),
        ("2026-7", 1),
        ("26", 12),
        ("", 12),
    ],
)
def test_a_period_id_of_another_form_is_refused_with_an_example(text: str, months: int) -> None:
    with pytest.raises(BadInput, match='write it like "2026') as caught:
        period_named(text, months)
    assert caught.value.code == "period_unknown"


@pytest.mark.parametrize("text", ["0001", "9998"])
def test_a_period_id_is_four_digits_in_and_out(text: str) -> None:
    assert period_named(text, 12).id == text


@pytest.mark.parametrize(
    ("on", "zone", "starts", "end"),
    [
        ("2026-11-20", "Asia/Seoul", 300, "2026-11-21T05:00:00+09:00"),
        ("2026-03-28", "Europe/Berlin", 0, "2026-03-29T00:00:00+01:00"),
        ("2026-03-29", "Europe/Berlin", 0, "2026-03-30T00:00:00+02:00"),
    ],
)
def test_a_business_day_ends_when_the_wall_clock_shows_the_start_of_the_next(
    on: str, zone: str, starts: int, end: str
) -> None:
    place = Place(zone_named(zone), Minute(starts))
    last = end_of_day(day_of(date.fromisoformat(on)), place)
    assert last == int(datetime.fromisoformat(end).timestamp()) * 1000 - 1
    assert business_day(last, place) == day_of(date.fromisoformat(on))
    assert business_day(EpochMs(last + 1), place) == day_of(date.fromisoformat(on)) + 1
