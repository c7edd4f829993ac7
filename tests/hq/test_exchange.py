"""The whole way at headquarters: what a till brings is kept, posted once and told back."""

from __future__ import annotations

from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase, visit

MEMBERS = "member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\n"


async def test_what_a_till_brings_is_posted_and_told_back_with_its_stamp(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase("1"))
    till.record(visit())
    reply = await tills.send(till)
    assert till.acknowledged(reply) == {1: 2}
    assert reply.refusals == ()
    assert hq.balances() == {"M1": 22}
    row = till.members["M1"]
    assert (row.balance, row.qualifying, row.period_id, row.tier) == (22, 22, "2026-H2", "BRONZE")
    assert row.stamp is not None
    assert (row.stamp.epoch, row.stamp.branch, row.stamp.seq) == (1, 0, 2)
    assert row.masked_name == "홍*동"
