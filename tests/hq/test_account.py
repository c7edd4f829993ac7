"""Accounts at headquarters: what comes back, is claimed, spent and held."""

from __future__ import annotations

import itertools

from loyalty_core.events import Event
from loyalty_core.messages import Ask
from tests.hq.accounts import (
    DAY_MS,
    EXPIRY,
    JULY,
    MEMBERS,
    REDEEM,
    arrive,
    audited,
    entries,
)
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import DAY, back, claim, purchase, spent, void
from tests.hq.till import NOW_MS


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


async def test_nothing_is_held_for_a_till_that_was_set_back_or_cannot_be_placed(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM)
    till = await arrive(tills, purchase("1", 50_000))
    image = list(till.records)
    till.record(purchase("2", 10_000))
    await tills.send(till)
    held = till.records
    for name, records, batches in (("journal_behind", image, [till.batch()]), ("fork", [*image, *image], [])):
        till.records = list(records)
        reply = await tills.exchange(till, batches, asks=[Ask("R1", "id:M1", 40)])
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
