"""The JSON API: the shapes that other systems rely on, for those who hold a token."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hq_server.app import build_app
from tests.hq.conftest import PROGRAMME, Client, Hq, Tills
from tests.hq.events import purchase, visit

MEMBERS = "member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\n"


async def get(client: Client, hq: Hq, path: str) -> Any:
    answer = await client.get(path, headers={"Authorization": f"Bearer {hq.token}"})
    assert answer.status == 200, await answer.text()
    return await answer.json()


@pytest.mark.parametrize("look_up", ["M1", "2000123456782", "010-1234-5678", "+82 10-1234-5678"])
async def test_a_member_is_found_by_id_card_or_phone(hq: Hq, tills: Tills, look_up: str) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase())
    await tills.send(till)
    assert await get(tills.client, hq, f"/api/v1/members/{look_up}") == {
        "member_id": "M1",
        "also": [],
        "tier": "BRONZE",
        "tier_until": None,
        "discount": None,
        "tier_reason": None,
        "tiers_ahead": [],
        "balance": 12,
        "expiring": [],
        "periods": [{"id": "2026-H2", "qualifying": 12, "state": "open", "tier": "BRONZE"}],
        "next": {
            "tier": "SILVER",
            "missing": 88,
            "until": "2026-12-31",
            "ways": [
                way("visits", 9, 0, one_a_day=True, ko="방문 9회(하루 1회)", en="nine visits (one a day)"),
                way("purchase", 1, 88_000, ko="88,000원 이상 구매 1회", en="a purchase of 88,000 won"),
            ],
        },
    }


async def test_a_way_tells_its_conditions_in_data_and_in_words(hq: Hq, client: Client) -> None:
    double = (
        '[[weight]]\nid = "quiet"\ntimes = "2"\non = "visit"\nweekdays = ["mon", "tue"]\nuntil = "12:00"\n'
    )
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("[[tier]]", double + "[[tier]]", 1))
    hq.members(MEMBERS)
    fewest, plain, _ = (await get(client, hq, "/api/v1/members/M1"))["next"]["ways"]
    assert fewest == way("visits", 5, 0, one_a_day=True, ko=fewest["ko"], en=fewest["en"]) | {
        "weekdays": ["mon", "tue"],
        "from": "05:00",
        "until": "12:00",
    }
    assert fewest["en"] == "five Monday or Tuesday morning visits (one a day)"
    assert fewest["ko"] == "월·화요일 오전 방문 5회(하루 1회)"
    assert (plain["count"], plain["weekdays"]) == (10, None)


async def test_a_cap_over_the_period_that_is_near_leaves_no_room_for_visits(hq: Hq, tills: Tills) -> None:
    cap = '[[cap]]\nid = "most"\npoints = 95\nper = "period"\non = "visit"\n'
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("[[tier]]", cap + "[[tier]]", 1))
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase("1", 5_000))
    await tills.send(till)
    ways = (await get(tills.client, hq, "/api/v1/members/M1"))["next"]["ways"]
    assert [one["kind"] for one in ways] == ["visits", "purchase"]
    till.record(visit())
    await tills.send(till)
    ways = (await get(tills.client, hq, "/api/v1/members/M1"))["next"]["ways"]
    assert [(one["kind"], one["minor"]) for one in ways] == [("visits", 0), ("purchase", 85_000)]


def way(kind: str, count: int, minor: int, *, ko: str, en: str, one_a_day: bool = False) -> dict[str, object]:
    """Return a way at any time, as the API tells it."""
    return {
        "kind": kind,
        "count": count,
        "minor": minor,
        "weekdays": None,
        "from": None,
        "until": None,
        "from_date": None,
        "until_date": None,
        "one_a_day": one_a_day,
        "from_tomorrow": False,
        "only_eligible": False,
        "ko": ko,
        "en": en,
    }


async def test_entries_tell_their_event_and_their_steps(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase())
    till.record(visit())
    await tills.send(till)
    entries = await get(tills.client, hq, "/api/v1/members/M1/entries")
    assert [entry["redeemable"] for entry in entries] == [12, 10]
    first = entries[0]
    assert first["event"] == {"terminal": "S012-T01", "epoch": 1, "branch": 0, "seq": 1}
    assert (first["business_date"], first["kind"], first["qualifying"]) == ("2026-11-21", "earn", 12)
    assert first["programme_version"] == 1
    assert first["steps"] == [{"rule": "spend", "kind": "earn", "saw": "12990", "before": 0, "after": 12}]
    rest = await get(tills.client, hq, f"/api/v1/members/M1/entries?after={first['number']}")
    assert rest == entries[1:]


async def test_a_member_without_any_event_has_nothing_and_all_before_them(hq: Hq, client: Client) -> None:
    hq.members(MEMBERS)
    member = await get(client, hq, "/api/v1/members/M1")
    assert (member["balance"], member["next"]["missing"]) == (0, 100)
    assert await get(client, hq, "/api/v1/members/M1/entries") == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/members/nobody", 404, "member_not_found"),
        ("/api/v1/members/nobody/entries", 404, "member_not_found"),
        ("/api/v1/members/M1/entries?after=x", 400, "bad_input"),
        ("/api/v1/periods/2026-Q1", 404, "period_unknown"),
        ("/api/v1/nothing", 404, "not_found"),
    ],
)
async def test_what_is_not_there_is_a_problem_document(
    hq: Hq, client: Client, path: str, status: int, code: str
) -> None:
    answer = await client.get(path, headers={"Authorization": f"Bearer {hq.token}"})
    problem = await answer.json(content_type="application/problem+json")
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert problem["detail"]


PATHS = ("members/M1", "members/M1/entries", "terminals", "exceptions", "periods/2026-H2", "programmes")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "token_missing"),
        ({"Authorization": "Basic eA=="}, "token_missing"),
        ({"Authorization": "Bearer dgl_wrong"}, "token_invalid"),
    ],
)
async def test_nothing_is_told_without_a_valid_token(
    client: Client, path: str, header: dict[str, str], code: str
) -> None:
    answer = await client.get(f"/api/v1/{path}", headers=header)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await answer.json(content_type="application/problem+json"))["code"] == code


@pytest.mark.parametrize("token", [b"\xff", b"dgs_\xff", "한".encode()])
async def test_a_token_of_any_bytes_is_refused(client: Client, token: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    heads = b"Host: x\r\nConnection: close\r\nAuthorization: Bearer " + token
    writer.write(b"GET /api/v1/terminals HTTP/1.1\r\n" + heads + b"\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'"token_invalid"' in answer


@pytest.mark.parametrize("path", ["members/M1", "exports/members"])
async def test_nobody_on_the_way_keeps_what_is_told(hq: Hq, client: Client, path: str) -> None:
    hq.members("member_id\nM1\n")
    answer = await client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {hq.token}"})
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")


async def test_a_revoked_token_ends_at_once(hq: Hq, client: Client) -> None:
    await get(client, hq, "/api/v1/terminals")
    hq.sql("UPDATE tokens SET revoked_at_ms = 1")
    answer = await client.get("/api/v1/terminals", headers={"Authorization": f"Bearer {hq.token}"})
    assert answer.status == 401


async def test_the_fleet_the_period_and_the_programmes_are_told(hq: Hq, tills: Tills) -> None:
    await tills.exchange(await tills.join())
    (terminal,) = await get(tills.client, hq, "/api/v1/terminals")
    assert (terminal["terminal_id"], terminal["state"], terminal["software"]) == (
        "S012-T01",
        "approved",
        "test till",
    )
    assert (await get(tills.client, hq, "/api/v1/periods/2026-H2"))["state"] == "open"
    assert (await get(tills.client, hq, "/api/v1/programmes"))[0]["version"] == 1
    assert await get(tills.client, hq, "/api/v1/exceptions") == []


async def test_every_answer_is_described(hq: Hq, client: Client) -> None:
    document = await (await client.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    served = {
        route.resource.canonical
        for route in build_app(hq.config).router.routes()
        if route.resource is not None
        and route.resource.canonical not in ("/openapi.json", "/healthz", "/readyz", "/metrics")
    }
    assert set(document["paths"]) == served
    (programme,) = await get(client, hq, "/api/v1/programmes")
    assert set(document["components"]["schemas"]["ProgrammeView"]["properties"]) == set(programme)


async def test_a_healthy_server_says_so(client: Client) -> None:
    assert await (await client.get("/healthz")).json() == {"status": "ok"}
