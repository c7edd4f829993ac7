"""Real tills whose clocks are wrong: what headquarters tells of them, and on which day their sales count."""

from __future__ import annotations

import pytest

from edge_agent.store import outbox
from edge_agent.store.database import transaction
from edge_agent.store.outbox import Link
from loyalty_core.calendar import date_of
from tests.edge.made import at
from tests.hq.clock_till import DAY_MS, HOUR
from tests.hq.clocks.placing import Open, agree, evidence, halves, place_all, placings, told, unplace
from tests.hq.conftest import Hq
from tests.hq.desk import Desk


@pytest.mark.parametrize("ahead_ms", [2 * HOUR, 40 * DAY_MS, -24 * HOUR, -40 * DAY_MS, -5 * 365 * DAY_MS])
def test_headquarters_puts_the_sales_of_a_clock_that_was_wrong_since_the_start_on_their_day(
    hq: Hq, desk: Desk, opened: Open, ahead_ms: int
) -> None:
    till = opened("2026-11-20 04:30")
    till.boot(60_000, ahead_ms)
    sold = [till.sell().event for _ in range(3)]
    till.exchange()
    found = told(hq, desk)
    assert "ahead of" in found[till.terminal_id] if ahead_ms > 0 else "behind" in found[till.terminal_id]
    assert set(found) == {till.terminal_id, *map(str, sold)}
    assert "headquarters put it on 2026-11-19" in found[str(sold[0])]
    assert halves(hq) == {"2026-H2": 36}
    assert placings(hq) == [(str(event), "headquarters") for event in sold]
    agree(hq, till)
    assert place_all(hq, desk, till) == 0
    assert set(told(hq, desk)) == {till.terminal_id}
    assert evidence(desk, sold[0]).likely_at == "2026-11-19T19:31:00Z"
    till.step(-ahead_ms)
    till.exchange()
    assert told(hq, desk) == {}
    agree(hq, till)


@pytest.mark.parametrize(
    ("now", "ahead_ms", "first", "then"),
    [
        ("2026-06-30 23:30", 8 * HOUR, {"2026-H2": 12}, {"2026-H1": 12}),
        ("2026-07-01 10:00", -8 * HOUR, {"2026-H1": 12}, {"2026-H2": 12}),
        ("2026-12-31 23:30", 8 * HOUR, {"2027-H1": 12}, {"2026-H2": 12}),
        ("2027-01-01 10:00", -8 * HOUR, {"2026-H2": 12}, {"2027-H1": 12}),
    ],
)
def test_points_of_a_clock_that_jumped_over_the_half_year_end_in_the_right_one(
    hq: Hq,
    desk: Desk,
    opened: Open,
    now: str,
    ahead_ms: int,
    first: dict[str, int],
    then: dict[str, int],
) -> None:
    till = opened(now)
    till.step(ahead_ms)
    event = till.sell().event
    till.exchange()
    assert halves(hq) == then
    assert set(told(hq, desk)) == {till.terminal_id, str(event)}
    agree(hq, till)
    unplace(hq, desk, event)
    assert halves(hq) == first
    assert set(told(hq, desk)) == {till.terminal_id}
    till.step(-ahead_ms)
    till.sell()
    till.exchange()
    assert [made_by for _, made_by in placings(hq)] == ["headquarters", "kim"]
    agree(hq, till)


def test_a_technician_sets_the_clock_right_after_two_hundred_sales(hq: Hq, desk: Desk, opened: Open) -> None:
    till = opened("2026-11-20 09:00")
    till.boot(60_000, -365 * DAY_MS)
    wrong = []
    for _ in range(200):
        till.wait(60_000)
        wrong.append(till.sell(1_000).event)
    till.step(365 * DAY_MS)
    right = [till.sell(1_000).event for _ in range(5)]
    till.exchange()
    found = told(hq, desk)
    assert set(found) == set(map(str, wrong))
    assert "365 d 0 h behind" in found[str(wrong[0])]
    assert "headquarters put it on 2026-11-20" in found[str(wrong[0])]
    assert placings(hq) == [(str(event), "headquarters") for event in wrong]
    assert place_all(hq, desk, till) == 0
    assert told(hq, desk) == {}
    assert evidence(desk, right[0]).clock_ahead_ms == 0
    assert halves(hq) == {"2026-H2": 205}
    agree(hq, till)


def test_a_clock_that_jumps_forth_and_back_within_a_day_dates_only_what_was_sold_between(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    till = opened("2026-11-20 10:00")
    till.sell()
    till.step(24 * HOUR)
    between = till.sell().event
    till.step(-24 * HOUR)
    till.sell()
    till.step(3 * HOUR)
    till.sell()  # an hour of the same business day, by a clock that is wrong
    till.step(-3 * HOUR)
    till.exchange()
    assert set(told(hq, desk)) == {str(between)}
    assert placings(hq) == [(str(between), "headquarters")]
    assert hq.sql("SELECT DISTINCT business_day FROM entries WHERE kind = 'earn'") != []
    agree(hq, till)


def test_many_boots_without_a_line_lie_between_the_exchanges_before_and_after(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    """Weeks offline, and a battery that is dead: each boot begins in the year 2001."""
    till = opened("2026-06-20 10:00")
    till.exchange()
    sold = []
    for _ in range(5):
        till.boot(3 * DAY_MS, int(at("2001-01-01 00:00")) - hq.clock.now)
        till.wait(HOUR)
        sold.append(till.sell().event)
    till.boot(DAY_MS, 0)
    last = till.sell().event
    till.exchange()
    found = told(hq, desk)
    assert set(found) == set(map(str, sold))
    assert all("between 2026-06-20 and 2026-07-06" in sentence for sentence in found.values())
    known = evidence(desk, sold[0])
    assert (known.likely_at, known.clock_ahead_ms is not None) == (None, True)
    assert known.earliest_at is not None
    assert known.earliest_at < known.latest_at
    assert evidence(desk, last).likely_at is not None
    assert place_all(hq, desk, till) == 0
    for event in sold:
        desk.place(event, int(at("2026-07-01 12:00")) // DAY_MS)
    assert told(hq, desk) == {}
    agree(hq, till)


def test_an_old_batch_that_a_stick_brings_is_dated_by_a_later_one_of_the_same_boot(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    till = opened("2026-11-20 10:00")
    event = till.sell().event
    body, _ = till.request(b"n" * 16)
    till.wait(12 * DAY_MS)
    till.carried(body)
    known = evidence(desk, event)
    assert (known.likely_at, known.latest_at) == (None, "2026-12-02T01:00:00Z")
    assert told(hq, desk) == {}
    till.wait(HOUR)
    till.sell()
    till.exchange()
    assert evidence(desk, event).likely_at == "2026-11-20T01:00:00Z"
    assert told(hq, desk) == {}
    agree(hq, till)


def test_a_batch_that_was_made_ready_and_waited_does_not_move_what_is_likely(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    till = opened("2026-11-20 10:00")
    till.exchange()
    event = till.sell().event
    body, _ = till.request(b"n" * 16)
    till.wait(29_000)
    till.carried(body)
    till.sell()
    till.exchange()
    assert evidence(desk, event).likely_at == "2026-11-20T01:00:00Z"


def test_a_reading_that_lies_places_nothing_after_its_receipt(hq: Hq, desk: Desk, opened: Open) -> None:
    till = opened("2026-11-20 10:00")
    till.clock.monotonic += 5 * DAY_MS
    event = till.sell().event
    till.clock.monotonic -= 5 * DAY_MS
    till.exchange()
    known = evidence(desk, event)
    assert (known.likely_at, known.latest_at) == (None, "2026-11-20T01:00:00Z")
    assert told(hq, desk) == {}
    agree(hq, till)


def test_receipts_of_old_days_that_a_right_clock_records_are_believed(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    till = opened("2026-11-20 10:00")
    for days in (1, 30, 200):
        till.sell(at_ms=till.clock.wall - days * DAY_MS)
    till.exchange()
    assert told(hq, desk) == {}
    assert halves(hq) == {"2026-H1": 12, "2026-H2": 24}
    agree(hq, till)


def test_a_software_that_knows_the_day_is_believed_whatever_the_till_shows(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    till = opened("2026-11-20 10:00")
    with transaction(till.conn):
        outbox.set_link(till.conn, Link(hq_time_ms=hq.clock.now))
    till.boot(9 * DAY_MS, -100 * DAY_MS)
    till.sell(at_ms=hq.clock.now)
    till.exchange()
    assert set(told(hq, desk)) == {till.terminal_id}
    assert halves(hq) == {"2026-H2": 12}


def test_a_clock_that_drifts_is_told_once_it_is_ten_minutes_off(hq: Hq, desk: Desk, opened: Open) -> None:
    till = opened("2026-11-20 10:00")
    seen = []
    for _ in range(6):
        till.wait(DAY_MS)
        till.step(180_000)
        till.sell()
        till.exchange()
        seen.append(till.terminal_id in told(hq, desk))
    assert seen == [False, False, False, True, True, True]
    assert hq.sql("SELECT clock_ahead_ms FROM terminals") == [(1_080_000,)]


def test_what_was_placed_is_put_back_and_told_no_more(hq: Hq, desk: Desk, opened: Open) -> None:
    till = opened("2026-11-20 10:00")
    till.boot(60_000, -30 * DAY_MS)
    event = till.sell().event
    till.exchange()
    as_recorded = evidence(desk, event).business_date
    unplace(hq, desk, event)
    days = hq.sql(
        "SELECT business_day, sum(redeemable) FROM entries GROUP BY business_day HAVING sum(redeemable) <> 0"
    )
    assert [(date_of(day).isoformat(), points) for day, points in days] == [(as_recorded, 12)]
    assert str(event) not in told(hq, desk)
    agree(hq, till)
