"""The account in full at headquarters: what comes back, is claimed, spent, capped, expires, or is late."""

from __future__ import annotations

import itertools

import pytest

from hq_server.day_view import terminal_days
from hq_server.rederive import expire, rederive_some
from hq_server.store.connection import writing
from hq_server.store.database import opened
from loyalty_core.events import Claim, Event
from loyalty_core.messages import Ask
from loyalty_core.units import Day, EpochMs
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import DAY, back, claim, purchase, spent, visit, void
from tests.hq.test_audit import run_audit
from tests.hq.till import NOW_MS, Till

MEMBERS = (
    "member_id,lookups,name,phone,home_store,birthday\n"
    "M1,2000123456782,홍길동,010-1234-5678,S012,1990-11-21\nM2,2000123456799,김철수,,S012,\n"
)
REDEEM = "[redeem]\nminimum = 10\nstep = 1\nminor_per_point = 1\noffline_points = 50\n"
EXPIRY = "[expiry]\nafter_periods = 1\n"
CAP = '[[cap]]\nid = "daily"\npoints = 15\nper = "day"\n'
DAY_MS = 86_400_000
JULY = DAY + 222
"""2027-07-01: what was earned in 2026-H2 has expired."""


def entries(hq: Hq, member: str = "M1") -> list[tuple[str, int, int]]:
    """Return (kind, redeemable, qualifying) in the order of posting."""
    return [
        (kind, redeemable, qualifying)
        for kind, redeemable, qualifying in hq.sql(
            f"SELECT kind, redeemable, qualifying FROM entries WHERE member_id = '{member}' ORDER BY entry_no"  # noqa: S608
        )
    ]


def net(hq: Hq, member: str = "M1") -> dict[tuple[str, str, int, str], tuple[int, int]]:
    """Return the net points of each thing that moved any, whatever it took to get there."""
    rows = hq.sql(
        "SELECT coalesce(corrects, kind), terminal_id || '.' || seq, earned_day, period_id || rule,"  # noqa: S608
        f" sum(redeemable), sum(qualifying) FROM entries WHERE member_id = '{member}'"
        " GROUP BY 1, 2, 3, 4 HAVING sum(redeemable) <> 0 OR sum(qualifying) <> 0"
    )
    return {(row[0], row[1], row[2], row[3]): (row[4], row[5]) for row in rows}


def chores(hq: Hq) -> None:
    """Do what the server's background would."""
    now_ms = EpochMs(hq.clock())
    with opened(hq.config.database_path) as connection, writing(connection) as tx:
        expire(tx, now_ms)
    with opened(hq.config.database_path) as connection, writing(connection) as tx:
        while rederive_some(tx, now_ms):
            pass


def audited(hq: Hq) -> None:
    """Derive everything again."""
    run_audit(hq)


async def arrive(tills: Tills, *events: Event) -> Till:
    """Bring events by one till."""
    till = await tills.join()
    for event in events:
        till.record(event)
    await tills.send(till)
    return till


async def test_a_return_takes_back_what_the_returned_part_had_earned(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    await arrive(tills, purchase(), back())
    assert entries(hq) == [("earn", 12, 12), ("clawback", -3, -3)]
    assert hq.exceptions() == []
    audited(hq)


async def test_returns_before_their_purchase_by_other_tills_in_any_order_come_to_the_same(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    facts: list[Event] = [purchase(), back("r1", net=3_990), back("r2", net=1_000, at=NOW_MS + 5)]
    found = []
    for order in itertools.permutations(range(3)):
        journals = [await tills.join() for _ in facts]
        for place, till in enumerate(journals):
            till.record(facts[place])
        for place in order:
            await tills.send(journals[place])
        found.append(hq.balances())
        audited(hq)
    assert found == [{"M1": 8}] * 6


async def test_a_return_whose_purchase_has_not_come_waits_as_an_exception(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(back())
    await tills.send(till)
    assert [kind for kind, _ in hq.exceptions()] == ["return_waiting"]
    till.record(purchase())
    await tills.send(till)
    assert hq.exceptions() == []
    assert hq.balances() == {"M1": 9}


async def test_a_claim_gives_an_anonymous_purchase_and_what_came_back_of_it(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    await arrive(tills, purchase(member=None), back(), claim())
    assert hq.balances() == {"M1": 9}
    audited(hq)


async def test_a_late_claim_and_a_lost_one_are_exceptions_and_give_nothing(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    long_ago = purchase(member=None, at=NOW_MS - 15 * DAY_MS, day=DAY - 15)
    await arrive(tills, long_ago, claim(of_day=DAY - 15), purchase("2"), claim("2", "id:M2"))
    assert hq.balances() == {"M1": 12}
    assert [kind for kind, _ in hq.exceptions()] == ["claim_late", "claim_lost"]


async def test_points_spent_on_a_purchase_come_back_once_when_nothing_of_it_remains(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await arrive(tills, purchase("1", 50_000), purchase("2", 20_000), spent(30, paid="2"))
    assert hq.balances() == {"M1": 40}
    till.record(void("2", at=NOW_MS + 10))
    till.record(back("r9", of="2", net=20_000, at=NOW_MS + 11))
    await tills.send(till)
    assert hq.balances() == {"M1": 50}
    assert entries(hq)[-2:] == [("clawback", -20, -20), ("redeem_rollback", 30, 0)]
    assert [kind for kind, _ in hq.exceptions()] == ["return_exceeds"]
    audited(hq)


async def test_two_redemptions_on_a_purchase_that_is_voided_come_back_each_with_its_own_reason(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await arrive(tills, purchase("1", 50_000), purchase("2", 20_000), spent(30, paid="2"))
    till.record(spent(7, "R2", paid="2", at=NOW_MS + 5))
    till.record(void("2", at=NOW_MS + 10))
    await tills.send(till)
    assert sorted(entries(hq)[-2:]) == [("redeem_rollback", 7, 0), ("redeem_rollback", 30, 0)]
    audited(hq)


async def test_a_redemption_counts_once_whatever_tills_commit_it(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    await arrive(tills, purchase("1", 50_000), spent(30))
    await arrive(tills, spent(30, at=NOW_MS + 99))
    assert hq.balances() == {"M1": 20}
    audited(hq)


async def test_spending_more_than_there_is_is_flagged_until_points_fill_it(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await arrive(tills, spent(30))
    assert hq.balances() == {"M1": -30}
    assert hq.exceptions() == [("overdrawn", "M1")]
    till.record(purchase("1", 40_000))
    await tills.send(till)
    assert hq.balances() == {"M1": 10}
    assert hq.exceptions() == []


async def test_a_hold_is_given_once_kept_from_others_and_ended_by_the_commit(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM)
    first, second = await arrive(tills, purchase("1", 50_000)), await tills.join()
    ask = Ask("R1", "id:M1", 40)
    granted = await tills.exchange(first, asks=[ask])
    again = await tills.exchange(first, asks=[ask])
    assert granted.answers == again.answers
    assert (granted.answers[0].granted, granted.answers[0].code) == (40, "")
    assert granted.answers[0].until_ms == NOW_MS + 15 * 60_000
    refused = await tills.exchange(second, asks=[Ask("R2", "id:M1", 11)])
    assert (refused.answers[0].granted, refused.answers[0].code) == (0, "points_missing")
    assert (await tills.exchange(second, asks=[Ask("R3", "id:M1", 10)])).answers[0].granted == 10
    first.record(spent(40))
    await tills.send(first)
    assert hq.sql("SELECT redemption_id FROM holds") == [("R3",)]
    assert hq.balances() == {"M1": 10}


async def test_nothing_is_held_for_a_till_that_was_set_back_or_copied(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM)
    till = await arrive(tills, purchase("1", 50_000))
    image = list(till.records)
    till.record(purchase("2", 10_000))
    await tills.send(till)
    held = till.records
    for name, records in (("journal_behind", image), ("fork", [*image, *image])):
        till.records = list(records)
        reply = await tills.exchange(till, [till.batch()], asks=[Ask("R1", "id:M1", 40)])
        assert {one.code for one in reply.refusals} == {name}
        assert (reply.answers, hq.sql("SELECT 1 FROM holds")) == ((), [])
    till.records = held
    assert (await tills.exchange(till, asks=[Ask("R1", "id:M1", 40)])).answers[0].granted == 40


async def test_a_hold_lapses_and_the_points_can_be_asked_for_again(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM)
    till = await arrive(tills, purchase("1", 50_000))
    await tills.exchange(till, asks=[Ask("R1", "id:M1", 50)])
    hq.clock.now += 16 * 60_000
    await tills.until(lambda: not hq.sql("SELECT 1 FROM holds"))
    assert (await tills.exchange(till, asks=[Ask("R2", "id:M1", 50)])).answers[0].granted == 50


async def test_a_row_tells_the_allowance_and_what_other_tills_hold(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM + EXPIRY)
    till, other = await arrive(tills, purchase("1", 70_000)), await tills.join()
    await tills.exchange(other, asks=[Ask("R1", "id:M1", 40)])
    await tills.exchange(till)
    row = till.members["M1"]
    assert (row.balance, row.allowance, row.held) == (70, 50, 40)
    assert [(one.points, one.last_day) for one in row.expiring] == [(70, JULY - 1)]
    await tills.exchange(other)
    assert other.members["M1"].held == 0


CAPPED = (
    PROGRAMME.replace("version = 1", "version = 2")
    + """
[[cap]]
id = "half-year"
points = 30
per = "period"

[[bonus]]
id = "third-visit"
on = "visit"
points = 7
per = "period"
nth = 3

[[bonus]]
id = "welcome"
on = "purchase"
points = 5
first = true

[[bonus]]
id = "birthday"
on = "purchase"
points = 9
birthday = true
per = "period"
"""
)


async def test_period_rules_are_entries_of_their_own_and_tell_the_tills_how_far_they_are(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    hq.publish(CAPPED)
    visits = [visit(at=NOW_MS + day * DAY_MS) for day in range(3)]
    visits = [
        type(one)(one.member, one.occurred_at_ms, DAY + n, "till", None) for n, one in enumerate(visits)
    ]
    till = await arrive(tills, purchase(), *visits)
    assert net(hq) == {
        ("earn", "S012-T01.1", DAY, "2026-H2"): (12, 12),
        ("earn", "S012-T01.2", DAY, "2026-H2"): (10, 10),
        ("earn", "S012-T01.3", DAY + 1, "2026-H2"): (10, 10),
        ("earn", "S012-T01.4", DAY + 2, "2026-H2"): (10, 10),
        ("cap", ".0", 0, "2026-H2half-year"): (-12, -12),
        ("bonus", "S012-T01.4", 0, "2026-H2third-visit"): (7, 7),
        ("bonus", "S012-T01.1", 0, "2026-H2welcome"): (5, 5),
        ("bonus", "S012-T01.1", 0, "2026-H2birthday"): (9, 9),
    }
    row = till.members["M1"]
    assert row.balance == 30 + 21
    tallies = {one.rule: (one.matches, one.redeemable) for one in row.tallies}
    assert (tallies["half-year"], tallies["third-visit"], tallies["welcome"]) == ((0, 30), (3, 0), (1, 0))
    assert row.birthday == DAY
    audited(hq)


async def test_period_rules_move_by_diff_when_an_earlier_visit_comes_or_the_first_purchase_goes(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    hq.publish(CAPPED)
    late: list[Event] = [purchase(), purchase("2", 3_000, at=NOW_MS + DAY_MS, day=DAY + 1)]
    till = await arrive(tills, *late)
    assert net(hq)["bonus", "S012-T01.1", 0, "2026-H2welcome"] == (5, 5)
    till.record(void(at=NOW_MS + 2 * DAY_MS))
    await tills.send(till)
    assert ("bonus", "S012-T01.1", 0, "2026-H2welcome") not in net(hq)
    assert net(hq)["bonus", "S012-T01.2", 0, "2026-H2welcome"] == (5, 5)
    assert hq.balances() == {"M1": 8}
    audited(hq)


async def test_points_expire_by_lot_and_a_late_redemption_restores_what_it_would_have_spent(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM + EXPIRY)
    till = await arrive(tills, purchase("1", 50_000), spent(20))
    hq.clock.now = NOW_MS + 222 * DAY_MS
    chores(hq)
    assert hq.balances() == {"M1": 0}
    assert entries(hq)[-1] == ("expiry", -30, 0)
    till.record(spent(25, "R2", at=NOW_MS + 5))
    await tills.send(till)
    assert hq.balances() == {"M1": 0}
    assert entries(hq)[-2:] == [("correction", 25, 0), ("redemption", -25, 0)]
    audited(hq)
    chores(hq)
    assert len(entries(hq)) == 5


async def test_points_given_back_into_a_lot_that_has_expired_expire_with_it(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM + EXPIRY)
    till = await arrive(tills, purchase("1", 50_000), purchase("2", 20_000), spent(60, paid="2"))
    hq.clock.now = NOW_MS + 222 * DAY_MS
    chores(hq)
    till.record(back("r1", of="2", net=20_000, at=hq.clock.now, day=JULY))
    await tills.send(till)
    assert hq.balances() == {"M1": 0}
    assert net(hq)["redeem_rollback", "S012-T01.4", DAY, "2027-H2R1"] == (60, 0)
    assert net(hq)["expiry", ".0", 0, "2026-H22026-H2"] == (-50, 0)
    audited(hq)


def close(hq: Hq, period_id: str) -> None:
    """Close a period as the decision of the close does."""
    hq.sql(f"INSERT INTO bucket_closes SELECT bucket, '{period_id}', change_no FROM buckets")  # noqa: S608


async def test_after_the_close_gains_count_beside_and_late_clawbacks_take_them_first(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await arrive(tills, purchase("1", 50_000), purchase("2", 9_000, at=NOW_MS + DAY_MS, day=DAY + 1))
    close(hq, "2026-H2")
    january = DAY + 50
    till.record(purchase("3", 4_000, at=NOW_MS + 2 * DAY_MS, day=DAY + 2))
    till.record(back("r1", of="1", net=10_000, at=NOW_MS + 50 * DAY_MS, day=january))
    await tills.send(till)
    totals: dict[str, int] = dict(hq.sql("SELECT period_id, qualifying FROM totals"))
    assert totals == {"2026-H2": 59, "2027-H1": -6}
    assert hq.balances() == {"M1": 53}
    till.record(purchase("4", 8_000, at=NOW_MS + 3 * DAY_MS, day=DAY + 3))
    await tills.send(till)
    totals = dict(hq.sql("SELECT period_id, qualifying FROM totals"))
    assert totals == {"2026-H2": 61, "2027-H1": 0}
    audited(hq)


async def test_late_clawbacks_keep_their_turn_whenever_points_were_spent_on_what_they_take_back(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await arrive(tills, purchase("1", 20_000), purchase("2", 20_000))
    close(hq, "2026-H2")
    till.record(purchase("3", 12_000, at=NOW_MS + 5))
    first = till.record(void("1", at=NOW_MS + 10))
    second = till.record(back("r1", of="2", net=5_000, at=NOW_MS + 20))
    till.record(spent(5, paid="1", at=NOW_MS + 30))
    await tills.send(till)
    rows = hq.sql("SELECT seq, period_id, qualifying FROM entries WHERE kind = 'clawback' ORDER BY 1, 2")
    assert rows == [
        (first, "2026-H2", -12),
        (first, "2027-H1", -8),
        (second, "2026-H2", 0),
        (second, "2027-H1", -5),
    ]
    audited(hq)


async def test_a_closed_total_never_falls_whatever_is_taken_back(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await arrive(tills, purchase("1", 50_000))
    close(hq, "2026-H2")
    till.record(void(at=NOW_MS + 50 * DAY_MS))
    await tills.send(till)
    totals: dict[str, int] = dict(hq.sql("SELECT period_id, qualifying FROM totals"))
    assert totals["2026-H2"] == 50
    assert hq.balances() == {"M1": 0}
    audited(hq)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (Claim(1, "BRONZE", 10, 10), "other_tills"),
        (Claim(1, "GOLD", 20, 20), "tier"),
        (Claim(7, "BRONZE", 20, 20), "programme_version"),
        (Claim(1, "BRONZE", 3, 3), "unexplained"),
        (None, None),
    ],
)
async def test_an_award_that_is_not_the_tills_claim_has_its_cause(
    hq: Hq, tills: Tills, said: Claim | None, cause: str | None
) -> None:
    hq.members(MEMBERS)
    first, second = await tills.join(), await tills.join()
    first.record(visit(), claim=Claim(1, "BRONZE", 10, 10))
    second.record(visit(at=NOW_MS + 1), claim=said)
    for till in (first, second):
        await tills.send(till)
    found = hq.sql("SELECT terminal_id, redeemable, cause FROM award_differences")
    assert found == ([] if cause is None else [("S012-T02", 0, cause)])
    assert hq.balances() == {"M1": 10}


async def test_a_return_that_another_tills_return_came_before_has_that_for_its_cause(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    first, second = await tills.join(), await tills.join()
    first.record(purchase("1", 12_990), claim=Claim(1, "BRONZE", 12, 12))
    first.record(back("r1", net=1_500, at=NOW_MS + 20), claim=Claim(1, "BRONZE", -1, -1))
    second.record(back("r2", net=1_500, at=NOW_MS + 10))
    for till in (first, second):
        await tills.send(till)
    assert net(hq)["clawback", "S012-T01.2", DAY, "2026-H2"] == (-2, -2)
    found = hq.sql("SELECT terminal_id, redeemable, cause FROM award_differences ORDER BY 1")
    assert found == [("S012-T01", -2, "other_tills"), ("S012-T02", -1, "nothing_claimed")]
    assert hq.exceptions() == []


async def test_a_till_that_has_a_copy_of_its_own_knew_the_purchase(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    first, second = await tills.join(), await tills.join()
    for till in (first, second):
        till.record(purchase("1", 12_990), claim=Claim(1, "BRONZE", 12, 12))
    second.record(back("r1", net=1_500, at=NOW_MS + 20), claim=Claim(1, "BRONZE", -1, -1))
    second.record(back("r2", net=1_500, at=NOW_MS + 10), claim=Claim(1, "BRONZE", -1, -1))
    for till in (first, second):
        await tills.send(till)
    found = hq.sql("SELECT terminal_id, redeemable, cause FROM award_differences")
    assert found == [("S012-T02", -2, "later_events")]
    assert hq.exceptions() == []


@pytest.mark.parametrize(("elsewhere", "cause"), [(False, "later_events"), (True, "other_tills")])
async def test_a_claim_is_the_cause_where_its_purchase_changes_what_was_answered_before_it(
    hq: Hq, tills: Tills, elsewhere: bool, cause: str
) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + CAP)
    first, second = await tills.join(), await tills.join()
    first.record(purchase("1", 12_990, member=None))
    first.record(purchase("2", 12_990, at=NOW_MS + 1), claim=Claim(2, "BRONZE", 12, 12))
    if elsewhere:
        second.record(claim(at=NOW_MS + 2))
    else:
        first.record(claim(at=NOW_MS + 2), claim=Claim(2, "BRONZE", 12, 12))
    for till in (first, second):
        await tills.send(till)
    found = hq.sql("SELECT seq, redeemable, cause FROM award_differences ORDER BY seq")
    assert found == [(1, 12, "nothing_claimed")] * elsewhere + [(2, 3, cause)]
    assert hq.exceptions() == []


async def test_a_difference_is_gone_when_the_award_is_what_the_till_said(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    first, second = await tills.join(), await tills.join()
    first.record(visit(), claim=Claim(1, "BRONZE", 10, 10))
    second.record(visit(at=NOW_MS + 1), claim=Claim(1, "BRONZE", 0, 0))
    await tills.send(second)
    assert hq.sql("SELECT cause FROM award_differences") == [("unexplained",)]
    await tills.send(first)
    assert hq.sql("SELECT cause FROM award_differences") == []


async def test_an_award_without_a_cause_is_an_exception_until_it_is_what_the_till_said(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    first, second = await tills.join(), await tills.join()
    first.record(visit(), claim=Claim(1, "BRONZE", 10, 10))
    second.record(visit(at=NOW_MS + 1), claim=Claim(1, "BRONZE", 0, 0))
    await tills.send(second)
    assert hq.exceptions() == [("award_unexplained", "M1/S012-T02.1.1")]
    with opened(hq.config.database_path) as connection, writing(connection) as tx:
        awards = {day.terminal_id: day.awards for day in terminal_days(tx, Day(DAY))}
    assert awards == {"S012-T01": {}, "S012-T02": {"unexplained": 1}}
    await tills.send(first)
    assert hq.exceptions() == []
