"""The local HTTP face: who may talk to it, what it answers, what it refuses and under which code."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestServer

from edge_agent.app import build_app
from edge_agent.config import Http
from edge_agent.store.database import Connection, connect
from edge_agent.store.integrity import verify
from edge_agent.sync import keys
from loyalty_core.events import AT_MAX
from tests.edge.counter import BODY_MAX, Counter, problem
from tests.edge.made import (
    CARD,
    DEADLINE_SECONDS,
    OTHER_CARD,
    PHONE,
    HeldClock,
    at,
    config_of,
    enrol_till,
    purchase,
    quiet_sync,
    void,
)

# Who may talk


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
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_pages_of_other_sites_may_not_write(counter: Counter, headers: dict[str, str]) -> None:
    response = await counter.post("/v1/receipts", purchase(), **headers)
    assert await problem(response) == (403, "origin_refused")
    assert not (await counter.ok("/v1/receipts", purchase()))["repeated"]


async def test_a_page_of_the_till_itself_may_write(counter: Counter) -> None:
    own = {"Origin": "http://localhost:8321", "Sec-Fetch-Site": "same-origin"}
    assert (await counter.post("/v1/receipts", purchase(), **own)).status == 200


async def test_headers_that_are_no_text_are_refused_and_not_a_fault(counter: Counter) -> None:
    server = counter.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /v1/members/1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()
    await writer.wait_closed()


# What is answered


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
        "member": {
            "masked_name": "홍*동",
            "tier": "SILVER",
            "balance": 112,
            "as_of": None,
            "expiring": [{"points": 12, "usable_until": "2027-12-31"}],
            "period": {"id": "2026-H2", "qualifying": 212, "until": "2026-12-31"},
            "next": {
                "tier": "GOLD",
                "missing": 88,
                "ways": ["five visits (one a day)", "a purchase of 44,000 won"],
            },
        },
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


async def test_a_member_is_found_by_card_phone_or_id(counter: Counter) -> None:
    await counter.know(CARD)
    await counter.ok("/v1/receipts", purchase())
    found = await (await counter.get(f"/v1/members/{CARD}")).json()
    assert found == {
        "member_id": "M1",
        "masked_name": "홍*동",
        "tier": "SILVER",
        "balance": 112,
        "as_of": None,
        "expiring": [{"points": 12, "usable_until": "2027-12-31"}],
        "period": {"id": "2026-H2", "qualifying": 212, "until": "2026-12-31"},
        "next": {
            "tier": "GOLD",
            "missing": 88,
            "ways": ["five visits (one a day)", "a purchase of 44,000 won"],
        },
        "available": 112,
        "coupons": [],
        "rewards": [],
    }
    assert await (await counter.get("/v1/members/M1")).json() == found
    assert await problem(await counter.get(f"/v1/members/{OTHER_CARD}")) == (404, "member_unknown")
    assert await problem(await counter.get(f"/v1/members/{PHONE}")) == (404, "member_unknown")
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


# Visits


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


@pytest.mark.parametrize("wall", [0, AT_MAX + 1])
async def test_a_clock_that_has_lost_its_time_stamps_no_visit(counter: Counter, wall: int) -> None:
    counter.clock.wall = wall
    assert await problem(await counter.post("/v1/visits", {"member": CARD}, "k1")) == (422, "clock_lost")
    told = {"member": CARD, "occurred_at": "2026-11-24T11:59:00+09:00"}
    assert (await counter.ok("/v1/visits", told, "k1"))["points"]["redeemable"] == 15


# What is refused


BAD: list[tuple[dict[str, Any], str]] = [
    ({"bogus": 1}, "receipt_invalid"),
    (purchase(bogus=1), "receipt_invalid"),
    (purchase(kind="sale"), "receipt_invalid"),
    (purchase(lines=[{"number": 1}]), "receipt_invalid"),
    (purchase(lines=[{"number": 1, "net_minor": 1, "colour": "red"}]), "receipt_invalid"),
    (purchase(lines=[{"number": -1, "net_minor": 1}]), "receipt_invalid"),
    (purchase(lines=[{"number": 1, "net_minor": 1, "sku": "x" * 65}]), "receipt_invalid"),
    (purchase(lines=[{"number": 1, "net_minor": 10**12 + 1}]), "amount_impossible"),
    (purchase(lines=[{"number": 1, "net_minor": 1, "quantity": "1e3"}]), "amount_impossible"),
    (purchase(lines=[{"number": 1, "net_minor": 1, "quantity": 10**17}]), "amount_impossible"),
    (purchase(lines=[{"number": 1, "net_minor": 1, "quantity": "1.2345"}]), "amount_impossible"),
    (purchase(lines=[{"number": n, "net_minor": 1} for n in range(1001)]), "receipt_too_large"),
    (purchase(net_minor=-1), "amount_impossible"),
    (purchase(net_minor=10**12 + 1), "amount_impossible"),
    (purchase(net_minor=12990.5), "receipt_invalid"),
    (purchase(net_minor="12990"), "receipt_invalid"),
    (purchase(net_minor=None), "receipt_invalid"),
    (purchase(tax_minor=-1), "amount_impossible"),
    (purchase(tenders=[{"type": "", "amount_minor": 1}]), "receipt_invalid"),
    (purchase(tenders=[{"type": "card", "amount_minor": 10**13}]), "amount_impossible"),
    (purchase(tenders=[{"type": "card", "amount_minor": 1}] * 51), "receipt_too_large"),
    (purchase(currency="ZZZ"), "currency_unknown"),
    (purchase(currency="USD"), "currency_other"),
    (purchase(occurred_at="yesterday"), "date_impossible"),
    (purchase(occurred_at="2026-02-30T10:00:00+09:00"), "date_impossible"),
    (purchase(occurred_at="1999-12-31T10:00:00+09:00"), "date_impossible"),
    (purchase(occurred_at="0001-01-01T00:00:00+23:59"), "date_impossible"),
    (purchase(occurred_at="2026-12-07T10:00:00+09:00"), "date_in_future"),
    (purchase(on="2026-12-09", occurred_at="2026-12-05T10:00:00+09:00"), "date_in_future"),
    (purchase(receipt={"store": "S013", "till": "T03", "number": "1"}), "receipt_other_store"),
    (purchase(receipt={"store": "S012", "till": "T 3", "number": "1"}), "receipt_invalid"),
    (purchase(receipt={"store": "S012", "till": "T" * 32 + "\n", "number": "1"}), "receipt_invalid"),
    (purchase(receipt={"store": "S012", "till": "T03", "number": ""}), "receipt_number_invalid"),
    (purchase(receipt={"store": "S012", "till": "T03", "number": "9" * 65}), "receipt_number_invalid"),
    (purchase(receipt={"store": "S012", "till": "T03", "number": "1\x00"}), "receipt_number_invalid"),
    (
        purchase(receipt={"store": "S012", "till": "T03", "number": "1", "business_date": "21.11."}),
        "date_impossible",
    ),
    (void(original={"store": "S012", "till": "T03\n", "number": "1"}), "receipt_invalid"),
    (purchase(kind="visit", member=None), "member_missing"),
    (purchase(kind="visit", member="***"), "member_unreadable"),
]


@pytest.mark.parametrize(("receipt", "code"), BAD, ids=lambda value: value if isinstance(value, str) else "")
async def test_a_bad_receipt_is_one_sentence_with_a_code_and_is_set_aside(
    counter: Counter, receipt: dict[str, Any], code: str
) -> None:
    assert await problem(await counter.post("/v1/receipts", receipt)) == (422, code)
    (refused,) = await counter.refused()
    assert (refused.code, json.loads(refused.raw)) == (code, receipt)
    assert (await counter.ok("/v1/receipts", purchase("good")))["points"]["redeemable"] == 12
    assert await counter.do(verify) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "json_invalid"),
        (b"kind=purchase", "json_invalid"),
        (b'{"kind": "purchase"', "json_invalid"),
        (b"\xff\xfe{}", "json_invalid"),
        (b'{"kind": "\xb0\xa1"}', "json_invalid"),
        (b"[" * 50_000, "receipt_invalid"),
        (b"null", "receipt_invalid"),
    ],
)
async def test_what_is_no_receipt_at_all_is_refused(counter: Counter, body: bytes, code: str) -> None:
    status, said = await problem(await counter.post("/v1/receipts", body))
    assert (status, said) in {(400, code), (422, code), (400, "encoding_wrong")}


async def test_other_content_under_a_receipts_key_is_a_conflict(counter: Counter) -> None:
    await counter.ok("/v1/receipts", purchase())
    assert await problem(await counter.post("/v1/receipts", purchase(net_minor=5))) == (
        409,
        "receipt_conflict",
    )
    assert await problem(await counter.post("/v1/receipts", purchase(member=OTHER_CARD))) == (
        409,
        "receipt_conflict",
    )


async def test_a_body_that_is_too_large_is_refused_unread(counter: Counter) -> None:
    assert await problem(await counter.post("/v1/receipts", b" " * (BODY_MAX + 1))) == (413, "body_too_large")
    assert await counter.refused() == []


async def test_unknown_addresses_and_methods_are_problem_documents(counter: Counter) -> None:
    assert await problem(await counter.get("/v1/nothing")) == (404, "path_unknown")
    assert await problem(await counter.get("/v1/receipts")) == (405, "method_unknown")


async def test_a_full_quarantine_refuses_in_order_and_good_sales_go_on(counter: Counter) -> None:
    for n in range(20):
        assert (await problem(await counter.post("/v1/receipts", purchase(str(n), net_minor=-1))))[0] == 422
    full = await counter.post("/v1/receipts", purchase("20", net_minor=-1))
    assert await problem(full) == (503, "quarantine_full")
    assert (await counter.ok("/v1/receipts", purchase("good")))["points"]["redeemable"] == 12


async def test_a_full_disk_is_told_and_the_next_sale_after_space_is_back_works(counter: Counter) -> None:
    def pages(conn: Connection, number: int) -> None:
        conn.execute(f"PRAGMA max_page_count={number}")

    lines = [{"number": n, "net_minor": 1, "sku": "A" * 40} for n in range(600)]
    (used,) = await counter.do(lambda conn: conn.execute("PRAGMA page_count").fetchone())
    await counter.do(lambda conn: pages(conn, used))
    for n in range(3):
        response = await counter.post("/v1/receipts", purchase(str(n), lines=lines))
        assert await problem(response) == (507, "disk_full")
    await counter.do(lambda conn: pages(conn, 10**6))
    answer = await counter.ok("/v1/receipts", purchase("0", lines=lines))
    assert (answer["repeated"], answer["event"]["seq"]) == (False, 2)
    assert await counter.do(verify) is None


# What describes it


async def test_the_description_names_every_address_that_there_is(counter: Counter) -> None:
    document = await (await counter.client.get("/openapi.json")).json()
    there = {
        (route.method.lower(), route.resource.canonical)
        for route in counter.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert document["openapi"] == "3.1.0"
    assert {(method, path) for path, told in document["paths"].items() for method in told} == there


async def test_real_answers_have_the_shapes_that_the_description_gives(counter: Counter) -> None:
    document = await (await counter.client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    await counter.know(CARD, OTHER_CARD)
    fits(
        schemas, {"$ref": "#/components/schemas/ReceiptAnswer"}, await counter.ok("/v1/receipts", purchase())
    )
    found = await (await counter.get(f"/v1/members/{CARD}")).json()
    fits(schemas, {"$ref": "#/components/schemas/FoundMember"}, found)
    said = await (await counter.get("/v1/members/***")).json(content_type=None)
    fits(schemas, {"$ref": "#/components/schemas/Problem"}, said)
    fits(schemas, {"$ref": "#/components/schemas/Receipt"}, purchase())
    with pytest.raises(AssertionError):
        fits(schemas, {"$ref": "#/components/schemas/ReceiptAnswer"}, {"event": {}})
    for path, told in document["paths"].items():
        needed = "post" in told and path in {"/v1/visits", "/v1/presented", "/v1/claims", "/v1/redemptions"}
        names = [p["name"] for operation in told.values() for p in operation.get("parameters", ())]
        assert ("Idempotency-Key" in names) == needed


def fits(schemas: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    """Check a value against the little of JSON Schema that the description uses."""
    if "$ref" in schema:
        fits(schemas, schemas[schema["$ref"].rpartition("/")[2]], value)
    elif "anyOf" in schema:
        assert any(_fits(schemas, one, value) for one in schema["anyOf"]), (schema, value)
    elif "enum" in schema:
        assert value in schema["enum"]
    elif schema.get("type") == "object":
        assert isinstance(value, dict)
        assert set(schema.get("required", ())) <= value.keys() <= schema["properties"].keys(), value
        for name, inner in value.items():
            fits(schemas, schema["properties"][name], inner)
    elif schema.get("type") == "array":
        assert isinstance(value, list)
        for inner in value:
            fits(schemas, schema["items"], inner)
    else:
        kinds = {"string": str, "integer": int, "boolean": bool, "null": type(None)}
        assert isinstance(value, kinds[schema["type"]]), (schema, value)


def _fits(schemas: dict[str, Any], schema: dict[str, Any], value: object) -> bool:
    try:
        fits(schemas, schema, value)
    except AssertionError:
        return False
    return True


async def test_the_figures_can_be_parsed_and_are_true(counter: Counter) -> None:
    await counter.know(CARD)
    await counter.ok("/v1/receipts", purchase())
    await counter.post("/v1/receipts", purchase("2", net_minor=-1))
    text = await (await counter.client.get("/metrics")).text()
    line = re.compile(r"# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{[a-z]+=\"[^\"]*\"\})? -?\d+")
    assert text.endswith("\n")
    assert [each for each in text.splitlines() if not line.fullmatch(each)] == []
    figures = dict(each.rsplit(" ", 1) for each in text.splitlines() if not each.startswith("#"))
    assert figures["dangol_edge_journal_records_total"] == "2"
    assert figures["dangol_edge_queue_records"] == "2"
    assert figures["dangol_edge_quarantine_inputs"] == "1"
    assert figures["dangol_edge_members"] == "1"
    assert figures["dangol_edge_hq_answer_age_seconds"] == "-1"
    assert figures["dangol_edge_hq_up"] == "0"
    assert int(figures["dangol_edge_disk_free_bytes"]) > 0


async def test_the_journal_notes_that_the_agent_started(counter: Counter, tmp_path: Path) -> None:
    conn = connect(tmp_path / "data" / "till.db", read_only=True)
    assert conn.execute("SELECT count(*) FROM journal").fetchone() == (1,)
    conn.close()


def test_the_clock_of_these_tests_is_the_one_of_the_receipts() -> None:
    assert HeldClock().wall_ms() == at("2026-12-05 12:00")
    assert msgspec.json.decode(json.dumps(purchase()))["receipt"]["business_date"] == "2026-11-20"


# Bodies that do not come whole


async def test_a_damaged_compressed_body_is_refused_in_one_sentence(counter: Counter) -> None:
    response = await counter.client.post(
        "/v1/receipts", data=b"aaaaa", headers=counter.headers | {"Content-Encoding": "gzip"}
    )
    assert await problem(response) == (400, "body_unreadable")


async def test_a_body_that_does_not_come_in_time_is_refused(tmp_path: Path) -> None:
    config = config_of(tmp_path, sync=quiet_sync(), http=Http(body_ms_max=20))
    enrol_till(config)
    async with TestServer(build_app(config, HeldClock())) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        token = keys.token(config.data_dir)
        head = f"POST /v1/receipts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\nhalf".encode())
        async with asyncio.timeout(DEADLINE_SECONDS):
            answer = await reader.readuntil(b"}")
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"body_slow"' in answer
