"""New members by local HTTP: answered as a look-up is, once for each key, and nothing of them set aside."""

from __future__ import annotations

from tests.edge.counter import Counter, problem
from tests.edge.made import CARD, HeldClock, purchase

BODY = {"name": "홍길동", "phone": "010-9876-5432", "birthday": "1990-05-31", "language": "ko"}


async def test_who_joins_is_answered_as_they_are_found(counter: Counter) -> None:
    said = await counter.ok("/v1/members", BODY, "k")
    assert said.pop("event")["id"] == "S012-T03.1.2"
    assert said.pop("repeated") is False
    assert (said["provisional"], said["masked_name"], said["tier"]) == (True, "홍*동", "BRONZE")
    assert (said["balance"], said["available"], said["member_id"], said["as_of"]) == (0, 0, "", None)
    assert await (await counter.get("/v1/members/01098765432")).json() == said
    sale = await counter.ok("/v1/receipts", purchase(member="+82 10-9876-5432"))
    assert sale["member"]["masked_name"] == "홍*동"
    assert sale["member"]["balance"] == sale["points"]["redeemable"] > 0


async def test_the_same_key_is_the_same_member_and_no_other(counter: Counter) -> None:
    first = await counter.ok("/v1/members", BODY, "k")
    assert await counter.ok("/v1/members", BODY, "k") == first | {"repeated": True}
    response = await counter.post("/v1/members", BODY | {"name": "김철수"}, "k")
    assert await problem(response) == (409, "idempotency_conflict")
    assert await problem(await counter.post("/v1/members", BODY)) == (400, "idempotency_key_missing")


async def test_what_is_refused_says_why_and_is_not_set_aside(counter: Counter) -> None:
    await counter.know(CARD)
    for body, expected in (
        (BODY | {"card": CARD}, (409, "member_known")),
        (BODY | {"phone": "1"}, (422, "phone_invalid")),
        (BODY | {"surname": "홍"}, (422, "request_invalid")),
        (BODY | {"consent": 2}, (422, "consent_needed")),
        (BODY | {"occurred_at": "2027-01-01T00:00:00+09:00"}, (422, "date_in_future")),
    ):
        response = await counter.post("/v1/members", body, "k")
        assert "홍길동" not in await response.text()
        assert await problem(response) == expected
    assert await counter.refused() == []
    await counter.ok("/v1/members", BODY, "k")


async def test_without_a_key_to_seal_to_nobody_joins_for_now(counter: Counter) -> None:
    await counter.do(lambda conn: conn.execute("DELETE FROM sealing_key"))
    assert await problem(await counter.post("/v1/members", BODY, "k")) == (503, "sealing_key_missing")


async def test_the_text_to_agree_to_is_told(counter: Counter) -> None:
    said = await (await counter.get("/v1/consent")).json()
    assert said["version"] == 0
    assert said["texts"].keys() == {"ko", "en"}
    counter.clock.wall = HeldClock("2001-01-01 00:00").wall
    assert await problem(await counter.get("/v1/consent")) == (422, "clock_lost")
