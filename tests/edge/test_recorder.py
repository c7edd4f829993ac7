"""What the recorder takes and refuses by its clock, and what stops no sale."""

from __future__ import annotations

from datetime import date

import pytest

from edge_agent.clock import PLAUSIBLE_FROM
from loyalty_core.events import AT_MAX, PurchaseRecorded
from tests.edge.conftest import MakeTill
from tests.edge.made import HeldClock, member, programme, purchase
from tests.edge.till import Till


@pytest.mark.parametrize("wall", [0, PLAUSIBLE_FROM - 1, AT_MAX + 1])
def test_a_clock_that_cannot_be_right_is_no_measure_of_the_future(make_till: MakeTill, wall: int) -> None:
    till = make_till()
    till.clock.wall = wall
    assert till.recorder.expectations(till.books()).now_ms is None
    assert till.points(purchase()) == 12


def test_a_receipt_of_the_day_after_tomorrow_is_refused(make_till: MakeTill) -> None:
    till = make_till(clock=HeldClock("2026-11-20 10:31"))
    assert till.refusal(purchase("1", occurred_at="2026-11-21T22:31:01+09:00")) == "date_in_future"
    assert till.points(purchase("1", occurred_at="2026-11-21T22:31:00+09:00")) == 12


def test_what_is_recorded_can_be_read_again(till: Till) -> None:
    lines = [
        {"number": n, "sku": "품목" * 32, "quantity": "999999999.999", "net_minor": -(10**12)}
        for n in range(1000)
    ]
    till.record(purchase("9" * 64, lines=lines, net_minor=10**12, tax_minor=10**12))
    assert isinstance(till.records()[0].event, PurchaseRecorded)
    assert date.fromisoformat("2026-11-20").toordinal() - 719163 == till.records()[0].event.business_day


def test_headquarters_periods_of_another_length_stop_no_sale(till: Till) -> None:
    till.know(member(period_id="2027"))
    assert till.points(purchase()) == 12
    assert till.standing().qualifying == 12


def test_a_programme_that_the_disk_has_damaged_stops_no_sale(make_till: MakeTill) -> None:
    till = make_till(programme(7), programme(8))
    till.conn.execute("UPDATE programme SET envelope = substr(envelope, 2) WHERE version = 8")
    assert till.points(purchase()) == 12
    till.conn.execute("DELETE FROM programme WHERE version = 8")
    till.conn.execute("UPDATE programme SET envelope = x'00'")
    assert till.points(purchase("2")) == 0
