"""Periods, their close and gifts over the API; the server's chores do what was decided."""

from __future__ import annotations

from typing import Any

from tests.hq.closes.half_year import LAST, HalfYear
from tests.hq.closes.test_benefits import RULES, START
from tests.hq.conftest import Client, Hq, Tills


async def ask(client: Client, hq: Hq, method: str, path: str, body: object = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {hq.token}"}
    answer = await client.request(method, f"/api/v1/{path}", headers=headers, json=body)
    return answer.status, await answer.json(content_type=None)


async def test_a_close_is_decided_over_the_api_and_done_by_the_server(half: HalfYear, tills: Tills) -> None:
    hq, client = half.hq, tills.client
    hq.publish(RULES)
    hq.members("member_id\nM1\n")
    till = half.till()
    half.till()
    half.sell(till, "M1", 100)
    half.close_days(till, LAST - 1, LAST)
    status, refused = await ask(client, hq, "POST", "periods/2026-H2/close", {})
    assert (status, refused["code"]) == (409, "period_not_ready")
    status, found = await ask(client, hq, "GET", "periods/2026-H2")
    assert [one["terminal_id"] for one in found["readiness"]["missing"]] == ["S012-T02"]
    asked = {"terminal_id": "S012-T02", "reason": "flooded"}
    status, decided = await ask(client, hq, "POST", "periods/2026-H2/exclusions", asked)
    assert (status, decided["kind"], decided["made_by"]) == (201, "exclusion", "admin")
    assert (await ask(client, hq, "POST", "periods/2026-H2/exclusions", asked))[1] == decided
    status, begun = await ask(client, hq, "POST", "periods/2026-H2/close", {"reason": "the year is over"})
    assert (status, begun["state"]) == (200, "closing")
    await tills.until(lambda: hq.sql("SELECT closed_at_ms FROM closes") != [(None,)])
    status, periods = await ask(client, hq, "GET", "periods")
    assert [(one["id"], one["state"]) for one in periods] == [("2027-H1", "open"), ("2026-H2", "closed")]
    assert (await ask(client, hq, "POST", "periods/2026-H2/close", {}))[1]["code"] == "period_closed"
    half.go_to(START)
    await tills.until(lambda: hq.sql("SELECT count(*) FROM benefits") == [(1,)])
    _, (gift,) = await ask(client, hq, "GET", "gifts?state=waiting")
    assert (gift["member_id"], gift["handed_at"]) == ("M1", None)
    status, done = await ask(client, hq, "POST", f"gifts/{gift['gift_id']}/hand-over")
    assert (status, done["handed_by"]) == (200, "admin")
    assert (await ask(client, hq, "GET", "members/M1/gifts"))[1] == [done]
    status, again = await ask(client, hq, "POST", f"gifts/{gift['gift_id']}/hand-over")
    assert (status, again["code"]) == (409, "gift_handed_out")
    status, none = await ask(client, hq, "POST", "gifts/B1.1/hand-over")
    assert (status, none["code"]) == (404, "gift_not_found")
