"""Who may talk to the local HTTP face: the token, this machine's own names, pages of other sites."""

from __future__ import annotations

import asyncio
import re

import pytest

from edge_agent.guard import is_of_pages
from tests.edge.counter import Counter, problem
from tests.edge.made import CARD, purchase


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "Basic {token}", "Bearer {token}x", "bearer{token}"]
)
async def test_without_the_token_nothing_is_told_or_taken(
    counter: Counter, authorization: str | None
) -> None:
    token = counter.headers["Authorization"].removeprefix("Bearer ")
    headers = {} if authorization is None else {"Authorization": authorization.format(token=token)}
    for method, path in (("POST", "/v1/receipts"), ("GET", f"/v1/members/{CARD}"), ("GET", "/nothing")):
        response = await counter.client.request(method, path, json=purchase(), headers=headers)
        assert await problem(response) == (401, "token_wrong")
    assert await counter.refused() == []


async def test_the_word_bearer_may_be_spelled_in_any_case(counter: Counter) -> None:
    token = counter.headers["Authorization"].removeprefix("Bearer ")
    response = await counter.client.get("/v1/members/M1", headers={"Authorization": f"bearer {token}"})
    assert await problem(response) == (404, "member_unknown")


async def test_every_address_but_three_and_those_of_pages_wants_the_token(counter: Counter) -> None:
    addresses = {(route.method, route.resource) for route in counter.app.router.routes()}
    paths = {(method, re.sub("{.*?}", "M1", of.canonical)) for method, of in addresses if of is not None}
    paths = {(method, path) for method, path in paths if not is_of_pages(path)}
    refused = {path for method, path in paths if (await counter.client.request(method, path)).status == 401}
    assert {path for _, path in paths} - refused == {"/healthz", "/metrics", "/openapi.json"}
    assert len(refused) > 5


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/openapi.json"])
async def test_what_holds_nothing_of_anybody_needs_no_token(counter: Counter, path: str) -> None:
    assert (await counter.client.get(path)).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8321", 200),
        ("127.0.0.1:1", 200),
        ("[::1]", 200),
        ("[::1]:8321", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8321", 421),
        ("localhost:evil", 421),
        ("", 421),
    ],
)
async def test_only_this_machines_own_names_are_answered(counter: Counter, host: str, status: int) -> None:
    for path in ("/healthz", "/v1/members/M1"):
        response = await counter.client.get(path, headers=counter.headers | {"Host": host})
        if status == 421:
            assert await problem(response) == (421, "host_refused")
        else:
            assert response.status in {200, 404}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "https://localhost.evil.example"},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://127.0.0.1:8321"},
        {"Origin": "http://evil@localhost:8321"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_pages_of_other_sites_may_not_write(counter: Counter, headers: dict[str, str]) -> None:
    response = await counter.post("/v1/receipts", purchase(), Host="localhost:8321", **headers)
    assert await problem(response) == (403, "origin_refused")
    assert not (await counter.ok("/v1/receipts", purchase()))["repeated"]


async def test_a_page_of_the_till_itself_may_write(counter: Counter) -> None:
    own = {"Host": "localhost:8321", "Origin": "http://localhost:8321", "Sec-Fetch-Site": "same-origin"}
    assert (await counter.post("/v1/receipts", purchase(), **own)).status == 200


async def test_headers_that_are_no_text_are_refused_and_not_a_fault(counter: Counter) -> None:
    server = counter.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /v1/members/1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()
    await writer.wait_closed()
