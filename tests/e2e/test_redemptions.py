"""Points and coupons spent at a real till with a real headquarters, either of which dies at any moment."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from demo.processes import until
from edge_agent.store import members, redemptions
from tests.e2e.processes import STORE, Founded, House, found, house

PROGRAMME = """
schema = 1
programme = "moonlight"
version = 1
effective_from = 2026-01-01
currency = "KRW"
timezone = "Asia/Seoul"
business_day_starts = "05:00"

[[earn]]
id = "spend"
on = "purchase"
points = 1
per = 1000

[[tier]]
code = "BRONZE"
from = 0

[redeem]
minimum = 100
step = 100
minor_per_point = 1
offline_points = 3000

[[reward]]
id = "golf-balls"
name = { en = "golf balls" }
points = 500
"""
MEMBERS = {"M1": "CARD00001"}
CLIENTS = 4
EACH = 6
EARNED = 10_000


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    """A headquarters that each test copies."""
    return asyncio.run(found(tmp_path_factory.mktemp("founded"), PROGRAMME, MEMBERS))


def receipt(number: str) -> dict[str, str]:
    return {"store": STORE, "till": "T01", "number": number}


async def earn(at: House, session: aiohttp.ClientSession) -> None:
    """Let the member earn, and the till hear of it."""
    sale = {
        "kind": "purchase",
        "receipt": receipt("earning"),
        "member": "CARD00001",
        "occurred_at": datetime.now(UTC).isoformat(),
        "net_minor": EARNED * 1000,
    }
    await at.ask(session, "earning", "/v1/receipts", sale)
    await until(lambda: allowance(at) > 0, "the till has not heard of the points")


def allowance(at: House) -> int:
    with at.store() as conn:
        row = members.read(conn, "M1")
        return row.allowance if row else 0


async def look_up(at: House, session: aiohttp.ClientSession) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {at.till.token}"}
    async with session.get(f"{at.till.address}/v1/members/CARD00001", headers=headers) as response:
        found: dict[str, Any] = await response.json()
        return found


async def redeem(at: House, session: aiohttp.ClientSession, name: str, points: int = 100) -> dict[str, Any]:
    """Authorise, until it is answered."""
    await at.ask(session, name, "/v1/redemptions", {"member": "CARD00001", "points": points})
    return at.answers[name]


async def commit(at: House, session: aiohttp.ClientSession, name: str) -> dict[str, Any]:
    """Commit for a receipt of the same name, until it is answered."""
    redemption_id = at.answers[name]["id"]
    path = f"/v1/redemptions/{redemption_id}/commit"
    await at.ask(session, f"{name} committed", path, {"receipt": receipt(name)})
    return at.answers[f"{name} committed"]


async def spent_some(at: House, records: int, spending: list[asyncio.Task[None]]) -> None:
    """Return so many records from now, or when nobody spends any more."""
    goal = at.head + records
    await until(lambda: at.head >= goal or all(task.done() for task in spending), "nothing was spent")


async def balance_at_hq(at: House) -> int:
    return int((await at.hq.told("member", "show", "M1"))["balance"])


async def test_points_are_held_spent_and_given_back(tmp_path: Path, founded: Founded) -> None:
    async with house(tmp_path, founded) as at, aiohttp.ClientSession() as session:
        await at.till.open()
        await earn(at, session)
        held = await redeem(at, session, "held", 5000)
        assert (held["online"], held["member"]["available"]) == (True, EARNED - 5000)
        await at.till.kill()
        await at.till.open()
        done = await commit(at, session, "held")
        assert (done["state"], done["member"]["balance"]) == ("committed", EARNED - 5000)
        now = datetime.now(UTC)
        paid = {"kind": "purchase", "receipt": receipt("held"), "net_minor": 5000}
        void = {"kind": "void", "receipt": receipt("void"), "original": receipt("held")}
        await at.ask(session, "paid", "/v1/receipts", paid | {"occurred_at": now.isoformat()})
        await until(lambda: at.acknowledged == at.head, "the till was not heard")
        assert await balance_at_hq(at) == EARNED - 5000
        later = (now + timedelta(seconds=1)).isoformat()
        await at.ask(session, "void", "/v1/receipts", void | {"occurred_at": later})
        await until(lambda: at.acknowledged == at.head, "the till was not heard")
        assert await balance_at_hq(at) == EARNED
        assert (await look_up(at, session))["balance"] == EARNED
        await at.check_themselves()


async def test_a_coupon_of_headquarters_is_offered_at_the_till_and_used_once(
    tmp_path: Path, founded: Founded
) -> None:
    async with house(tmp_path, founded, next_in_ms=200) as at, aiohttp.ClientSession() as session:
        await at.till.open()
        await earn(at, session)
        today = datetime.now(UTC).date()
        days = ("--from", str(today - timedelta(days=2)), "--until", str(today + timedelta(days=2)))
        issued = await at.hq.told("coupon", "issue", "M1", "golf-balls", *days, "--by", "kim")
        offered: list[dict[str, Any]] = []
        while not offered:
            await asyncio.sleep(0.02)
            offered = (await look_up(at, session))["coupons"]
        assert offered == [
            offered[0] | {"id": issued["coupon_id"], "code": issued["code"], "name": "golf balls"}
        ]
        await at.hq.kill()
        await at.ask(session, "coupon", "/v1/redemptions", {"coupon": issued["code"]})
        await commit(at, session, "coupon")
        assert (await look_up(at, session))["coupons"] == []
        await at.hq.serve()
        await until(lambda: at.acknowledged == at.head, "the till was not heard")
        listed = await at.hq.told("coupon", "list", "M1")
        assert [one["state"] for one in listed] == ["used"]
        await at.check_themselves()


async def test_whatever_is_killed_each_redemption_is_spent_once(tmp_path: Path, founded: Founded) -> None:
    chance = random.Random(20261122)
    names = [f"r{number}" for number in range(CLIENTS * EACH)]
    async with house(tmp_path, founded) as at, aiohttp.ClientSession() as session:
        await at.till.open()
        await earn(at, session)

        async def client(own: list[str]) -> None:
            for name in own:
                await redeem(at, session, name)
                await commit(at, session, name)

        spending = [asyncio.create_task(client(names[number::CLIENTS])) for number in range(CLIENTS)]
        for program, start in ((at.till, at.till.open), (at.hq, at.hq.serve)) * 2:
            await spent_some(at, chance.randrange(2, 9), spending)
            await program.kill()
            await start()
        await asyncio.gather(*spending)
        await until(lambda: at.acknowledged == at.head, "the till was not heard")
        ids = {name: at.answers[name]["id"] for name in names}
        assert len(set(ids.values())) == len(names)
        with at.store() as conn:
            stand = [redemptions.find(conn, one, at.till.terminal_id) for one in ids.values()]
            assert {one.state if one else "" for one in stand} == {"committed"}
        spent = 100 * len(names)
        assert await balance_at_hq(at) == EARNED - spent
        assert (await look_up(at, session))["balance"] == EARNED - spent
        await at.check_themselves()
