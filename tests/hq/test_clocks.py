"""Tills whose clocks are wrong: what headquarters knows and tells of it, and how points find their day."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.store import outbox
from edge_agent.store.database import transaction
from edge_agent.store.outbox import Link
from hq_server import filing, placing
from hq_server.decisions import said
from hq_server.evidence import Evidence, event_named, recorded
from hq_server.house import House
from hq_server.reconcile import open_exceptions
from hq_server.store.connection import Transaction
from loyalty_core.calendar import date_of
from loyalty_core.events import EventId
from loyalty_core.units import Day
from tests.edge.made import CARD, at
from tests.hq.clock_till import DAY_MS, HOUR, ClockTill
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.test_audit import run_audit
from tests.hq.test_cli import Shell

MEMBERS = f"member_id,lookups,home_store\nM1,{CARD},S012\n"
Open = Callable[[str], ClockTill]


@pytest.fixture
def desk(hq: Hq) -> Desk:
    return Desk(hq)


@pytest.fixture
def opened(hq: Hq, tmp_path: Path) -> Open:
    """Open a till at an hour at which its clock is right, and headquarters' too."""

    def open_at(now: str) -> ClockTill:
        hq.clock.now = int(at(now))
        hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2026-01-01"))
        hq.members(MEMBERS)
        (tmp_path / "till").mkdir()
        return ClockTill(tmp_path / "till", hq, now)

    return open_at


def told(hq: Hq, desk: Desk) -> dict[str, str]:
    """Return the sentence of each exception of a clock or date that is open, by what it is about."""
    found = desk.read(lambda tx, _: open_exceptions(tx, hq.clock()))
    return {
        one.subject: one.detail for one in found if one.kind in ("clock_off", "dated_wrong", "dated_ahead")
    }


def place_all(hq: Hq, desk: Desk, till: ClockTill) -> int:
    """Put all events on their days; return how many were."""
    by, now = said("kim", "the clock was wrong"), hq.clock()
    done = desk.write(lambda tx, house: placing.place_all(tx, house, till.terminal_id, by, now))
    return sum(one.decision is not None for one in done)


def placings(hq: Hq) -> list[tuple[str, str]]:
    """Return which event each placing was about, and who made it."""
    return hq.sql("SELECT subject, made_by FROM decisions WHERE kind = 'placing' ORDER BY number")


def unplace(hq: Hq, desk: Desk, event: EventId) -> None:
    """Put an event back on the date of its record, by a person's word."""
    by, now = said("kim", "it was right"), hq.clock()

    def work(tx: Transaction, house: House) -> None:
        found = recorded(tx, event)
        filing.place(tx, house, found, Day(found.record.event.business_day), None, by, now)

    desk.write(work)


def evidence(desk: Desk, event: EventId) -> Evidence:
    return desk.read(lambda tx, _: recorded(tx, event_named(str(event)))).evidence


def halves(hq: Hq) -> dict[str, int]:
    """Return the qualifying points of each half-year."""
    rows = hq.sql("SELECT period_id, sum(qualifying) FROM entries GROUP BY period_id")
    return {period: points for period, points in rows if points}


def agree(hq: Hq, till: ClockTill) -> None:
    """Hold the till to what headquarters has, and that to itself."""
    till.exchange()
    assert till.balance() == hq.balances()["M1"]
    run_audit(hq)


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


BY = ("--by", "kim", "--reason", "the clock was wrong")


@pytest.fixture
def shell(hq: Hq, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr("hq_server.cli.receipts.now_ms", hq.clock)
    return Shell(hq.config_path, capsys, monkeypatch)


def test_by_command_all_events_of_a_wrong_clock_are_shown_placed_and_put_back(
    hq: Hq, shell: Shell, opened: Open
) -> None:
    till = opened("2026-11-20 10:00")
    till.exchange()
    till.boot(DAY_MS, -365 * DAY_MS)
    lost = till.sell().event
    till.boot(DAY_MS, -365 * DAY_MS)
    sold = till.sell().event
    till.exchange()
    assert shell.json("terminal", "list")[0]["clock_ahead_ms"] == -365 * DAY_MS
    told = shell.run("event", "show", str(sold))[1].splitlines()
    assert told[2:] == [
        "by the till's monotonic clock it was recorded at 2026-11-22T01:00:00Z of headquarters' time",
        "the till's clock was 365 d 0 h behind",
    ]
    told = shell.run("event", "show", str(lost))[1].splitlines()
    assert told[2:] == [
        "it was recorded between 2026-11-20T01:00:00Z and 2026-11-22T01:00:00Z of headquarters' time",
        "the till's clock was at least 364 d 0 h behind",
    ]
    told = shell.run("event", "place-all", till.terminal_id, "--yes", *BY)[1].splitlines()
    assert told == [
        f"{lost}  2025-11-21: find out when it was, and use hq-server event place",
        f"{sold}  2025-11-22 -> 2026-11-22, at 2026-11-22T01:00:00Z, by headquarters",
        "0 of 2 events were placed, 1 stay where headquarters put them.",
    ]
    assert shell.json("decision", "list")[0]["detail"]["evidence"]["clock_ahead_ms"] == -365 * DAY_MS
    again = shell.run("event", "place-all", till.terminal_id, "--yes", *BY)[1]
    assert again.endswith("0 of 1 events were placed.\n")
    put_back = shell.run("event", "unplace", str(sold), *BY)[1]
    assert put_back == f"Decision 2: event {sold} counts on 2025-11-22, as recorded.\n"
    assert shell.refused("event", "unplace", str(sold), *BY) == "already_placed"
    assert shell.refused("event", "place-all", "nobody", *BY) == "terminal_not_found"
    run_audit(hq)


def test_where_nothing_is_dated_wrongly_nothing_is_asked(hq: Hq, shell: Shell, opened: Open) -> None:
    till = opened("2026-11-20 10:00")
    till.sell()
    till.exchange()
    told = shell.run("event", "place-all", till.terminal_id, *BY)[1]
    assert told == f"no event of {till.terminal_id} waits for it.\n"
    known = shell.run("event", "show", f"{till.terminal_id}.1.2")[1].splitlines()
    assert known[-1] == "the till's clock was right"


def test_a_machine_that_does_not_name_its_boots_leaves_the_time_unknown(
    hq: Hq, shell: Shell, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = opened("2026-11-20 10:00")
    monkeypatch.setattr(type(till.clock), "boot_id", lambda _: "")
    till.boot(DAY_MS, -365 * DAY_MS)
    event = till.sell().event
    till.exchange()
    told = shell.run("event", "show", str(event))[1].splitlines()
    assert told[2:] == [
        "it was recorded before 2026-11-21T01:00:00Z of headquarters' time: nothing else is known",
        "the till's clock was not seen to be wrong",
    ]
