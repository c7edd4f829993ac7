"""Somebody joins at a till that is cut off and buys; headquarters makes the member, every till knows them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from demo.processes import Till
from tests.e2e.processes import STORE, Founded, House, house
from tests.edge.made import until

PERSON = {"name": "Maria Gonzalez", "phone": "(212) 555-2368", "card": "NEW-0001", "birthday": "1990-05-31"}


async def look_up(till: Till, session: aiohttp.ClientSession, text: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {till.token}"}
    async with session.get(f"{till.address}/v1/members/{text}", headers=headers) as response:
        found: dict[str, Any] = await response.json(content_type=None)
        return found


async def known(till: Till, session: aiohttp.ClientSession, text: str) -> dict[str, Any]:
    """Return a member once a till was told of them by headquarters."""

    async def is_told() -> bool:
        return bool((await look_up(till, session, text)).get("member_id"))

    await until(is_told)
    return await look_up(till, session, text)


async def bought(at: House, session: aiohttp.ClientSession, number: str, member: str) -> None:
    sale = {
        "kind": "purchase",
        "receipt": {"store": STORE, "till": "T01", "number": number},
        "member": member,
        "occurred_at": datetime.now(UTC).isoformat(),
        "net_minor": 7000,
    }
    await at.ask(session, number, "/v1/receipts", sale)


async def test_who_joins_while_the_line_is_cut_has_their_points_everywhere(
    tmp_path: Path, founded: Founded
) -> None:
    async with house(tmp_path, founded, next_in_ms=200) as at, aiohttp.ClientSession() as session:
        other = Till(tmp_path / "other", STORE)
        await other.enrol(at.line.url, await at.hq.invite(STORE))
        try:
            await at.hq.stop()
            await at.till.open()
            await at.ask(session, "join", "/v1/members", PERSON)
            await bought(at, session, "1", "212-555-2368")
            await bought(at, session, "2", "NEW-0001")
            here = await look_up(at.till, session, "+1 212 555 2368")
            assert (here["provisional"], here["masked_name"], here["balance"]) == (True, "M**** G*******", 14)
            await at.till.kill()
            await at.till.open()
            assert (await look_up(at.till, session, "NEW0001"))["balance"] == 14
            await at.hq.serve()
            await other.open()
            ids = set()
            for till in (at.till, other):
                for text in ("2125552368", "NEW-0001"):
                    seen = await known(till, session, text)
                    assert (seen["provisional"], seen["masked_name"]) == (False, "M**** G*******")
                    assert seen["balance"] == 14
                    ids.add(seen["member_id"])
            (member_id,) = ids
            assert (await at.hq.told("member", "show", member_id))["balance"] == 14
            await at.check_themselves()
        finally:
            await other.stop()
