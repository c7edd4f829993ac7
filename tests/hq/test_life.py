"""The end of a server as its parts see it: each finishes its step and begins no other; and one that hangs."""

from __future__ import annotations

import asyncio

import pytest

from hq_server import background
from hq_server.background import run_chores
from hq_server.feed import deliveries
from hq_server.life import SILENT_S, Life
from hq_server.metrics import Meters
from hq_server.store.database import Database
from tests.hq.conftest import Hq
from tests.hq.receiver import receiving
from tests.hq.test_webhooks import add


def test_a_part_hangs_that_has_not_come_round_for_long() -> None:
    now_s = [0.0]
    life = Life(lambda: now_s[0])
    assert life.silent_s() == 0, "nothing has begun"
    assert life.beat("chores")
    now_s[0] = SILENT_S
    assert life.silent_s() == 0
    now_s[0] += 1
    assert life.silent_s() == SILENT_S + 1
    life.beat("webhooks")
    assert life.silent_s() == SILENT_S + 1, "another part is no help"
    life.beat("chores")
    assert life.silent_s() == 0


async def test_chores_end_when_their_step_is_done_and_wait_for_nothing(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    life, steps, may_end = Life(), list[str](), asyncio.Event()
    begun = asyncio.Event()

    async def step(*_: object) -> bool:
        steps.append("begun")
        begun.set()
        await may_end.wait()
        steps.append("done")
        return False

    monkeypatch.setattr(background, "_step", step)
    monkeypatch.setattr(background, "PAUSE_S", 3600)
    database = Database(hq.config.place)
    chores = asyncio.create_task(run_chores(database, hq.clock, life=life))
    await begun.wait()
    life.end()
    may_end.set()
    await asyncio.wait_for(chores, 20)
    assert steps == ["begun", "done"]
    await asyncio.to_thread(database.close)


async def test_chores_of_a_house_without_rules_come_round(hq: Hq, monkeypatch: pytest.MonkeyPatch) -> None:
    hq.tamper("DELETE FROM programmes")
    life, rests = Life(), list[float]()

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        life.end()

    monkeypatch.setattr(life, "rest", rest)
    database = Database(hq.config.place)
    await asyncio.wait_for(run_chores(database, hq.clock, life=life), 20)
    assert len(rests) == 1
    await asyncio.to_thread(database.close)


async def test_a_rest_ends_with_the_server() -> None:
    life = Life()
    resting = asyncio.create_task(life.rest(3600))
    await asyncio.sleep(0)
    assert not resting.done()
    life.end()
    await asyncio.wait_for(resting, 20)


async def test_a_delivery_that_was_begun_is_settled_and_the_next_is_not_begun(hq: Hq) -> None:
    hq.members("member_id\n" + "".join(f"M{number}\n" for number in range(301)))
    life = Life()
    async with receiving() as receiver:
        add(hq, receiver.url)
        database = Database(hq.config.place)
        sending = deliveries.run_deliveries(database, Meters(), hq.clock, life)
        running = asyncio.create_task(sending)
        await receiver.arrived.wait()
        life.end()
        await asyncio.wait_for(running, 20)
        assert len(receiver.everyone()) < 301, "it went on"
        async with deliveries.session() as session:
            while await deliveries.deliver(database, session, Meters(), "crm", hq.clock):
                pass
        await asyncio.to_thread(database.close)
    assert len(set(receiver.ids())) == len(receiver.ids()), "what was delivered was settled"
    assert len(receiver.everyone()) == 301
