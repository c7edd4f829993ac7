"""Visits by local HTTP: made once under a key, undone once."""

from __future__ import annotations

import pytest

from loyalty_core.events import AT_MAX
from tests.edge.counter import Counter, problem
from tests.edge.made import CARD, OTHER_CARD


async def test_a_visit_is_one_visit_however_often_it_is_sent(counter: Counter) -> None:
    body = {"member": CARD, "occurred_at": "2026-11-24T11:59:00+09:00"}
    first = await counter.ok("/v1/visits", body, "k1")
    assert first["points"]["redeemable"] == 15
    again = await counter.ok("/v1/visits", body, "k1")
    assert again == first | {"repeated": True}


async def test_a_key_used_for_another_request_is_refused(counter: Counter) -> None:
    await counter.ok("/v1/visits", {"member": CARD}, "k1")
    for path, body in (("/v1/visits", {"member": OTHER_CARD}), ("/v1/presented", {"member": CARD})):
        assert await problem(await counter.post(path, body, "k1")) == (409, "idempotency_conflict")
    assert await counter.refused() == []


@pytest.mark.parametrize("path", ["/v1/visits", "/v1/presented", "/v1/claims"])
@pytest.mark.parametrize("key", [None, "", " ", "a b", "k" * 65, "카"])
async def test_a_key_is_needed_and_must_be_one(counter: Counter, path: str, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    response = await counter.post(path, {"member": CARD}, **headers)
    assert await problem(response) == (400, "idempotency_key_missing")


async def test_a_visit_is_undone_once(counter: Counter) -> None:
    visit = await counter.ok("/v1/visits", {"member": CARD, "occurred_at": "2026-11-24T12:00:00+09:00"}, "k1")
    undone = await counter.ok(f"/v1/visits/{visit['event']['id']}/void", b"")
    assert undone["points"]["redeemable"] == -10
    assert undone["member"]["balance"] == 0
    again = await counter.ok(f"/v1/visits/{visit['event']['id']}/void", b"")
    assert again == undone | {"repeated": True}
    assert (await counter.ok(f"/v1/visits/1.{visit['event']['seq']}/void", b""))["repeated"]


@pytest.mark.parametrize("name", ["S012-T03.1.99", "S012-T03.1.1", "S099-T01.1.2", "x", "1.1.1.1", "1.²"])
async def test_what_is_no_visit_of_this_till_cannot_be_undone(counter: Counter, name: str) -> None:
    assert await problem(await counter.post(f"/v1/visits/{name}/void", b"")) == (404, "event_unknown")


@pytest.mark.parametrize("text", ["", "***", "0000000000000"])
@pytest.mark.parametrize("path", ["/v1/visits", "/v1/presented"])
async def test_a_visit_or_a_shown_card_needs_somebody(counter: Counter, path: str, text: str) -> None:
    status, code = await problem(await counter.post(path, {"member": text}, "k1"))
    assert (status, code) in {(422, "member_unreadable"), (422, "member_missing")}


@pytest.mark.parametrize("date", ["0001-01-01", "1999-12-31", "9999-12-31", "2100-01-02", "2026-12-08"])
async def test_a_visit_of_an_impossible_business_day_is_refused(counter: Counter, date: str) -> None:
    status, code = await problem(
        await counter.post("/v1/visits", {"member": CARD, "business_date": date}, "k1")
    )
    assert (status, code) in {(422, "date_impossible"), (422, "date_in_future")}


async def test_without_a_clock_a_visit_is_undone_when_that_is_set(counter: Counter) -> None:
    visit = await counter.ok("/v1/visits", {"member": CARD, "occurred_at": "2026-11-24T12:00:00+09:00"}, "k1")
    path, wall = f"/v1/visits/{visit['event']['id']}/void", counter.clock.wall
    counter.clock.wall = 0
    response = await counter.post(path)
    assert "set it, then void the visit again" in (await response.json(content_type=None))["detail"]
    assert await problem(response) == (422, "clock_lost")
    counter.clock.wall = wall
    assert (await counter.ok(path))["points"]["redeemable"] == -10


@pytest.mark.parametrize("wall", [0, AT_MAX + 1])
async def test_a_clock_that_has_lost_its_time_stamps_no_visit(counter: Counter, wall: int) -> None:
    counter.clock.wall = wall
    assert await problem(await counter.post("/v1/visits", {"member": CARD}, "k1")) == (422, "clock_lost")
    told = {"member": CARD, "occurred_at": "2026-11-24T11:59:00+09:00"}
    assert (await counter.ok("/v1/visits", told, "k1"))["points"]["redeemable"] == 15
