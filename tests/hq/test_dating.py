"""Events dated ahead of the day on which headquarters got them are told until they are placed or voided."""

from __future__ import annotations

import pytest

from loyalty_core.events import Event
from tests.hq.accounts import DAY_MS, MEMBERS
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.hq.events import DAY, back, claim, purchase, spent, void
from tests.hq.test_audit import run_audit
from tests.hq.till import NOW_MS

YEARS = DAY + 1000


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.members(MEMBERS)
    return Desk(hq)


def ahead(hq: Hq) -> list[str]:
    return [subject for kind, subject in hq.exceptions() if kind == "dated_ahead"]


@pytest.mark.parametrize(("day", "is_told"), [(DAY, False), (DAY + 1, False), (DAY + 2, True), (YEARS, True)])
def test_more_than_one_day_ahead_is_told_and_posted_all_the_same(
    hq: Hq, desk: Desk, day: int, is_told: bool
) -> None:
    (event,) = desk.send(desk.till(), purchase(day=day))
    assert hq.exceptions() == ([("dated_ahead", str(event))] if is_told else [])
    assert hq.balances() == {"M1": 12}
    run_audit(hq)


def test_today_is_that_of_the_store_whose_till_it_was(hq: Hq, desk: Desk) -> None:
    """At 11:31 in Seoul the business day before still runs in Honolulu."""
    till = desk.till("S099")
    hq.sql("UPDATE stores SET timezone = 'Pacific/Honolulu' WHERE store_id = 'S099'")
    desk.send(till, purchase("1", day=DAY, store="S099"))
    assert ahead(hq) == []
    (event,) = desk.send(till, purchase("2", day=DAY + 1, store="S099"))
    assert ahead(hq) == [str(event)]


EVENTS: dict[str, Event] = {
    "a purchase of nobody": purchase("2", member=None, day=YEARS),
    "a return": back(day=YEARS),
    "a void": void(day=YEARS),
    "a void of a purchase that has not come": void("9", day=YEARS),
    "a claim": claim("9", day=YEARS),
    "a redemption": spent(5, day=YEARS),
    "a redemption on a receipt": spent(5, day=YEARS, paid="1"),
}


@pytest.mark.parametrize("what", EVENTS)
def test_every_event_that_counts_by_its_date_is_told_until_it_is_placed(
    hq: Hq, desk: Desk, what: str
) -> None:
    till = desk.till()
    _, event = desk.send(till, purchase(), EVENTS[what])
    assert ahead(hq) == [str(event)]
    desk.send(till, back("r9", net=1_000))
    assert ahead(hq) == [str(event)]
    desk.place(event, DAY)
    assert ahead(hq) == []
    run_audit(hq)


def test_a_return_that_names_no_receipt_is_told_once_it_counts(hq: Hq, desk: Desk) -> None:
    _, event = desk.send(desk.till(), purchase(), back(of=None, day=YEARS))
    assert ahead(hq) == []
    desk.match(event, "S012/T01/2026-11-21/1")
    assert ahead(hq) == [str(event)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_void_ends_it_whichever_came_first(hq: Hq, desk: Desk, order: tuple[int, int]) -> None:
    bought = purchase(day=YEARS)
    facts: list[Event] = [bought, void(of_day=YEARS, at=NOW_MS + 1)]
    for place in order:
        desk.send(desk.till(), facts[place])
    assert ahead(hq) == []
    run_audit(hq)


def test_a_void_that_is_dated_ahead_itself_is_told(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    (event,) = desk.send(till, purchase(member=None, day=YEARS))
    assert ahead(hq) == [str(event)]
    (undoing,) = desk.send(till, void(of_day=YEARS, day=YEARS, at=NOW_MS + 1))
    assert ahead(hq) == [str(undoing)]


def test_the_day_that_comes_does_not_end_it(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    (event,) = desk.send(till, purchase(day=DAY + 5))
    hq.clock.now += 9 * DAY_MS
    desk.send(till, back(day=DAY + 9, of_day=DAY + 5, at=NOW_MS + 9 * DAY_MS))
    assert ahead(hq) == [str(event)]


@pytest.mark.parametrize(("days", "is_told"), [(-2, True), (-1, False), (0, False), (1, False), (2, True)])
def test_a_date_that_is_more_than_a_day_off_the_time_counts_and_is_told(
    hq: Hq, desk: Desk, days: int, is_told: bool
) -> None:
    """The till's software knows which day it is; it is asked where that is far from the time it gave."""
    day = DAY - 10
    (event,) = desk.send(desk.till(), purchase(day=day, at=NOW_MS - (10 - days) * DAY_MS))
    assert hq.exceptions() == ([("dated_apart", str(event))] if is_told else [])
    assert hq.sql("SELECT business_day FROM entries") == [(day,)]
    run_audit(hq)


def test_a_date_that_is_off_is_told_until_it_is_placed_or_voided(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    first, second = desk.send(till, purchase(at=NOW_MS - 3 * DAY_MS), purchase("2", at=NOW_MS - 3 * DAY_MS))
    assert hq.exceptions() == [("dated_apart", str(first)), ("dated_apart", str(second))]
    desk.place(first, DAY - 3)
    desk.send(till, void("2"))
    assert hq.exceptions() == []
