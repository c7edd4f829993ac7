"""Tiers by member and day: what a close decided weighs the days from its start on, here and at the tills."""

from __future__ import annotations

import pytest

from hq_server.account_view import Standing, standing
from hq_server.cli.member_words import standing_lines
from hq_server.periods import status
from hq_server.tiers.view import TierAhead, TierReason
from loyalty_core.messages import TierStep
from tests.hq.accounts import MEMBERS, audited
from tests.hq.assessing import H1, H2, RULES, at, buy, close_by_decision, day
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.hq.events import back
from tests.hq.till import Till


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.members(MEMBERS)
    hq.publish(RULES)
    return Desk(hq)


@pytest.fixture
def till(desk: Desk) -> Till:
    return desk.till()


def closed(hq: Hq, desk: Desk, till: Till, net: int = 300_000) -> None:
    """Let M1 earn in 2026-H2, and close that on 3 January."""
    buy(desk, till, "1", net, "2026-12-01")
    at(hq, "2027-01-03")
    close_by_decision(hq, H2)


def stands(desk: Desk, hq: Hq, member: str = "M1") -> Standing:
    return desk.read(lambda tx, house: standing(tx, house, member, hq.clock()))


def test_days_are_weighted_by_the_tier_from_the_start_of_its_validity_on(
    hq: Hq, desk: Desk, till: Till
) -> None:
    closed(hq, desk, till)
    at(hq, "2027-01-20")
    buy(desk, till, "2", 10_000, "2027-01-15")
    assert hq.balances()["M1"] == 310
    buy(desk, till, "3", 10_000, "2027-01-16")
    assert hq.balances()["M1"] == 330
    desk.send(till, back("r", of="3", net=4_000, day=day("2027-01-17"), of_day=day("2027-01-16")))
    assert hq.balances()["M1"] == 322
    audited(hq)


def test_tills_are_told_the_steps_before_they_come(hq: Hq, desk: Desk, till: Till) -> None:
    closed(hq, desk, till)
    buy(desk, till, "2", 10_000, "2027-01-03")
    row = till.members["M1"]
    assert (row.tier, row.tier_until) == ("BRONZE", day("2027-07-15"))
    assert row.tiers == (TierStep(day("2026-07-01"), "BRONZE"), TierStep(day("2027-01-16"), "GOLD"))
    assert (till.members["M2"].tier, till.members["M2"].tier_until) == ("BRONZE", None)
    at(hq, "2027-01-16")
    buy(desk, till, "3", 10_000, "2027-01-16")
    assert till.members["M1"].tier == "GOLD"


def test_where_a_member_stands_says_until_when_and_by_what(hq: Hq, desk: Desk, till: Till) -> None:
    before = stands(desk, hq)
    assert (before.tier, before.tier_until, before.tier_reason) == ("BRONZE", None, None)
    closed(hq, desk, till)
    waiting = stands(desk, hq)
    assert (waiting.tier, waiting.tier_until, waiting.tier_reason) == ("BRONZE", "2027-01-15", None)
    assert waiting.tiers_ahead == (TierAhead(tier="GOLD", since="2027-01-16"),)
    at(hq, "2027-01-16")
    now = stands(desk, hq)
    assert (now.tier, now.tier_until) == ("GOLD", "2027-07-15")
    assert now.tier_reason == TierReason(cause="close", period=H2, since="2027-01-16", decision=2)
    assert now.tiers_ahead == ()
    assert [(one.id, one.state, one.tier) for one in now.periods] == [
        (H2, "closed", "GOLD"),
        (H1, "open", "BRONZE"),
    ]
    assert list(standing_lines(now, "en"))[:2] == [
        "tier GOLD, balance 300",
        "  by the close of 2026-H2, decision 2, since 2027-01-16, until 2027-07-15",
    ]
    assert list(standing_lines(now, "ko"))[1] == "  2026-H2 마감(결정 2), 2027-01-16부터 2027-07-15까지"


def test_a_tier_whose_next_close_is_late_holds_on_until_nobody_knows_when(
    hq: Hq, desk: Desk, till: Till
) -> None:
    closed(hq, desk, till)
    at(hq, "2027-07-16")
    assert (stands(desk, hq).tier, stands(desk, hq).tier_until) == ("GOLD", None)


def test_two_closes_in_a_row_start_from_what_the_first_gave(hq: Hq, desk: Desk, till: Till) -> None:
    closed(hq, desk, till)
    at(hq, "2027-07-03")
    close_by_decision(hq, H1)
    rows = hq.sql("SELECT period_id, held, tier, kind FROM assessments WHERE member_id = 'M1' ORDER BY 1")
    assert rows == [(H2, "BRONZE", "GOLD", "upgrade"), (H1, "GOLD", "BRONZE", "downgrade")]
    assert stands(desk, hq).tier_until == "2027-07-15"
    at(hq, "2027-07-16")
    assert (stands(desk, hq).tier, stands(desk, hq).tier_until) == ("BRONZE", None)


def test_a_renewed_tier_holds_through_the_next_validity_too(hq: Hq, desk: Desk, till: Till) -> None:
    closed(hq, desk, till)
    at(hq, "2027-06-01")
    buy(desk, till, "2", 150_000, "2027-06-01")
    assert till.members["M1"].tier_until == day("2027-07-15")
    at(hq, "2027-07-03")
    close_by_decision(hq, H1)
    now = stands(desk, hq)
    assert (now.tier, now.tier_until) == ("GOLD", "2028-01-15")
    desk.exchange(till)
    row = till.members["M1"]
    assert (row.tier, row.tiers, row.tier_until) == (
        "GOLD",
        (TierStep(day("2027-01-01"), "BRONZE"), TierStep(day("2027-01-16"), "GOLD")),
        day("2028-01-15"),
    )


def test_a_period_says_who_would_hold_what_after_a_close_by_what_they_hold(
    hq: Hq, desk: Desk, till: Till
) -> None:
    text = RULES.replace("version = 2", "version = 3").replace(
        "near_miss", 'downgrade = "one_step"\nnear_miss'
    )
    hq.publish(text)
    closed(hq, desk, till)
    at(hq, "2027-06-01")
    buy(desk, till, "2", 60_000, "2027-05-01", "id:M2")

    def counts(period_id: str) -> list[tuple[str, int, int | None]]:
        found = desk.read(lambda tx, house: status(tx, house, period_id, hq.clock()))
        return [(one.tier, one.members, one.after_close) for one in found.tiers]

    assert counts(H1) == [("BRONZE", 2, 1), ("SILVER", 0, 1), ("GOLD", 0, 0)]
    assert counts(H2) == [("BRONZE", 1, None), ("SILVER", 0, None), ("GOLD", 1, None)]
    desk.merge("M2", "M1")
    assert counts(H1) == [("BRONZE", 0, 0), ("SILVER", 1, 1), ("GOLD", 0, 0)]


def test_a_late_purchase_raises_the_tier_from_the_next_day_on_and_nothing_before_is_weighted_anew(
    hq: Hq, desk: Desk, till: Till
) -> None:
    closed(hq, desk, till, 290_000)
    at(hq, "2027-02-01")
    buy(desk, till, "2", 10_000, "2027-02-01")
    buy(desk, till, "3", 10_000, "2026-12-31")
    assert stands(desk, hq).tier == "SILVER"
    rows = hq.sql(
        "SELECT cause, kind, held, tier, qualifying, start_day, from_day FROM assessments"
        " WHERE member_id = 'M1' ORDER BY assessment_no"
    )
    tomorrow = day("2027-02-02")
    assert rows[-1] == ("restatement", "upgrade", "SILVER", "GOLD", 300, tomorrow, tomorrow)
    buy(desk, till, "4", 10_000, "2027-02-01")
    buy(desk, till, "5", 10_000, "2027-02-02")
    assert hq.balances()["M1"] == 290 + 10 + 10 + 10 + 20
    at(hq, "2027-02-02")
    now = stands(desk, hq)
    assert (now.tier, now.tier_until) == ("GOLD", "2027-07-15")
    assert (
        list(standing_lines(now, "en"))[1].strip()
        == "by late points of 2026-H2, since 2027-02-02, until 2027-07-15"
    )
    buy(desk, till, "6", 10_000, "2026-12-30")
    assert hq.sql("SELECT count(*) FROM assessments WHERE cause = 'restatement'") == [(1,)]
    audited(hq)


def test_what_was_dated_ahead_of_a_raise_is_derived_again(hq: Hq, desk: Desk, till: Till) -> None:
    closed(hq, desk, till, 290_000)
    at(hq, "2027-02-01")
    buy(desk, till, "2", 10_000, "2027-02-03")
    buy(desk, till, "3", 10_000, "2026-12-31")
    desk.derive()
    assert hq.balances()["M1"] == 290 + 20 + 10
    audited(hq)


def test_what_was_dated_ahead_of_a_close_is_derived_again(hq: Hq, desk: Desk, till: Till) -> None:
    buy(desk, till, "2", 10_000, "2027-01-16")
    buy(desk, till, "3", 10_000, "2027-01-15")
    closed(hq, desk, till)
    desk.derive()
    assert hq.balances()["M1"] == 300 + 20 + 10
    audited(hq)


def test_late_points_after_which_nothing_is_higher_post_nothing(hq: Hq, desk: Desk, till: Till) -> None:
    closed(hq, desk, till, 280_000)
    at(hq, "2027-02-01")
    buy(desk, till, "2", 10_000, "2026-12-31")
    assert hq.sql("SELECT count(*) FROM assessments WHERE cause = 'restatement'") == [(0,)]


def test_who_was_unknown_at_the_close_is_assessed_when_the_points_come(
    hq: Hq, desk: Desk, till: Till
) -> None:
    closed(hq, desk, till)
    at(hq, "2027-02-01")
    hq.members("member_id,lookups,name,phone,home_store,birthday\nM3,2000123456805,,,S012,\n")
    buy(desk, till, "2", 120_000, "2026-12-31", "id:M3")
    assert hq.sql("SELECT cause, tier FROM assessments WHERE member_id = 'M3'") == [("restatement", "SILVER")]


def test_a_late_return_lowers_no_tier(hq: Hq, desk: Desk, till: Till) -> None:
    closed(hq, desk, till)
    at(hq, "2027-02-01")
    desk.send(till, back("r", net=200_000, day=day("2027-02-01"), of_day=day("2026-12-01")))
    assert stands(desk, hq).tier == "GOLD"
    assert hq.sql("SELECT count(*) FROM assessments WHERE cause = 'restatement'") == [(0,)]
    audited(hq)


def test_who_count_as_one_hold_the_higher_tier_while_they_do(hq: Hq, desk: Desk, till: Till) -> None:
    closed(hq, desk, till)
    at(hq, "2027-02-01")
    buy(desk, till, "2", 10_000, "2027-01-20", "id:M2")
    desk.merge("M1", "M2")
    assert stands(desk, hq, "M2").tier == "GOLD"
    assert hq.balances()["M2"] == 300 + 20
    audited(hq)
    desk.unmerge("M1")
    assert (stands(desk, hq, "M2").tier, hq.balances()["M2"]) == ("BRONZE", 10)
    assert stands(desk, hq, "M1").tier == "GOLD"
    audited(hq)


def test_a_grant_lifts_between_its_days_and_is_told(hq: Hq, desk: Desk, till: Till) -> None:
    closed(hq, desk, till, 290_000)
    at(hq, "2027-02-01")
    first, last = day("2027-02-02"), day("2027-02-28")
    (bucket,) = hq.sql("SELECT bucket FROM members WHERE member_id = 'M1'")[0]
    hq.sql(f"INSERT INTO grants VALUES ({bucket}, 'M1', 7, '{H2}', 'GOLD', {first}, {last}, 0)")  # noqa: S608
    for number, on in enumerate(("2027-02-01", "2027-02-02", "2027-02-28", "2027-03-01"), start=2):
        buy(desk, till, str(number), 10_000, on)
    assert hq.balances()["M1"] == 290 + 10 + 20 + 20 + 10
    at(hq, "2027-02-10")
    now = stands(desk, hq)
    assert (now.tier, now.tier_until) == ("GOLD", "2027-02-28")
    assert now.tier_reason == TierReason(cause="grant", period=H2, since="2027-02-02", decision=7)
    assert (
        list(standing_lines(now, "en"))[1].strip()
        == "by a grant, decision 7, since 2027-02-02, until 2027-02-28"
    )
    assert till.members["M1"].tiers[-2:] == (TierStep(first, "GOLD"), TierStep(day("2027-03-01"), "SILVER"))
