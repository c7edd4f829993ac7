"""The audit of closes and of what tiers gave: silent on what is right, and it names what was changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hq_server.audit import Difference
from tests.hq.closes.half_year import HalfYear
from tests.hq.closes.test_benefits import closed
from tests.hq.conftest import Hq, copy_of
from tests.hq.test_audit import run_audit

DAMAGE = {
    "a close by other rules": "UPDATE closes SET programme_version = 1",
    "a close that no decision made": "UPDATE closes SET decision = 1",
    "a close that is gone": "DELETE FROM closes",
    "a bucket that was not closed": "DELETE FROM bucket_closes WHERE bucket = 7",
    "a gift of another kind": "UPDATE benefits SET benefit = 'gift:{\"en\":\"a car\"}' WHERE kind = 'gift'",
    "a gift of a tier that the member never had": "UPDATE benefits SET tier = 'GOLD' WHERE member_id = 'M1'",
    "a coupon too many": "INSERT INTO coupons SELECT bucket, member_id, 'B1.1', until_day, envelope, 1 "
    "FROM coupons",
    "a coupon that is gone": "DELETE FROM coupons",
    "a coupon of another member": "UPDATE coupons SET member_id = 'M1'",
    "a coupon that nobody signed": "UPDATE coupons SET envelope = CAST(substr(envelope, 1, 90) AS BLOB)",
}


@pytest.fixture(scope="module")
def given(founded: Hq, tmp_path_factory: pytest.TempPathFactory) -> Hq:
    """A headquarters that closed a half-year and gave what tiers give, to be copied."""
    half = HalfYear(copy_of(founded, tmp_path_factory.mktemp("given")))
    half.hq.members("member_id\nM0\n")
    half.desk.propose("M0", 5)
    closed(half, M1=100, M2=300)
    half.give()
    half.desk.derive()
    return half.hq


def test_the_audit_finds_no_difference_in_what_was_closed_and_given(given: Hq) -> None:
    run_audit(given)


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_audit_names_what_was_changed(given: Hq, tmp_path: Path, damage: str) -> None:
    hq = copy_of(given, tmp_path)
    hq.tamper(DAMAGE[damage])
    with pytest.raises(Difference):
        run_audit(hq)
