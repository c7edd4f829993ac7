"""What is told of an account: of members who count as one it is told of the head, until it is over."""

from __future__ import annotations

import pytest

from loyalty_core.events import Claim
from tests.hq.accounts import MEMBERS
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.events import DAY, purchase, void
from tests.hq.test_audit import run_audit
from tests.hq.till import NOW_MS

EARLY = DAY - 200
"""2026-05-05, before the first version."""
UNSAID = Claim(1, "BRONZE", 99, 99)


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.members(MEMBERS + "M3,,,,,\nM4,,,,,\n")
    return Desk(hq)


def test_an_award_that_nothing_explains_is_told_once_however_members_are_merged(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase(member="id:M2"), claim=UNSAID)
    assert hq.exceptions() == [("award_unexplained", "M2/S012-T01.1.1")]
    desk.merge("M2", "M1")
    assert hq.exceptions() == [("award_unexplained", "M1/S012-T01.1.1")]
    desk.merge("M1", "M3")
    assert hq.exceptions() == [("award_unexplained", "M3/S012-T01.1.1")]
    desk.unmerge("M2")
    assert hq.exceptions() == [("award_unexplained", "M2/S012-T01.1.1")]
    assert hq.sql("SELECT member_id FROM award_differences") == [("M2",)]


def test_a_difference_of_the_head_keeps_its_age_and_its_cause_through_a_merge(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase(), claim=UNSAID)
    hq.sql("UPDATE account_exceptions SET cause = 'an old release', explained_by = 'kim'")
    hq.clock.now = NOW_MS + 5
    desk.merge("M2", "M1")
    desk.unmerge("M2")
    assert hq.sql("SELECT opened_at_ms, cause FROM account_exceptions WHERE closed_at_ms IS NULL") == [
        (NOW_MS, "an old release")
    ]


def test_a_day_without_a_programme_is_told_once_however_members_are_merged(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase(member="id:M2", day=EARLY))
    desk.merge("M2", "M1")
    assert hq.exceptions() == [("programme_missing", "M1/2026-05-05")]
    desk.unmerge("M2")
    assert hq.exceptions() == [("programme_missing", "M2/2026-05-05")]
    desk.merge("M2", "M1")
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2026-01-01"))
    desk.derive()
    assert hq.exceptions() == []
    run_audit(hq)


@pytest.mark.parametrize("merged", [True, False])
def test_a_day_without_a_programme_is_over_once_nothing_of_it_stands(
    hq: Hq, desk: Desk, *, merged: bool
) -> None:
    till = desk.till()
    one, other = desk.send(till, purchase("1", day=EARLY), purchase("2", day=EARLY))
    if merged:
        desk.merge("M1", "M2")
    assert [kind for kind, _ in hq.exceptions()] == ["programme_missing"]
    desk.send(till, void("1", of_day=EARLY))
    assert [kind for kind, _ in hq.exceptions()] == ["programme_missing"]
    desk.place(other, DAY)
    assert hq.exceptions() == []
    desk.place(one, EARLY + 1)
    assert hq.exceptions() == []
    run_audit(hq)
