"""What the tests of clocks share: how tills are asked and placed, and whether all agree."""

from __future__ import annotations

from collections.abc import Callable

from hq_server import placing, placing_all
from hq_server.decisions import said
from hq_server.evidence import Evidence, event_named, recorded
from hq_server.house import House
from hq_server.reconcile import open_exceptions
from hq_server.store.connection import Transaction
from loyalty_core.events import EventId
from loyalty_core.units import Day
from tests.edge.made import CARD
from tests.hq.clock_till import ClockTill
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.hq.test_audit import run_audit

MEMBERS = f"member_id,lookups,home_store\nM1,{CARD},S012\n"


Open = Callable[[str], ClockTill]


def told(hq: Hq, desk: Desk) -> dict[str, str]:
    """Return the sentence of each exception of a clock or date that is open, by what it is about."""
    found = desk.read(lambda tx, _: open_exceptions(tx, hq.clock()))
    return {
        one.subject: one.detail for one in found if one.kind in ("clock_off", "dated_wrong", "dated_ahead")
    }


def place_all(hq: Hq, desk: Desk, till: ClockTill) -> int:
    """Put all events on their days; return how many were."""
    by, now = said("kim", "the clock was wrong"), hq.clock()
    done = desk.write(lambda tx, house: placing_all.place_all(tx, house, till.terminal_id, by, now))
    return sum(one.decision is not None for one in done)


def placings(hq: Hq) -> list[tuple[str, str]]:
    """Return which event each placing was about, and who made it."""
    return hq.sql("SELECT subject, made_by FROM decisions WHERE kind = 'placing' ORDER BY number")


def unplace(hq: Hq, desk: Desk, event: EventId) -> None:
    """Put an event back on the date of its record, by a person's word."""
    by, now = said("kim", "it was right"), hq.clock()

    def work(tx: Transaction, house: House) -> None:
        found = recorded(tx, event)
        placing.place(tx, house, found, Day(found.record.event.business_day), None, by, now)

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
