"""The sync loop as it runs by itself beside sales."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.sync import keys
from tests.edge.fake_hq import FakeHq
from tests.edge.made import HeldClock, config_of, purchase, until
from tests.edge.sync.linked_till import LinkedTill


async def test_a_sale_is_sent_soon_without_waiting_for_the_interval(till: LinkedTill, hq: FakeHq) -> None:
    task = asyncio.create_task(till.loop.run())
    await until(lambda: len(hq.asked) == 1)
    await till.sell(1)
    till.loop.nudge()
    await until(lambda: hq.journal().head == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_after_failures_the_loop_tries_again_by_itself(till: LinkedTill, hq: FakeHq) -> None:
    hq.spoil = "lose request"
    await till.sell(1)
    task = asyncio.create_task(till.loop.run())
    await until(lambda: till.loop._failures >= 3)
    hq.spoil = None
    await until(lambda: hq.journal().head == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_slow_headquarters_delays_no_sale(tmp_path: Path, hq: FakeHq) -> None:
    """The exchange hangs from before the first sale to after the last."""
    config = config_of(tmp_path)
    hq.enrol(config)
    hq.may_answer.clear()
    headers = {"Authorization": f"Bearer {keys.token(config.data_dir)}"}
    async with TestClient(TestServer(build_app(config, HeldClock()))) as client:
        await until(lambda: len(hq.asked) == 1)
        for n in range(20):
            response = await client.post("/v1/receipts", json=purchase(str(n)), headers=headers)
            assert response.status == 200
        assert (len(hq.asked), hq.journal().head) == (1, 0)
        hq.may_answer.set()
        await until(lambda: hq.journal().head == 21)
