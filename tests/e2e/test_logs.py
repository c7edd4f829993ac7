"""Real programs on every road, faults included: logs and figures hold nobody's name, number or secret."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp

from demo.processes import until
from tests.e2e.processes import STORE, House, found, house
from tests.e2e.test_two_processes import PROGRAMME
from tests.prometheus import parsed

NAME, PHONE, CARD, STRANGER = "Qwertina Uiopova", "+82 10-7391-8264", "7391826455501234", "9182736450001112"
NUMBER, REASON = "73918264", "said Uiopova herself"
WORDS = ("Qwertina", "Uiopova", "73918264", "7391-8264", "39182645", CARD, STRANGER, "91827364")


async def send(at: House, path: str, body: bytes, **headers: str) -> int:
    """Send something to the till as its software would, and return the status."""
    said = {
        "Authorization": f"Bearer {at.till.token}",
        "Idempotency-Key": f"key-{NUMBER}-{len(body)}",
    } | headers
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            "POST" if body else "GET", f"{at.till.address}{path}", data=body or None, headers=said
        ) as it,
    ):
        await it.read()
        return it.status


def purchase(number: str, **more: Any) -> dict[str, Any]:
    receipt = {"store": STORE, "till": "T01", "number": number, "business_date": "2026-07-01"}
    made = {"kind": "purchase", "receipt": receipt, "occurred_at": "2026-07-01T03:00:00Z", "net_minor": 5000}
    return made | more


async def not_http(address: str, data: bytes) -> None:
    host, port = address.rpartition("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    await writer.drain()
    writer.write_eof()
    await reader.read()
    writer.close()


async def test_no_log_and_no_figure_says_who_anybody_is(tmp_path: Path) -> None:
    founded = await found(tmp_path / "founded", PROGRAMME, {"M1": CARD})
    async with house(tmp_path / "house", founded) as at:
        people = tmp_path / "people.csv"
        people.write_text(f"member_id,lookups,name,phone,home_store\nM2,,{NAME},{PHONE},{STORE}\n", "utf-8")
        await at.hq.told("member", "import", people)
        scopes = ("--scope", "read:members", "--scope", "read:house", "--scope", "metrics")
        token = (await at.hq.told("token", "add", "desk", *scopes))["token"]
        await at.hq.told("staff", "add", "Uiopova", "--role", "service")
        await at.till.open()
        # What is right.
        for number, member in ((NUMBER, CARD), ("2", PHONE), ("3", STRANGER)):
            body = json.dumps(purchase(number, member=member)).encode()
            assert await send(at, "/v1/receipts", body) == 200
        for path in ("/v1/visits", "/v1/presented", "/v1/redemptions"):
            await send(
                at,
                path,
                json.dumps({"member": PHONE, "points": 1} if "red" in path else {"member": PHONE}).encode(),
            )
        for lookup in (CARD, PHONE, NAME):
            await send(at, f"/v1/members/{lookup}", b"")
        # What is wrong.
        conflict = json.dumps(purchase(NUMBER, member=CARD, net_minor=1)).encode()
        assert await send(at, "/v1/receipts", conflict) == 409
        for body in (
            f'{{"{NAME}": "{PHONE}"'.encode(),
            NAME.encode(),
            json.dumps({"member": [PHONE]}).encode(),
            b"\xff" + CARD.encode(),
        ):
            assert await send(at, "/v1/receipts", body) in {400, 422}
        assert await send(at, f"/v1/{NAME}", b"") == 404
        assert await send(at, f"/v1/members/{CARD}", b"", Authorization=f"Bearer {CARD}") == 401
        for address in (at.till.address, at.hq.address):
            assert address is not None
            await not_http(address, f"{NAME} {PHONE}\r\n{CARD}\r\n\r\n".encode())
        # The folder.
        rows = [
            json.dumps(purchase("10", member=CARD)),
            f"{NAME} {PHONE}",
            json.dumps(purchase("11", member=PHONE, net_minor=-1)),
        ]
        (at.till.receipts / f"{NAME} {NUMBER}.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
        (at.till.receipts / f"{NUMBER}.csv").write_bytes(b"\xff\xfe" + NAME.encode() + b"\n" + CARD.encode())
        await until(lambda: at.till.log.read_text().count("file_taken") == 2, "the files were not taken", 30)
        # Headquarters' own roads, and tills that come and go.
        await at.settled(5)
        await at.hq.run("member", "attach", f"card:{STRANGER}", "M1", "--by", "Uiopova", "--reason", REASON)
        async with aiohttp.ClientSession() as session:
            for given in (CARD, token):
                for path in (
                    f"/api/v1/members/{CARD}",
                    "/api/v1/members/M2",
                    f"/api/v1/{NAME}",
                    "/api/v1/exceptions",
                ):
                    headers = {"Authorization": f"Bearer {given}"}
                    async with session.get(f"{at.hq.address}{path}", headers=headers) as answer:
                        await answer.read()
        async with aiohttp.ClientSession() as session:
            figures = []
            for address, given in ((at.till.address, at.till.token), (at.hq.address, token)):
                headers = {"Authorization": f"Bearer {given}"}
                async with session.get(f"{address}/metrics", headers=headers) as answer:
                    assert answer.status == 200
                    figures.append(await answer.text())
                    parsed(figures[-1])
        at.line.cut()
        await until(lambda: '"code":"hq_' in at.till.log.read_text(), "the line was not missed", 30)
        at.line.mend()
        await at.till.kill()
        await at.till.open()
        # A table that is gone is an error in every layer.
        with closing(sqlite3.connect(at.hq.database)) as connection:
            connection.execute("ALTER TABLE members RENAME TO gone")
        async with aiohttp.ClientSession() as session:
            headers = {"Authorization": f"Bearer {token}"}
            async with session.get(f"{at.hq.address}/api/v1/members/M2", headers=headers) as answer:
                assert answer.status == 500
        with closing(sqlite3.connect(at.till.database)) as connection:
            connection.execute("ALTER TABLE source RENAME TO gone")
        await send(at, "/v1/receipts", json.dumps(purchase("20", member=PHONE)).encode())
        await at.till.stop()
        await at.hq.stop()
        secrets = [at.till.token, token, founded.code]
        texts = [*(program.log.read_text("utf-8") for program in (at.till, at.hq)), *figures]
    events = {json.loads(line)["event"] for text in texts[:2] for line in text.splitlines()}
    assert {"agent_ready", "file_taken", "link_changed", "server_ready", "request_failed"} <= events
    for text in texts:
        for word in (*WORDS, *secrets):
            assert word.lower() not in text.lower(), re.findall(f".*{re.escape(word)}.*", text, re.IGNORECASE)
