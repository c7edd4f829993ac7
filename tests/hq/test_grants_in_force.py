"""A granted tier in force: from its day to its end, beside what was earned, here and at the tills."""

from __future__ import annotations

from pathlib import Path

import pytest

from hq_server.account_view import Standing, standing
from hq_server.desk.cases import appeal
from hq_server.rederive import rederive_some
from hq_server.tiers.view import TierReason
from loyalty_core.messages import TierStep
from tests.hq.appeals import JANUARY_16, JULY_15, PERIOD, Appeals, appeals
from tests.hq.conftest import PROGRAMME, Hq, copy_of
from tests.hq.events import back, purchase
from tests.hq.test_audit import run_audit

LANDING = PROGRAMME.replace("near_miss = 10", 'near_miss = 10\ndowngrade = "one_step"').replace(
    "version = 1", "version = 2"
)
DOUBLED = LANDING + '[[weight]]\nid = "silver"\non = ["purchase"]\ntiers = ["SILVER"]\ntimes = "2"\n'
TOTALS = {"M1": 97, "M2": 99, "M3": 297}


@pytest.fixture(scope="module")
def doubled(founded: Hq, tmp_path_factory: pytest.TempPathFactory) -> Appeals:
    """A desk where purchases of SILVER members count twice, and who has just missed it, to be copied."""
    hq = copy_of(founded, tmp_path_factory.mktemp("doubled"))
    hq.publish(DOUBLED)
    return appeals(hq, TOTALS)


@pytest.fixture
def desk(doubled: Appeals, tmp_path: Path) -> Appeals:
    return Appeals(copy_of(doubled.hq, tmp_path), sold=doubled.sold)


def stands(desk: Appeals, member: str = "M1") -> Standing:
    return desk.read(lambda tx, house: standing(tx, house, member, desk.hq.clock()))


def tiers(desk: Appeals, *days: int, member: str = "M1") -> list[str]:
    """Return the tier of a member on each of these days."""
    found = []
    for day in days:
        desk.on(day)
        found.append(stands(desk, member).tier)
    return found


def derive(desk: Appeals) -> None:
    while desk.write(lambda tx, _: rederive_some(tx, desk.hq.clock())):
        pass


def test_a_grant_holds_from_its_first_day_through_its_last(desk: Appeals) -> None:
    made = desk.grant(desk.open("M1"))
    assert tiers(desk, JANUARY_16 - 1, JANUARY_16, JULY_15, JULY_15 + 1) == [
        "BRONZE",
        "SILVER",
        "SILVER",
        "BRONZE",
    ]
    desk.on(JANUARY_16)
    now = stands(desk)
    assert now.tier_reason == TierReason(cause="grant", period=PERIOD, since="2027-01-16", decision=made)
    assert now.tier_until == "2027-07-15"


def test_a_grant_that_ends_earlier_leaves_what_was_earned(desk: Appeals) -> None:
    made = desk.ask(desk.open("M1"), until=JANUARY_16 + 30)
    desk.approve(made)
    desk.post()
    assert tiers(desk, JANUARY_16 + 30, JANUARY_16 + 31) == ["SILVER", "BRONZE"]


def test_days_are_weighted_by_a_granted_tier_from_its_first_day_on(desk: Appeals) -> None:
    desk.grant(desk.open("M1"))
    till = desk.till("S099")
    before = desk.hq.balances()["M1"]
    desk.on(JULY_15 + 5)
    for number, (day, points) in enumerate(
        [(JANUARY_16 - 1, 10), (JANUARY_16, 20), (JULY_15, 20), (JULY_15 + 1, 10)]
    ):
        desk.send(till, purchase(f"x{number}", 10_000, "id:M1", day=day, store="S099"))
        assert desk.hq.balances()["M1"] - before == points
        before += points
    run_audit(desk.hq)


def test_what_was_dated_ahead_is_weighted_anew_when_the_grant_begins_there(desk: Appeals) -> None:
    till = desk.till("S099")
    desk.on(JANUARY_16)
    number = desk.open("M1")
    desk.send(till, purchase("x1", 10_000, "id:M1", day=JANUARY_16 + 1, store="S099"))
    before = desk.hq.balances()["M1"]
    desk.grant(number)
    derive(desk)
    assert desk.hq.balances()["M1"] - before == 10
    run_audit(desk.hq)


def test_tills_are_told_of_a_grant_before_it_begins(desk: Appeals) -> None:
    till = desk.till()
    desk.send(till, purchase("x1", 1_000, "id:M1"))
    desk.exchange(till)
    assert till.members["M1"].tiers == () or till.members["M1"].tiers[-1].tier == "BRONZE"
    desk.grant(desk.open("M1"))
    desk.exchange(till)
    assert till.members["M1"].tiers[-2:] == (
        TierStep(JANUARY_16, "SILVER"),
        TierStep(JULY_15 + 1, "BRONZE"),
    )


def test_late_points_and_a_grant_stand_beside_each_other(desk: Appeals) -> None:
    made = desk.ask(desk.open("M1"), until=JANUARY_16 + 30)
    desk.approve(made)
    desk.post()
    desk.stand({"M1": 3})
    assert desk.hq.sql("SELECT tier FROM assessments WHERE cause = 'restatement'") == [("SILVER",)]
    assert tiers(desk, JANUARY_16, JANUARY_16 + 31, JULY_15 + 1) == ["SILVER", "SILVER", "SILVER"]
    desk.on(JANUARY_16 + 40)
    desk.send(desk.till("S099"), back("r1", of=f"n{desk.sold}", net=3_000, day=JANUARY_16 + 1, of_day=20778))
    assert stands(desk).tier == "SILVER"
    derive(desk)
    run_audit(desk.hq)


def test_late_points_that_reach_a_higher_tier_than_was_granted_hold_above_it(desk: Appeals) -> None:
    desk.grant(desk.open("M1"))
    desk.stand({"M1": 203})
    assert tiers(desk, JANUARY_16 - 1, JANUARY_16, JULY_15 + 1) == ["BRONZE", "GOLD", "GOLD"]


def test_a_soft_landing_starts_from_what_was_granted(desk: Appeals) -> None:
    desk.grant(desk.open("M3"))
    assert tiers(desk, JANUARY_16, JULY_15, member="M3") == ["GOLD", "GOLD"]
    desk.close("2027-H1", JULY_15 - 10)
    assert tiers(desk, JULY_15, JULY_15 + 1, member="M3") == ["GOLD", "SILVER"]
    assert tiers(desk, JULY_15 + 1) == ["BRONZE"]


def test_who_holds_the_tier_for_days_of_grace_only_is_granted_the_rest(founded: Hq, tmp_path: Path) -> None:
    hq = copy_of(founded, tmp_path)
    hq.publish(LANDING.replace('downgrade = "one_step"', "grace_days = 30"))
    desk = appeals(hq, {"M1": 100})
    desk.on(JANUARY_16)
    desk.send(desk.till("S099"), purchase("x1", 97_000, "id:M1", day=JANUARY_16, store="S099"))
    desk.close("2027-H1", JULY_15 - 10)
    assert tiers(desk, JULY_15 + 30, JULY_15 + 31) == ["SILVER", "BRONZE"]
    desk.on(JULY_15 - 10)
    desk.grant(desk.open("M1", period="2027-H1"))
    assert tiers(desk, JULY_15 + 30, JULY_15 + 31) == ["SILVER", "SILVER"]


def test_a_grant_of_who_was_merged_counts_for_who_stands_for_them(desk: Appeals) -> None:
    desk.hq.members("member_id,lookups,name\nM9,,\n")
    desk.grant(desk.open("M1"))
    desk.merge("M1", "M9")
    assert tiers(desk, JANUARY_16, member="M9") == ["SILVER"]
    desk.unmerge("M1")
    assert tiers(desk, JANUARY_16, member="M9") == ["BRONZE"]
    assert tiers(desk, JANUARY_16) == ["SILVER"]
    run_audit(desk.hq)


def test_evidence_is_derived_by_the_tier_held_on_each_day(desk: Appeals) -> None:
    desk.grant(desk.open("M1"))
    desk.on(JANUARY_16 + 5)
    desk.send(desk.till("S099"), purchase("x1", 48_500, "id:M1", day=JANUARY_16 + 2, store="S099"))
    desk.close("2027-H1", JULY_15 - 10)
    now = desk.hq.clock()
    found = desk.read(lambda tx, house: appeal(tx, house, "M1", "2027-H1", now))
    assert (found.qualifying, found.alike_qualifying, found.missing) == (96, 48, 4)
