"""What the local HTTP face answers to receipts, look-ups and shown cards."""

from __future__ import annotations

import asyncio
import json
from typing import Final

import msgspec
import pytest

from edge_agent.store.outbox import Link, set_link
from loyalty_core.events import AT_MAX
from loyalty_core.messages import Expiring
from tests.edge.counter import Counter, problem
from tests.edge.made import (
    CARD,
    OTHER_CARD,
    PHONE,
    HeldClock,
    at,
    day,
    member,
    purchase,
    returned,
    void,
)
from tests.edge.redemptions.redeeming_till import coupon_of

MEMBER: Final = {
    "masked_name": "홍*동",
    "tier": "SILVER",
    "tier_until": None,
    "discount": None,
    "balance": 112,
    "as_of": None,
    "expiring": [{"points": 12, "usable_until": "2027-12-31"}],
    "period": {"id": "2026-H2", "qualifying": 212, "until": "2026-12-31"},
    "next": {
        "tier": "GOLD",
        "missing": 88,
        "ways": ["five visits (one a day)", "a purchase of 44,000 won"],
    },
}


async def test_a_receipt_is_answered_in_the_shape_that_was_promised(counter: Counter) -> None:
    await counter.know(CARD)
    receipt = {
        "kind": "purchase",
        "receipt": {"store": "S012", "till": "T03", "business_date": "2026-11-21", "number": "000123"},
        "member": CARD,
        "currency": "KRW",
        "occurred_at": "2026-11-21T10:31:00+09:00",
        "lines": [{"number": 1, "sku": "A1", "category": "grocery", "quantity": "2", "net_minor": 12990}],
        "net_minor": 12990,
        "tax_minor": 1181,
        "tenders": [{"type": "card", "amount_minor": 12990}],
    }
    assert await counter.ok("/v1/receipts", receipt) == {
        "event": {"id": "S012-T03.1.2", "terminal": "S012-T03", "epoch": 1, "seq": 2},
        "provisional": True,
        "repeated": False,
        "points": {"redeemable": 12, "qualifying": 12},
        "steps": [{"rule": "spend", "kind": "earn", "saw": "12990", "before": 0, "after": 12}],
        "member": MEMBER,
        "message": [
            "12 points",
            "88 more to GOLD by 31 December: five visits (one a day), or a purchase of 44,000 won",
        ],
        "notices": [],
        "offers": [],
    }


async def test_a_receipt_that_comes_again_is_answered_again(counter: Counter) -> None:
    first = await counter.ok("/v1/receipts", purchase())
    assert await counter.ok("/v1/receipts", purchase()) == first | {"repeated": True}


async def test_a_receipt_of_nobody_is_answered_without_a_member(counter: Counter) -> None:
    answer = await counter.ok("/v1/receipts", purchase(member=None))
    assert (answer["member"], answer["message"], answer["points"]["redeemable"]) == (None, [], 0)


async def test_many_receipts_at_once_each_get_their_own_answer(counter: Counter) -> None:
    answers = await asyncio.gather(
        *[counter.ok("/v1/receipts", purchase(str(n), net_minor=1000 * (n % 9))) for n in range(1, 60)]
    )
    assert [answer["points"]["redeemable"] for answer in answers] == [n % 9 for n in range(1, 60)]
    assert len({answer["event"]["seq"] for answer in answers}) == 59


async def test_a_visit_that_was_made_today_is_not_promised_again(counter: Counter) -> None:
    await counter.know(CARD)
    answer = await counter.ok("/v1/visits", {"member": CARD}, key="v1")
    ways = ["four visits from tomorrow (one a day)", "a purchase of 40,000 won"]
    assert answer["member"]["next"] == {"tier": "GOLD", "missing": 80, "ways": ways}
    assert answer["message"][1].endswith(f": {', or '.join(ways)}")


async def test_without_a_clock_nothing_is_promised(counter: Counter) -> None:
    await counter.know(CARD)
    counter.clock.wall = 0
    answer = await counter.ok("/v1/receipts", purchase())
    assert answer["member"]["next"] == {"tier": "GOLD", "missing": 88, "ways": []}
    assert answer["message"][1] == "88 more to GOLD by 31 December"


@pytest.mark.parametrize("wall", [0, AT_MAX + 1])
async def test_without_a_clock_a_member_is_found_as_headquarters_last_knew_and_nothing_is_for_spending(
    counter: Counter, wall: int
) -> None:
    await counter.know_row(member(balance=5000, coupons=(coupon_of(),)))
    lookup = f"/v1/members/{CARD}"
    known = await (await counter.get(lookup)).json()
    assert known["rewards"]
    assert known["coupons"]
    counter.clock.wall = wall
    found = await (await counter.get(lookup)).json()
    ahead = known["next"] | {"ways": []}
    assert found == known | {"next": ahead, "coupons": [], "rewards": []}


async def test_without_a_clock_what_headquarters_last_knew_of_as_expired_is_not_shown(
    counter: Counter,
) -> None:
    await counter.know_row(member(balance=100, expiring=(Expiring(30, day("2026-11-30")),)))
    counter.clock.wall = 0
    lookup = f"/v1/members/{CARD}"
    assert (await (await counter.get(lookup)).json())["balance"] == 100, "nobody knows what day it is"
    said = Link(hq_time_ms=at("2026-12-01 12:00"))
    await counter.do(lambda conn: set_link(conn, said))
    assert (await (await counter.get(lookup)).json())["balance"] == 70


async def test_an_event_of_a_past_period_is_answered_with_the_period_that_has_begun(
    counter: Counter,
) -> None:
    counter.clock.wall = int(at("2027-01-05 12:00"))
    await counter.know(CARD)
    ahead = {"id": "2027-H1", "qualifying": 0, "until": "2027-06-30"}
    for what in (purchase(), returned(net_minor=3_990), void(occurred_at="2026-11-20T12:30:00+09:00")):
        answer = await counter.ok("/v1/receipts", what)
        assert answer["member"]["period"] == ahead
        assert answer["message"][1].startswith("100 more to SILVER by 30 June")


async def test_a_receipt_of_the_next_period_is_answered_with_that(counter: Counter) -> None:
    counter.clock.wall = int(at("2026-12-31 23:00"))
    await counter.know(CARD)
    answer = await counter.ok("/v1/receipts", purchase(on="2027-01-01"))
    assert answer["member"]["period"]["id"] == "2027-H1"


async def test_a_member_is_found_by_card_phone_or_id(counter: Counter) -> None:
    await counter.know(CARD)
    await counter.ok("/v1/receipts", purchase())
    found = await (await counter.get(f"/v1/members/{CARD}")).json()
    assert found == MEMBER | {
        "member_id": "M1",
        "provisional": False,
        "available": 112,
        "coupons": [],
        "rewards": [],
    }
    assert await (await counter.get("/v1/members/M1")).json() == found
    assert await problem(await counter.get(f"/v1/members/{OTHER_CARD}")) == (404, "member_unknown")
    assert await problem(await counter.get(f"/v1/members/{PHONE}")) == (404, "member_unknown")
    assert await problem(await counter.get("/v1/members/id:M3")) == (404, "member_unknown")
    assert await problem(await counter.get("/v1/members/***")) == (422, "member_unreadable")


async def test_two_cards_shown_are_offered_to_the_cashier_by_masked_name_and_what_claims_take(
    counter: Counter,
) -> None:
    await counter.know(CARD, OTHER_CARD)
    for key, card in (("a", CARD), ("b", OTHER_CARD)):
        await counter.ok("/v1/presented", {"member": card, "occurred_at": "2026-11-20T10:30:00+09:00"}, key)
    answer = await counter.ok("/v1/receipts", purchase(member=None))
    assert answer["offers"] == [
        {"masked_name": "홍*동", "member": "id:M1"},
        {"masked_name": "홍*동", "member": "id:M2"},
    ]
    assert answer["member"] is None


async def test_a_shown_card_pairs_with_the_next_receipt(counter: Counter) -> None:
    await counter.ok("/v1/presented", {"member": CARD, "occurred_at": "2026-11-20T10:30:00+09:00"}, "a")
    assert (await counter.ok("/v1/receipts", purchase(member=None)))["points"]["redeemable"] == 12


def test_the_clock_of_these_tests_is_the_one_of_the_receipts() -> None:
    assert HeldClock().wall_ms() == at("2026-12-05 12:00")
    assert msgspec.json.decode(json.dumps(purchase()))["receipt"]["business_date"] == "2026-11-20"
