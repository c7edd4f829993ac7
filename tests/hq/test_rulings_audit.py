"""The audit finds every ruling in what stands, and what no ruling explains."""

from __future__ import annotations

from pathlib import Path

import pytest

from hq_server.audit import Difference
from loyalty_core.errors import LoyaltyError
from tests.hq.appeals import Appeals, closed, desk
from tests.hq.conftest import Hq, copy_of
from tests.hq.test_audit import run_audit

__all__ = ["closed", "desk"]
DAMAGE = {
    "a grant that nobody proposed": "INSERT INTO grants SELECT bucket, 'M6', 1, period_id, tier, from_day, "
    "until_day, 1 FROM grants WHERE member_id = 'M1'",
    "a grant that is gone": "DELETE FROM grants WHERE member_id = 'M2'",
    "a grant for longer": "UPDATE grants SET until_day = until_day + 1 WHERE member_id = 'M2'",
    "a grant of another tier": "UPDATE grants SET tier = 'GOLD' WHERE member_id = 'M2'",
    "one more who is covered": "INSERT INTO covered SELECT bucket, decision, 'M6', period_id, tier, 0, 100, "
    "home_store, 'moot' FROM covered WHERE member_id = 'M1'",
    "one who is covered by nothing": "UPDATE covered SET decision = 2 WHERE member_id = 'M2'",
    "one who is covered for another tier": "UPDATE covered SET tier = 'GOLD' WHERE member_id = 'M2'",
    "one who was granted what was refused": "UPDATE covered SET outcome = 'granted' WHERE member_id = 'M7'",
    "a case that no decision settled": "UPDATE cases SET state = 'granted', decision = 1 WHERE number = 3",
    "a case that was settled otherwise": "UPDATE cases SET state = 'refused' WHERE number = 1",
    "a refusal without its case": "UPDATE cases SET state = 'open', decision = NULL WHERE number = 2",
    "a ruling on another's case": "UPDATE cases SET member_id = 'M6' WHERE number = 2",
    "evidence of an opening that is gone": "DELETE FROM case_evidence WHERE decision = 0",
    "evidence of a ruling that is gone": "DELETE FROM case_evidence WHERE decision = 1",
}


def fill(desk: Appeals) -> None:
    """Rule in every way there is: a grant, a refusal, a proposal that was refused, a withdrawal."""
    desk.grant(desk.open("M1"))
    desk.deny(desk.open("M4"))
    desk.refuse(desk.ask(desk.open("M7")))
    desk.open("M6")
    desk.withdraw(4)


@pytest.fixture(scope="module")
def filled(closed: Appeals, tmp_path_factory: pytest.TempPathFactory) -> Hq:
    """Such rulings, to be copied."""
    made = Appeals(copy_of(closed.hq, tmp_path_factory.mktemp("ruled")))
    fill(made)
    return made.hq


def test_the_audit_finds_every_ruling_in_what_stands(filled: Hq) -> None:
    assert run_audit(filled).events == 6


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_audit_names_what_no_ruling_explains(filled: Hq, tmp_path: Path, damage: str) -> None:
    hq = copy_of(filled, tmp_path)
    hq.tamper(DAMAGE[damage])
    with pytest.raises(Difference, match=r"case|decision|grants"):
        run_audit(hq)


def test_a_grant_that_is_still_being_posted_is_no_difference_and_is_told(desk: Appeals) -> None:
    desk.approve(desk.ask(desk.open("M1")))
    with pytest.raises(LoyaltyError, check=lambda error: error.code == "grants_pending"):
        run_audit(desk.hq)
    desk.post()
    run_audit(desk.hq)
