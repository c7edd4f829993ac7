"""What the local HTTP face refuses, under which code, and what is set aside."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from edge_agent.app import build_app
from edge_agent.config import Http
from edge_agent.store.database import Connection
from edge_agent.store.integrity import verify
from edge_agent.sync import keys
from tests.edge.counter import BODY_MAX, Counter, problem
from tests.edge.made import (
    DEADLINE_SECONDS,
    OTHER_CARD,
    HeldClock,
    config_of,
    enrol_till,
    purchase,
    quiet_sync,
    returned,
    void,
)

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
    (returned(lines=[{"number": 1, "net_minor": 1, "quantity": "-1"}]), "amount_impossible"),
    (returned(lines=[{"number": 1, "net_minor": 1, "quantity": "-0.001"}]), "amount_impossible"),
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
        (b'{"kind": "day_total", "receipt": ' + b"[" * 5000 + b"]" * 5000 + b"}", "json_invalid"),
        (b"null", "receipt_invalid"),
    ],
)
async def test_what_is_no_receipt_at_all_is_refused(counter: Counter, body: bytes, code: str) -> None:
    status, said = await problem(await counter.post("/v1/receipts", body))
    assert (status, said) in {(400, code), (422, code), (400, "encoding_wrong")}


async def test_a_refusal_quotes_little_of_what_it_refuses(counter: Counter) -> None:
    await counter.post("/v1/receipts", purchase(kind="x" * 50_000 + "\n"))
    (refused,) = await counter.refused()
    assert len(refused.sentence) < 300
    assert refused.sentence.endswith("at `$.kind`")
    assert "\n" not in refused.sentence


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
    sentence = (await full.json(content_type=None))["detail"]
    assert "net_minor -1 is impossible" in sentence
    assert "(amount_impossible)" in sentence
    assert "20 refused inputs wait already" in sentence
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


# Bodies that do not come whole


@pytest.mark.parametrize("body", [b"aaaaa", gzip.compress(json.dumps(purchase()).encode())])
async def test_a_compressed_body_is_refused_in_one_sentence(counter: Counter, body: bytes) -> None:
    response = await counter.post("/v1/receipts", body, **{"Content-Encoding": "gzip"})
    assert await problem(response) == (400, "body_unreadable")
    assert not (await counter.ok("/v1/receipts", purchase()))["repeated"]


@pytest.mark.parametrize("coding", ["identity", "UTF-8", ""])
async def test_a_body_that_is_not_compressed_is_taken_whatever_its_coding_is_called(
    counter: Counter, coding: str
) -> None:
    response = await counter.post("/v1/receipts", purchase(), **{"Content-Encoding": coding})
    assert response.status == 200


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
