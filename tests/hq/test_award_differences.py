"""Awards that are not what their till answered: each has its cause, or is an exception."""

from __future__ import annotations

import pytest

from hq_server.day_view import terminal_days
from hq_server.differences import LOOKED_AT_MAX
from loyalty_core.events import Claim
from loyalty_core.lookups import hashed
from loyalty_core.units import Day
from tests.hq.accounts import (
    CAP,
    MEMBERS,
    net,
)
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.desk import Desk
from tests.hq.events import DAY, back, claim, purchase, visit
from tests.hq.test_audit import run_audit
from tests.hq.till import NOW_MS


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (Claim(1, "BRONZE", 10, 10), "other_tills"),
        (Claim(1, "GOLD", 20, 20), "unexplained"),
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


async def test_a_till_that_answered_by_an_older_tier_has_that_for_its_cause(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    gold = '[[weight]]\nid = "gold"\ntiers = ["GOLD"]\ntimes = "2"\n'
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + gold)
    till = await tills.join()
    till.record(visit(), claim=Claim(2, "GOLD", 20, 20))
    till.record(purchase("1", 12_990, at=NOW_MS + 1), claim=Claim(2, "SILVER", 20, 20))
    await tills.send(till)
    found = hq.sql("SELECT seq, redeemable, cause FROM award_differences ORDER BY seq")
    assert found == [(1, 10, "tier"), (2, 12, "unexplained")]


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
    with hq.writing() as tx:
        awards = {day.terminal_id: day.awards for day in terminal_days(tx, Day(DAY))}
    assert awards == {"S012-T01": {}, "S012-T02": {"unexplained": 1}}
    await tills.send(first)
    assert hq.exceptions() == []


CARD, OTHER_CARD = "card:2000123456782", "card:2000123456799"


@pytest.mark.parametrize("imported_before", [False, True])
@pytest.mark.parametrize(("answered", "cause"), [(12, "other_names"), (11, "unexplained"), (3, None)])
async def test_what_one_till_kept_under_two_names_of_one_member_is_explained_by_that_alone(
    hq: Hq, tills: Tills, answered: int, cause: str | None, imported_before: bool
) -> None:
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + CAP)
    members = "member_id,lookups,phone\nM1,2000123456782,010-1234-5678\n"
    if imported_before:
        hq.members(members)
    till = await tills.join()
    phone = hashed("phone:+821012345678", till.store_key)
    till.record(purchase("1", 12_990, member=CARD), claim=Claim(2, "BRONZE", 12, 12))
    second = Claim(2, "BRONZE", answered, answered)
    till.record(purchase("2", 12_990, member=phone, at=NOW_MS + 1), claim=second)
    await tills.send(till)
    if not imported_before:
        hq.members(members)
    await tills.until(lambda: hq.balances() == {"M1": 15})
    found = hq.sql("SELECT seq, redeemable, cause FROM award_differences")
    assert found == ([] if cause is None else [(2, 3, cause)])
    assert [kind for kind, _ in hq.exceptions()] == ["award_unexplained"] * (cause == "unexplained")
    run_audit(hq)


async def test_what_a_till_answered_before_two_members_were_one_is_explained_while_they_are(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(visit(), claim=Claim(1, "BRONZE", 10, 10))
    till.record(visit("id:M2", at=NOW_MS + 1), claim=Claim(1, "BRONZE", 10, 10))
    await tills.send(till)
    desk = Desk(hq)
    desk.merge("M2", "M1")
    assert hq.sql("SELECT member_id, seq, cause FROM award_differences") == [("M1", 2, "other_names")]
    assert hq.exceptions() == []
    run_audit(hq)
    desk.unmerge("M2")
    assert hq.sql("SELECT cause FROM award_differences") == []


async def test_of_three_names_a_till_may_know_that_two_are_one(hq: Hq, tills: Tills) -> None:
    hq.members("member_id,lookups\nM1,2000123456782;2000123456799\n")
    till = await tills.join()
    till.record(visit(CARD), claim=Claim(1, "BRONZE", 10, 10))
    till.record(visit(OTHER_CARD, at=NOW_MS - 2), claim=Claim(1, "BRONZE", 10, 10))
    till.record(visit("id:M1", at=NOW_MS - 1), claim=Claim(1, "BRONZE", 10, 10))
    till.record(visit("id:M1", at=NOW_MS + 1), claim=Claim(1, "BRONZE", 10, 10))
    await tills.send(till)
    found = hq.sql("SELECT seq, cause FROM award_differences ORDER BY seq")
    assert found == [(1, "later_events"), (3, "other_names"), (4, "unexplained")]


async def test_of_a_day_on_which_much_differs_the_causes_of_the_first_are_looked_for(
    hq: Hq, tills: Tills
) -> None:
    """Each takes all of its day, so that a till that claims nonsense all day would hold up the others."""
    hq.members(MEMBERS)
    till = await tills.join()
    for number in range(20):
        till.record(purchase(str(number), at=NOW_MS + number), claim=Claim(1, "BRONZE", 3, 3))
    till.record(back("r", of="0", at=NOW_MS + 30), claim=Claim(7, "BRONZE", 3, 3))
    await tills.send(till)
    looked = LOOKED_AT_MAX // 21
    found = hq.sql("SELECT cause, count(*), min(seq), max(seq) FROM award_differences GROUP BY 1 ORDER BY 2")
    assert found == [
        ("programme_version", 1, 21, 21),
        ("day_too_long", 20 - looked, looked + 1, 20),
        ("unexplained", looked, 1, looked),
    ]
    assert [kind for kind, _ in hq.exceptions()] == ["award_unexplained"] * looked
    run_audit(hq)
