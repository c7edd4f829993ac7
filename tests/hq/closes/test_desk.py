"""Closes and the near-miss desk: what was closed is appealed against, and neither cuts into the other."""

from __future__ import annotations

import pytest

from hq_server.closes.closing import NotReady
from loyalty_core.errors import BadInput
from tests.hq.appeals import Appeals
from tests.hq.closes.half_year import H2, LAST, HalfYear
from tests.hq.closes.test_benefits import RULES, START, given
from tests.hq.test_audit import run_audit
from tests.hq.till import Till

H1 = "2027-H1"
JUNE_30 = LAST + 181


@pytest.fixture
def till(half: HalfYear) -> Till:
    """A till that sold too little for SILVER (which gives a cup): A lacks 3 points, B one. H2 is closed."""
    half.hq.publish(RULES)
    half.hq.members("member_id\nA\nB\n")
    till = half.till()
    half.sell(till, "A", 97)
    half.sell(till, "B", 99)
    half.close_days(till, LAST - 1, LAST)
    half.close()
    return till


@pytest.fixture
def desk(half: HalfYear, till: Till) -> Appeals:
    return Appeals(half.hq, member_till=till)


def test_a_granted_tier_gives_its_benefits_once_whatever_comes_late(
    half: HalfYear, desk: Appeals, till: Till
) -> None:
    desk.grant(desk.open("A"))
    half.go_to(START)
    assert half.give() == 2
    half.sell(till, "A", 3)
    half.go_to(START + 2)
    assert half.give() == 0
    assert given(half) == {"A": ["2027-H1 gift"], "B": ["2027-H1 gift"]}
    assert desk.hq.sql(
        "SELECT cause, tier FROM assessments WHERE member_id = 'A' ORDER BY assessment_no"
    ) == [
        ("close", "BRONZE"),
        ("restatement", "SILVER"),
    ]
    run_audit(desk.hq)


def test_a_close_waits_for_grants_that_were_approved_and_are_not_posted(
    half: HalfYear, desk: Appeals, till: Till
) -> None:
    made = desk.ask(desk.open("A"))
    half.go_to(JUNE_30 + 1)
    half.exclude(till.terminal_id, period_id=H1)
    assert half.ready(H1).may_close
    desk.approve(made)
    assert [one.kind for one in half.ready(H1).blockers] == ["grants_waiting"]
    with pytest.raises(NotReady, match="grants that were approved wait"):
        half.begin(H1)
    assert desk.post() == 2
    half.close(H1)
    assert half.tiers()["A"][:3] == ("downgrade", "SILVER", "BRONZE")


def test_nothing_is_granted_between_two_buckets_of_a_close(half: HalfYear, desk: Appeals, till: Till) -> None:
    made = desk.ask(desk.open("A"))
    half.go_to(JUNE_30 + 1)
    half.exclude(till.terminal_id, period_id=H1)
    half.begin(H1)
    half.step()
    with pytest.raises(BadInput, check=lambda error: error.code == "period_closing"):
        desk.approve(made)
    with pytest.raises(BadInput, check=lambda error: error.code == "period_open"):
        desk.open("A", period=H1)
    half.finish()
    desk.hq.clock.now += 1
    desk.approve(made)
    assert desk.post() == 2
    run_audit(desk.hq)


def test_what_was_missed_is_told_by_the_version_that_the_period_was_closed_by(
    half: HalfYear, desk: Appeals
) -> None:
    later = RULES.replace("version = 2", "version = 3").replace('"SILVER"\nfrom = 100', '"SILVER"\nfrom = 90')
    half.hq.publish(later)
    desk.derive()
    found = desk.file(desk.open("A")).now
    assert found is not None
    assert (found.period, found.starts_at, found.missing, found.programme_version) == (H2, 100, 3, 2)
    desk.grant(1)
    assert set(desk.granted()) == {"A", "B"}
