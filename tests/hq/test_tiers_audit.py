"""The audit of tiers: what was decided is what its time gives, and nothing is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from hq_server.audit import Difference
from tests.hq.accounts import MEMBERS
from tests.hq.assessing import H2, RULES, at, buy, close_by_decision
from tests.hq.conftest import Hq, copy_of
from tests.hq.desk import Desk
from tests.hq.test_audit import run_audit

DAMAGE = {
    "a higher tier": "UPDATE assessments SET tier = 'GOLD' WHERE member_id = 'M2'",
    "points that nobody earned": "UPDATE assessments SET qualifying = 299 WHERE cause = 'close'",
    "a tier held before that nobody held": "UPDATE assessments SET held = 'GOLD' WHERE cause = 'close'",
    "an earlier day": "UPDATE assessments SET start_day = start_day - 1 WHERE member_id = 'M2'",
    "another version": "UPDATE assessments SET programme_version = 9 WHERE member_id = 'M2'",
    "a period that is not closed": "UPDATE assessments SET period_id = '2027-H1' WHERE member_id = 'M2'",
    "an upgrade called otherwise": "UPDATE assessments SET kind = 'renewal' WHERE cause = 'restatement'",
    "a raise for other points": "UPDATE assessments SET qualifying = 301 WHERE cause = 'restatement'",
    "a raise that was left out": "DELETE FROM assessments WHERE cause = 'restatement'",
}


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory, founded: Hq) -> Hq:
    """A house that closed a period, after which late points raised M1 from SILVER to GOLD."""
    hq = copy_of(founded, tmp_path_factory.mktemp("raised"))
    hq.members(MEMBERS)
    hq.publish(RULES)
    desk = Desk(hq)
    till = desk.till()
    buy(desk, till, "1", 290_000, "2026-12-01")
    at(hq, "2027-01-03")
    close_by_decision(hq, H2)
    at(hq, "2027-02-01")
    buy(desk, till, "2", 10_000, "2026-12-31")
    run_audit(hq)
    return hq


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_audit_finds_an_assessment_that_its_time_does_not_give(
    raised: Hq, tmp_path: Path, damage: str
) -> None:
    hq = copy_of(raised, tmp_path)
    hq.tamper(DAMAGE[damage])
    with pytest.raises(Difference):
        run_audit(hq)


def test_of_who_was_merged_only_what_an_assessment_says_itself_is_compared(
    raised: Hq, tmp_path: Path
) -> None:
    hq = copy_of(raised, tmp_path)
    Desk(hq).merge("M1", "M2")
    run_audit(hq)
    hq.tamper("UPDATE assessments SET kind = 'renewal' WHERE cause = 'restatement'")
    with pytest.raises(Difference, match="from SILVER to GOLD is no renewal"):
        run_audit(hq)
