"""Snapshots: bounded pages that never skip a member, and never show one to whom it does not belong."""

from __future__ import annotations

from loyalty_core.lookups import hashed
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase
from tests.hq.till import Till


def rows(count: int, store_id: str = "S012", first: int = 1) -> str:
    lines = [f"M{number},name {number},{store_id}" for number in range(first, first + count)]
    return "member_id,name,home_store\n" + "\n".join(lines) + "\n"


async def test_all_members_of_a_store_come_in_bounded_pages_and_once(hq: Hq, tills: Tills) -> None:
    hq.members(rows(1203) + "X1,other,S099\n")
    till = await tills.join()
    seen: list[str] = []
    for left in (703, 203, 0):
        reply = await tills.exchange(till)
        got = [row.member_id for page in reply.pages for row in page.rows]
        assert len(got) == (500 if left else 203)
        assert (reply.next_in_ms == 0) == bool(left)
        seen += got
    assert sorted(seen) == sorted(f"M{number}" for number in range(1, 1204))
    assert (await tills.exchange(till)).pages == ()


async def test_a_change_in_the_middle_of_the_pages_is_not_skipped(hq: Hq, tills: Tills) -> None:
    hq.members(rows(700))
    till, other = await tills.join(), await tills.join()
    await tills.exchange(till)
    for number in range(1, 701, 7):
        other.record(purchase(str(number), member=f"id:M{number}"))
    await tills.send(other)
    while (await tills.exchange(till)).pages:
        pass
    assert {name: row.balance for name, row in till.members.items()} == {
        f"M{number}": 12 if number % 7 == 1 else 0 for number in range(1, 701)
    }


async def test_a_till_with_a_queue_is_told_of_few_members_until_it_has_brought_it(
    hq: Hq, tills: Tills
) -> None:
    hq.members(rows(560))
    till = await tills.join()
    for number in range(3):
        till.record(purchase(str(number), member="id:M1"))
    told = []
    for batches in ((till.batch(1, 2),), (till.batch(1, 3),), ()):
        reply = await tills.exchange(till, batches)
        assert reply.next_in_ms == 0 or batches == ()
        told.append(sum(len(page.rows) for page in reply.pages))
    assert (told, len(till.members)) == ([50, 500, 10], 560)


async def test_each_terminal_gets_its_own_stamp(hq: Hq, tills: Tills) -> None:
    hq.members(rows(1))
    one, other = await tills.join(), await tills.join()
    one.record(purchase("1"))
    other.record(purchase("2", member=None))
    other.record(purchase("3"))
    await tills.send(one)
    await tills.send(other)
    await tills.exchange(one)
    assert {till.terminal_id: _stamp(till) for till in (one, other)} == {"S012-T01": 1, "S012-T02": 2}
    assert one.members["M1"].balance == other.members["M1"].balance == 24


async def test_a_row_holds_hashes_and_never_a_number(hq: Hq, tills: Tills) -> None:
    hq.members("member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\n")
    till = await tills.join()
    await tills.exchange(till)
    names = ("id:M1", "card:2000123456782", "phone:+821012345678")
    assert set(till.members["M1"].look_ups) == {hashed(name, till.store_key) for name in names}


async def test_cursors_of_another_number_of_buckets_are_refused(tills: Tills) -> None:
    till = await tills.join()
    till.cursors = [0] * 7
    assert await tills.refused("/v1/exchange", till.exchange_request()) == (400, "wire_malformed")


async def test_a_till_gets_the_programme_versions_that_it_lacks(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    assert len((await tills.exchange(till)).programmes) == 1
    till.programme_version = 1
    assert (await tills.exchange(till)).programmes == ()


def _stamp(till: Till) -> int:
    stamp = till.members["M1"].stamp
    assert stamp is not None
    return stamp.seq


async def test_more_points_than_a_row_can_tell_of_keep_no_till_from_a_reply(hq: Hq, tills: Tills) -> None:
    """One row that tills cannot read would keep them from every reply, and so from headquarters for good."""
    hq.members(rows(1))
    till = await tills.join()
    till.record(purchase())
    await tills.send(till)
    hq.tamper("UPDATE totals SET redeemable = 1152921504606846976, qualifying = 1152921504606846976")
    for most in (2**53, -(2**53)):
        till.cursors = []
        await tills.exchange(till)
        row = till.members["M1"]
        assert row.balance == row.qualifying == most
        hq.tamper("UPDATE totals SET redeemable = -redeemable, qualifying = -qualifying")
