"""Control totals of the till: one for each business day, two hours into the next, from figures read once."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient, TestServer

from edge_agent import closing
from edge_agent.app import build_app
from edge_agent.app_keys import READER
from edge_agent.closing import Closing, close_some, last_due
from edge_agent.status import lines, status
from edge_agent.store import closings, journal, outbox
from edge_agent.store.database import transaction
from edge_agent.store.outbox import Link
from edge_agent.store.writer import Writer
from loyalty_core.calendar import Place, business_day, date_of
from loyalty_core.control import count_records, declared, figures
from loyalty_core.events import Booted, DayClosed
from loyalty_core.journal import Record, unpack_record
from loyalty_core.units import Day, EpochMs, Minute
from tests.edge.conftest import MakeTill
from tests.edge.made import (
    HeldClock,
    at,
    config_of,
    day,
    enrol_till,
    purchase,
    quiet_sync,
    until,
    visit,
    void,
)
from tests.edge.till import Till

MORNING = "2026-12-06 07:00"
"""Two hours into 6 December."""


def boot(till: Till) -> None:
    """Journal that the agent starts now."""
    now = till.clock.wall_ms()
    with transaction(till.conn):
        event = Booted(None, max(now, EpochMs(946_684_800_000)), _today(till), "boot", "test")
        till.recorder.append(till.conn, till.books(), event)


def _today(till: Till) -> Day:
    return Day(max(10_957, business_day(till.clock.wall_ms(), till.books().terminal.place)))


def look(till: Till, now: str | None = None) -> list[str]:
    """Look as the running agent does each minute; return the days that were closed."""
    if now is not None:
        till.clock.wall = int(at(now))
    closed: list[str] = []
    more = True
    while more:
        with transaction(till.conn):
            step = close_some(till.conn, till.recorder)
        closed += [date_of(one).isoformat() for one in step.days]
        more = step.more
    return closed


def told(till: Till, iso: str) -> DayClosed:
    """Return the last word on a day."""
    events = [record.event for record in till.records()]
    return [e for e in events if isinstance(e, DayClosed) and e.business_day == day(iso)][-1]


@pytest.fixture
def running(till: Till) -> Till:
    """Return a till whose agent first ran on 5 December at noon."""
    boot(till)
    return till


def test_a_day_is_closed_two_hours_into_the_next_and_not_before(running: Till) -> None:
    assert look(running, "2026-12-06 06:59") == []
    assert look(running, MORNING) == ["2026-12-05"]
    assert look(running, "2026-12-06 23:59") == []
    assert told(running, "2026-12-05").occurred_at_ms == at(MORNING)


def test_the_totals_are_those_of_the_days_records_by_code(running: Till) -> None:
    running.record(purchase("1", on="2026-12-05"))
    running.record(purchase("2", on="2026-12-05", member=None, net_minor=5_000))
    running.record(visit("3", "2026-12-05 13:00"))
    running.record(purchase("9", on="2026-12-04"))
    running.record(
        void(
            "1",
            receipt={"store": "S012", "till": "T03", "number": "1"},
            occurred_at="2026-12-05T13:01:00+09:00",
        )
    )
    look(running, MORNING)
    claims = [record.claim for record in running.records() if record.event.business_day == day("2026-12-05")]
    sums = [sum(points) for points in zip(*[(c.redeemable, c.qualifying) for c in claims if c], strict=True)]
    found = told(running, "2026-12-05")
    assert (found.first_seq, found.last_seq) == (1, 6)
    assert [(total.code, total.count, total.net_minor) for total in found.totals] == [
        (1, 1, 0),
        (4, 2, 17_990),
        (6, 1, 0),
        (12, 1, 0),
    ]
    assert [sum(total.redeemable for total in found.totals), sum(t.qualifying for t in found.totals)] == sums
    assert any(total.redeemable for total in found.totals)


def test_days_without_trade_and_days_that_the_till_was_off_are_closed_one_by_one(running: Till) -> None:
    assert look(running, "2026-12-09 08:00") == ["2026-12-05", "2026-12-06", "2026-12-07", "2026-12-08"]
    assert told(running, "2026-12-07") == DayClosed(None, at("2026-12-09 08:00"), day("2026-12-07"), 0, 0, ())


def test_a_long_absence_is_made_up_for_in_bounded_steps(running: Till) -> None:
    look(running, MORNING)
    running.record(purchase("late", on="2026-12-05"))
    running.clock.wall = int(at("2027-03-01 08:00"))
    with transaction(running.conn):
        step = close_some(running.conn, running.recorder)
    assert (len(step.days), step.more) == (closing.DAYS_AT_ONCE, True)
    rest = look(running)
    assert len(rest) == (date(2027, 3, 1) - date(2026, 12, 5)).days - closing.DAYS_AT_ONCE
    assert rest[-1] == "2026-12-05"
    assert look(running) == []


def test_late_receipts_are_told_at_the_next_look_and_the_last_word_stands(running: Till) -> None:
    running.record(purchase("1", on="2026-12-05"))
    look(running, "2026-12-07 08:00")
    assert look(running) == []
    running.record(purchase("2", on="2026-12-05"))
    running.record(purchase("3", on="2026-12-05"))
    running.record(purchase("4", on="2026-12-07"))
    assert look(running) == ["2026-12-05"]
    assert told(running, "2026-12-05").totals[0].count == 3
    assert look(running) == []


def test_a_day_before_the_agent_first_ran_is_not_declared(running: Till) -> None:
    running.record(purchase("1", on="2026-11-20"))
    assert look(running, MORNING) == ["2026-12-05"]


def test_a_till_that_has_never_run_declares_nothing(till: Till) -> None:
    till.record(purchase("1", on="2026-12-05"))
    assert look(till, "2026-12-09 08:00") == []


@pytest.mark.parametrize("now", ["2025-12-31 23:59", "2100-01-02 12:00"])
def test_a_clock_that_has_lost_its_time_declares_nothing(running: Till, now: str) -> None:
    assert look(running, now) == []
    assert look(running, MORNING) == ["2026-12-05"]


def test_a_start_with_a_lost_clock_is_not_the_first_day(till: Till) -> None:
    till.clock.wall = 0
    boot(till)
    look(till)
    till.clock.wall = int(at("2026-12-05 12:00"))
    boot(till)
    assert look(till, MORNING) == ["2026-12-05"]


def test_a_clock_years_ahead_is_not_believed_until_headquarters_says_the_same(running: Till) -> None:
    assert look(running, "2029-01-01 08:00") == []
    with transaction(running.conn):
        outbox.set_link(running.conn, Link(hq_time_ms=at("2029-01-01 07:59")))
    assert len(look(running)) == (date(2029, 1, 1) - date(2026, 12, 5)).days


def test_days_closed_by_a_clock_ahead_are_closed_again_when_they_are_over(running: Till) -> None:
    look(running, "2026-12-20 08:00")
    assert look(running, "2026-12-06 12:00") == []
    assert look(running, "2026-12-07 08:00") == ["2026-12-06"]
    assert told(running, "2026-12-06").occurred_at_ms == at("2026-12-07 08:00")


def test_a_clock_set_back_beyond_the_first_day_closes_nothing_from_before_the_day_it_tells(
    running: Till,
) -> None:
    look(running, MORNING)
    assert look(running, "2026-11-20 06:00") == []
    assert look(running, "2026-11-20 07:00") == []
    assert look(running, "2026-11-21 07:00") == ["2026-11-20"]


def test_a_till_that_first_ran_with_a_clock_ahead_begins_with_the_day_that_it_is(till: Till) -> None:
    till.clock.wall = int(at("2026-12-20 12:00"))
    boot(till)
    look(till)
    till.clock.wall = int(at("2026-12-05 12:00"))
    assert look(till) == []
    assert look(till, MORNING) == ["2026-12-05"]


def test_each_record_is_read_once_however_often_the_agent_looks(
    running: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    def noting(data: bytes) -> Record:
        read.append(data)
        return unpack_record(data)

    monkeypatch.setattr(closing, "unpack_record", noting)
    monkeypatch.setattr(closing, "RECORDS_AT_ONCE", 2)
    for number in range(5):
        running.record(purchase(str(number), on="2026-12-05"))
    look(running)
    assert len(read) == 6
    running.record(purchase("late", on="2026-12-05"))
    look(running, MORNING)
    look(running)
    assert len(read) == 8, "the late one and the day_closed"
    assert told(running, "2026-12-05").totals[0].count == 6


def test_a_day_is_closed_once_all_records_are_counted(running: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "RECORDS_AT_ONCE", 2)
    for number in range(6):
        running.record(purchase(str(number), on="2026-12-05"))
    assert look(running, MORNING) == ["2026-12-05"]
    assert told(running, "2026-12-05").totals[0].count == 6


def test_what_is_counted_step_by_step_is_what_the_journal_holds(
    running: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "RECORDS_AT_ONCE", 1)
    for number in range(4):
        running.record(purchase(str(number), on="2026-12-05"))
        look(running)
    look(running, MORNING)
    numbered = enumerate(running.records()[:5], start=1)
    whole = count_records(numbered)
    assert declared(told(running, "2026-12-05")) == figures(
        (code, tally) for (_, code), tally in whole.items()
    )


def test_a_record_that_cannot_be_read_stops_no_closing(
    running: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.record(purchase("1", on="2026-12-05"))
    running.conn.execute("DROP TRIGGER journal_is_never_changed")
    running.conn.execute("UPDATE journal SET record = x'00' WHERE seq = 2")
    assert look(running, MORNING) == ["2026-12-05"]
    (written,) = journal.run_from(running.conn, 1, 3, 1)
    event = unpack_record(written).event
    assert isinstance(event, DayClosed)
    assert [total.code for total in event.totals] == [12]


@pytest.mark.parametrize("statement", ["changed_between", "of_day"])
def test_a_look_searches_and_never_scans(running: Till, statement: str) -> None:
    plans: list[str] = []
    running.conn.set_trace_callback(plans.append)
    if statement == "changed_between":
        closings.changed_between(running.conn, 1, 1, 2, 3)
    else:
        closings.of_day(running.conn, 1, 1)
    running.conn.set_trace_callback(None)
    (sql,) = plans
    steps = [row[3] for row in running.conn.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert all("SEARCH" in step for step in steps), steps


@pytest.mark.parametrize(
    ("zone", "starts", "now", "due"),
    [
        ("Europe/Berlin", 0, "2026-03-29 03:00", "2026-03-28"),
        ("Europe/Berlin", 0, "2026-03-29 01:59", "2026-03-27"),
        ("Europe/Berlin", 60, "2026-10-25 02:59", "2026-10-23"),
        ("Europe/Berlin", 60, "2026-10-25 03:00", "2026-10-24"),
        ("Asia/Seoul", 300, "2026-12-06 07:00", "2026-12-05"),
        ("Asia/Seoul", 1380, "2026-12-07 00:59", "2026-12-04"),
        ("Asia/Seoul", 1380, "2026-12-07 01:00", "2026-12-05"),
    ],
)
def test_a_day_is_due_by_the_wall_clock_of_its_place(zone: str, starts: int, now: str, due: str) -> None:
    place = Place(ZoneInfo(zone), Minute(starts))
    now_ms = EpochMs(int(datetime.fromisoformat(now).replace(tzinfo=place.zone).timestamp()) * 1000)
    assert date_of(last_due(now_ms, place)).isoformat() == due


def test_the_screen_says_which_day_was_closed_last(running: Till) -> None:
    before = status(running.conn, running.config, running.clock)
    assert (before.day_closed, "day closed    none yet" in "\n".join(lines(before))) == (None, True)
    look(running, MORNING)
    after = status(running.conn, running.config, running.clock)
    assert (after.day_closed, "day closed    2026-12-05" in "\n".join(lines(after))) == ("2026-12-05", True)


async def test_what_was_closed_is_sent_soon_and_nothing_else_is(running: Till) -> None:
    writer = Writer(running.config.database)
    told_of: list[int] = []
    days = Closing(writer, running.recorder, recorded=lambda: told_of.append(1))
    await days.look()
    assert told_of == []
    running.clock.wall = int(at(MORNING))
    await days.look()
    assert told_of == [1]
    writer.close()


async def test_a_running_agent_closes_its_days(
    make_till: MakeTill, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(closing, "LOOK_SECONDS", 0.01)
    config = config_of(tmp_path_factory.mktemp("agent"), sync=quiet_sync())
    enrol_till(config)
    clock = HeldClock()
    async with TestClient(TestServer(build_app(config, clock))) as client:
        assert client.app is not None
        reader = client.app[READER]
        clock.go_on(20 * 3_600_000)

        async def is_closed() -> bool:
            state = await reader.do(lambda conn: closings.state(conn, 1))
            return state.last_day == day("2026-12-05")

        await until(is_closed)
