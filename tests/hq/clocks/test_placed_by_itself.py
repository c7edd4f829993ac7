"""What headquarters places by itself where the day is proven, and what it leaves to people."""

from __future__ import annotations

import pytest

from tests.edge.made import at
from tests.hq.clock_till import DAY_MS, HOUR
from tests.hq.clocks.placing import Open, agree, evidence, halves, place_all, placings, told, unplace
from tests.hq.conftest import Hq
from tests.hq.desk import Desk


def test_the_till_shows_what_headquarters_placed_and_a_person_puts_it_back_for_good(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    """A year ahead on the last day of a half-year: the points count now, and not when the day comes."""
    till = opened("2026-12-31 10:00")
    till.boot(60_000, 365 * DAY_MS)
    event = till.sell().event
    till.exchange()
    assert halves(hq) == {"2026-H2": 12}
    said = "it is dated 2027-12-31 by a clock that was 365 d 0 h ahead, and headquarters put it on 2026-12-31"
    assert told(hq, desk)[str(event)].startswith(said)
    agree(hq, till)
    unplace(hq, desk, event)
    assert halves(hq) == {"2027-H2": 12}
    till.sell()
    till.exchange()
    assert halves(hq) == {"2026-H2": 12, "2027-H2": 12}
    assert [made_by for _, made_by in placings(hq)] == ["headquarters", "kim", "headquarters"]
    agree(hq, till)


def test_a_request_that_is_repeated_or_relayed_places_nothing_again(hq: Hq, desk: Desk, opened: Open) -> None:
    till = opened("2026-11-20 10:00")
    till.step(-30 * DAY_MS)
    event = till.sell().event
    body, _ = till.request(b"n" * 16)
    till.exchange()
    for _ in range(2):
        till.carried(body)
        till.exchange()
    assert placings(hq) == [(str(event), "headquarters")]
    unplace(hq, desk, event)
    till.carried(body)
    assert [made_by for _, made_by in placings(hq)] == ["headquarters", "kim"]


def test_what_a_stick_brings_is_placed_by_people_alone(hq: Hq, desk: Desk, opened: Open) -> None:
    till = opened("2026-11-20 10:00")
    till.sell()
    till.exchange()
    till.step(-30 * DAY_MS)
    event = till.sell().event
    body, _ = till.request(b"n" * 16)
    till.carried(body)
    assert "by itself: it came on a stick" in told(hq, desk)[str(event)]
    till.exchange()
    assert placings(hq) == []
    assert place_all(hq, desk, till) == 1
    agree(hq, till)


@pytest.mark.parametrize(("now", "placed"), [("05:09", False), ("05:11", True)])
def test_an_event_that_may_be_of_the_day_before_is_not_placed(
    hq: Hq, desk: Desk, opened: Open, now: str, placed: bool
) -> None:
    """A day begins at five. What was read ten minutes late would be of the other day."""
    till = opened("2026-11-20 04:00")
    till.exchange()
    till.boot(int(at(f"2026-11-20 {now}")) - hq.clock.now, -30 * DAY_MS)
    event = till.sell().event
    till.exchange()
    assert [name for name, _ in placings(hq)] == ([str(event)] if placed else [])
    assert ("recorded on 2026-11-19 or 2026-11-20" in told(hq, desk)[str(event)]) == (not placed)


def test_an_error_within_the_tolerance_places_nothing(hq: Hq, desk: Desk, opened: Open) -> None:
    till = opened("2026-11-20 10:00")
    till.boot(60_000, -30 * DAY_MS)
    event = till.sell().event
    till.clock_tolerance_ms = 30 * DAY_MS
    till.exchange()
    assert placings(hq) == []
    assert str(event) not in told(hq, desk)


def test_the_date_and_the_time_of_a_software_are_its_own(hq: Hq, desk: Desk, opened: Open) -> None:
    till = opened("2026-11-20 10:00")
    till.boot(60_000, -3 * DAY_MS)
    dated = till.sell(business_date="2026-11-18").event
    timed = till.sell(at_ms=till.clock.wall - 61_000).event
    filed = till.sell(adapter="csv").event
    shown = till.sell(at_ms=till.clock.wall - 59_000).event
    till.exchange()
    found = told(hq, desk)
    assert "its date is that of the till's software" in found[str(dated)]
    assert all("its time may be that of the till's software" in found[str(one)] for one in (timed, filed))
    assert placings(hq) == [(str(shown), "headquarters")]
    assert place_all(hq, desk, till) == 3
    agree(hq, till)


def test_readings_move_nothing_back_beyond_the_last_meeting(hq: Hq, desk: Desk, opened: Open) -> None:
    """A key that lies: its readings say that what it sold now was sold a month ago."""
    till = opened("2026-06-30 10:00")
    till.boot(60_000, 0)
    till.wait(30 * DAY_MS)
    till.exchange()
    till.step(-40 * DAY_MS)
    till.clock.monotonic -= 29 * DAY_MS
    event = till.sell(at_ms=till.clock.wall - 29 * DAY_MS).event
    till.clock.monotonic += 29 * DAY_MS
    till.exchange()
    assert "before headquarters last had all" in told(hq, desk)[str(event)]
    assert placings(hq) == []


def test_two_machines_that_go_by_one_boot_are_not_believed(hq: Hq, desk: Desk, opened: Open) -> None:
    """A machine that was frozen and woke up names the boot of before: its readings do not go together."""
    till = opened("2026-11-20 10:00")
    till.exchange()
    till.sell()
    till.exchange()
    hq.clock.now += 3 * DAY_MS
    till.step(-30 * DAY_MS)
    event = till.sell().event
    till.exchange()
    assert placings(hq) == []
    assert "do not go together" in told(hq, desk)[str(event)]


def test_a_boot_between_two_that_were_read_on_one_day_is_of_that_day(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    till = opened("2026-11-20 10:00")
    till.exchange()
    till.boot(60_000, -40 * DAY_MS)
    event = till.sell().event
    till.boot(HOUR, 0)
    till.exchange()
    assert evidence(desk, event).likely_at is None
    assert placings(hq) == [(str(event), "headquarters")]
    assert evidence(desk, event).earliest_at == "2026-11-20T01:00:00Z"
    agree(hq, till)
