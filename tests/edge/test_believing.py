"""A clock that is far ahead of all that headquarters and the till itself have seen is not believed."""

from __future__ import annotations

from functools import partial

import pytest

from edge_agent.app_keys import RECORDER
from edge_agent.believing import BEHIND_MAX_MS, DAYS_AHEAD_MAX, is_believed
from edge_agent.status import status
from edge_agent.store import closings, outbox
from edge_agent.store.closings import State
from edge_agent.store.database import Connection, transaction
from edge_agent.store.outbox import Link
from loyalty_core.events import AT_MAX
from loyalty_core.messages import Expiring
from loyalty_core.units import Day, EpochMs
from tests.edge.counter import Counter, problem
from tests.edge.made import CARD, at, day, member, purchase
from tests.edge.till import Till

AHEAD = "2031-01-01 12:00"
TODAY = day("2026-12-05")


@pytest.fixture
async def ahead(counter: Counter) -> Counter:
    """Return the counter of a till whose clock has jumped years ahead since headquarters spoke."""
    await counter.know_row(member(balance=5000, expiring=(Expiring(5000, day("2027-06-30")),)))
    said = Link(hq_time_ms=at("2026-12-05 11:00"))
    await counter.do(partial(outbox.set_link, state=said))
    counter.clock.wall = int(at(AHEAD))
    return counter


async def test_nothing_has_expired_by_a_clock_years_ahead(ahead: Counter) -> None:
    found = await (await ahead.get(f"/v1/members/{CARD}")).json()
    assert (found["balance"], found["available"], found["period"]["id"]) == (5000, 5000, "2026-H2")
    sold = await ahead.ok("/v1/receipts", purchase())
    assert (sold["member"]["balance"], sold["member"]["expiring"][0]["points"]) == (5012, 5000)


async def test_nothing_is_dated_or_spent_by_a_clock_years_ahead(ahead: Counter) -> None:
    for path, body in (
        ("/v1/visits", {"member": CARD}),
        ("/v1/redemptions", {"member": CARD, "points": 1000}),
    ):
        assert await problem(await ahead.post(path, body, "k")) == (422, "clock_lost")


async def test_headquarters_makes_a_clock_believed_again(ahead: Counter) -> None:
    said = Link(hq_time_ms=at("2030-12-31 12:00"))
    await ahead.do(partial(outbox.set_link, state=said))
    found = await (await ahead.get(f"/v1/members/{CARD}")).json()
    assert found["balance"] == 0

    def now(conn: Connection) -> int | None:
        recorder = ahead.app[RECORDER]
        return recorder.expectations(recorder.books(conn)).now_ms

    assert await ahead.do(now) == at(AHEAD)


@pytest.mark.parametrize(
    ("told", "state", "known"),
    [
        (None, State(), None),
        (None, State(0, TODAY), TODAY),
        (None, State(0, TODAY, TODAY + 9), TODAY + 9),
        ("2026-12-05 11:00", State(), TODAY),
        ("2026-12-05 04:59", State(0, TODAY - 9), TODAY - 1),
        ("2026-12-05 11:00", State(0, TODAY + 9), TODAY),
        ("2026-12-05 11:00", State(0, TODAY, TODAY + 9), TODAY + 9),
        ("2026-12-05 11:00", State(0, TODAY - 9, TODAY - 8), TODAY),
    ],
)
def test_the_day_that_is_known_is_headquarters_or_the_last_one_closed(
    till: Till, told: str | None, state: State, known: int | None
) -> None:
    with transaction(till.conn):
        outbox.set_link(till.conn, Link(hq_time_ms=None if told is None else at(told)))
        closings.put_state(till.conn, 1, state)
    assert till.books().known_day == known


def test_a_clock_is_believed_so_many_days_ahead_and_not_a_day_more(till: Till) -> None:
    place = till.books().terminal.place
    end = EpochMs(at("2028-01-10 04:59"))
    assert is_believed(end, Day(day("2028-01-09") - DAYS_AHEAD_MAX), None, place)
    assert not is_believed(end, Day(day("2028-01-09") - DAYS_AHEAD_MAX - 1), None, place)
    assert is_believed(end, None, None, place)
    assert not is_believed(EpochMs(AT_MAX + 1), None, None, place)
    assert not is_believed(EpochMs(at("2025-12-31 12:00")), None, None, place)


def test_a_clock_is_believed_two_days_behind_the_last_word_of_headquarters_and_not_a_millisecond_more(
    till: Till,
) -> None:
    place, told = till.books().terminal.place, at("2026-11-20 10:00")
    assert is_believed(EpochMs(told - BEHIND_MAX_MS), None, told, place)
    assert not is_believed(EpochMs(told - BEHIND_MAX_MS - 1), None, told, place)


def test_a_till_that_lost_months_takes_receipts_of_the_right_day_and_stamps_none(till: Till) -> None:
    with transaction(till.conn):
        outbox.set_link(till.conn, Link(hq_time_ms=till.clock.wall))
    till.clock.wall -= 100 * 86_400_000
    assert till.record(purchase()).redeemable == 12
    assert not status(till.conn, till.config, till.clock).clock_believed


def test_the_screen_says_that_a_clock_years_ahead_is_not_believed(till: Till) -> None:
    with transaction(till.conn):
        outbox.set_link(till.conn, Link(hq_time_ms=at("2026-12-05 11:00")))
    assert status(till.conn, till.config, till.clock).clock_believed
    till.clock.wall = int(at(AHEAD))
    assert not status(till.conn, till.config, till.clock).clock_believed
