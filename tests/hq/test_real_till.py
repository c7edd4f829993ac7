"""A till of the real agent and headquarters: once they have talked, both show the same of every member."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.store.database import transaction
from loyalty_core.events import ReceiptKey, RedemptionCommitted
from tests.edge import made
from tests.edge.made import CARD, OTHER_CARD, at, day, purchase, returned
from tests.hq.conftest import Hq
from tests.hq.real_till import RealTill

THIRD_CARD = "2000123456805"
MEMBERS = f"member_id,lookups,name,phone,home_store\nM1,{CARD},홍길동,,S012\nM2,{OTHER_CARD},김철수,,S012\n"


@pytest.fixture
def till(hq: Hq, tmp_path: Path) -> RealTill:
    hq.clock.now = at(made.NOW)
    hq.members(MEMBERS)
    folder = tmp_path / "till"
    folder.mkdir()
    return RealTill(folder, hq)


def spend(till: RealTill, member_id: str, points: int, number: str = "1") -> None:
    """Commit a redemption of this member's that paid for a receipt."""
    receipt = ReceiptKey("S012", "T03", day("2026-11-20"), number)
    event = RedemptionCommitted(
        f"id:{member_id}", at("2026-11-20 11:00"), day("2026-11-20"), "R1", points, points, "", receipt
    )
    with transaction(till.conn):
        till.recorder.spend(till.conn, till.recorder.books(till.conn), f"id:{member_id}", event)


@pytest.mark.parametrize("buyer", [CARD, None])
def test_points_given_back_to_another_than_the_buyer_are_counted_once(
    hq: Hq, till: RealTill, buyer: str | None
) -> None:
    till.record(purchase(member=buyer))
    spend(till, "M2", 5)
    till.exchange()
    assert till.balance(OTHER_CARD) == hq.balances()["M2"] == -5
    till.record(returned())
    assert till.balance(OTHER_CARD) == 0
    till.exchange()
    assert till.balance(OTHER_CARD) == hq.balances()["M2"] == 0


def test_who_bought_under_an_unknown_card_and_paid_with_points_turns_out_to_be_one(
    hq: Hq, till: RealTill
) -> None:
    till.record(purchase(member=THIRD_CARD))
    spend(till, "M2", 5)
    till.record(returned(net_minor=3_990))
    till.record(returned("r2"))
    hq.members(f"member_id,lookups,name,phone,home_store\nM2,{OTHER_CARD};{THIRD_CARD},김철수,,S012\n")
    till.exchange()
    assert till.balance(OTHER_CARD) == till.balance(THIRD_CARD) == hq.balances()["M2"]
    till.record(purchase("2", member=THIRD_CARD))
    assert till.balance(OTHER_CARD) == hq.balances()["M2"] + 12
