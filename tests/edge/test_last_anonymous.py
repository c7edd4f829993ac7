"""The last anonymous receipt of a till, which the cashier may give to the customer who stands there."""

from __future__ import annotations

import pytest

from edge_agent.desk import Anonymous, Desk
from edge_agent.redeeming import Redeeming
from edge_agent.store.database import transaction
from loyalty_core.units import EpochMs
from tests.edge.made import CARD, at, claimed, day, member, purchase, returned, void
from tests.edge.till import Till


def last(till: Till) -> Anonymous | None:
    desk = Desk(till.recorder, Redeeming(till.config, till.clock, till.recorder))
    return desk.last_anonymous(till.conn, till.books())


def sold(number: str, time: str = "10:31", **changed: object) -> dict[str, object]:
    """Return an anonymous purchase of today."""
    body = purchase(number, on="2026-12-05", **changed) | {"occurred_at": f"2026-12-05T{time}:00+09:00"}
    return body | {"member": changed.get("member")}


def test_the_latest_by_its_own_time_is_told_with_its_age(till: Till) -> None:
    assert last(till) is None
    till.record(sold("2", "11:00"))
    till.record(sold("1", "10:00", net_minor=500), adapter="csv")
    till.record(sold("3", "11:30", member=CARD))
    found = last(till)
    assert found is not None
    assert (found.receipt.number, found.net_minor) == ("2", 12990)
    assert found.occurred_at_ms == at("2026-12-05 11:00")
    assert found.ago_ms == 3_600_000
    assert str(found.event) == "S012-T03.1.1"


@pytest.mark.parametrize("how", ["claimed", "void", "returned"])
def test_one_that_is_somebodys_or_undone_is_passed_over(till: Till, how: str) -> None:
    till.know(member())
    till.record(sold("1"))
    till.record(sold("2", "10:40"))
    receipt = sold("2")["receipt"]
    assert isinstance(receipt, dict)
    when = {"occurred_at": "2026-12-05T11:00:00+09:00"}
    if how == "claimed":
        with transaction(till.conn):
            claimed(till.recorder, till.conn, CARD, receipt, "2026-12-05 11:00", "k")
    elif how == "void":
        till.record(void("2") | when | {"receipt": receipt})
    else:
        till.record(returned("r1", on="2026-12-05") | {"original": receipt})
    found = last(till)
    assert found is not None
    assert found.receipt.number == "1"


def test_one_whose_days_for_a_claim_are_over_is_none(till: Till) -> None:
    till.record(sold("1"))
    days = till.books().claim_days(day("2026-12-05"))
    till.clock.go_on((days + 1) * 86_400_000)
    assert last(till) is None
    till.clock.go_on(-86_400_000)
    assert last(till) is not None


def test_with_a_clock_that_lost_its_time_the_age_is_not_told(till: Till) -> None:
    till.record(sold("1"))
    till.clock.wall = int(EpochMs(at("2001-01-01 00:00")))
    found = last(till)
    assert found is not None
    assert found.ago_ms is None
