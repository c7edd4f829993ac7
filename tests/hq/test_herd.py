"""All tills of a chain return at one instant: each is heard, in bounded memory, and none twice at once.

Time is virtual; the server, its sockets and its database are real, and the tills wait as the agent does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web

from edge_agent.config import Sync
from edge_agent.sync.backoff import delay_ms
from hq_server import enrol, exchange, fleet
from hq_server.app import CONNECTIONS, build_app
from hq_server.config import Limits
from hq_server.web_context import BODIES, METERS
from tests.hq.conftest import Hq
from tests.hq.events import purchase
from tests.hq.till import Till
from tests.hq.wire import code_of, post, whole_answer
from tests.virtual_time import VirtualLoop

TILLS = 200
SALES = 3
PLACES = 8
EXCHANGE_S = 0.1
"""How long headquarters is at one till's day: so it takes 20 seconds for all."""
AT_ONCE_S = 0.1
"""Tills that come within this come together."""
MEMBERS = "member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\n"
SYNC = Sync()


@dataclass
class Herd:
    """What came of it: when somebody came, why somebody was sent away, and what the server held at most."""

    came_s: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    heads: dict[str, int] = field(default_factory=dict)
    bytes_most: int = 0
    working_most: int = 0
    seconds: float = 0.0


def joined(hq: Hq, count: int) -> list[Till]:
    """Return tills that have joined, each with a day's sales that headquarters has not heard of."""
    tills = [Till(hq_key=hq.public_key) for _ in range(count)]
    with hq.writing() as tx:
        for till in tills:
            invited = fleet.invite(
                tx,
                "S012",
                till=None,
                preapproved=True,
                hours=24,
                secret=os.urandom(8),
                look_up_key=os.urandom(32),
                hq_public_key=hq.public_key,
                now_ms=hq.clock(),
            )
            asked = enrol.open_enrol(till.enrol_request(invited.code))
            till.terminal_id = enrol.apply(tx, asked, hq.clock()).terminal_id
            for number in range(SALES):
                till.record(purchase(f"{till.terminal_id}-{number}"))
    return tills


@contextlib.asynccontextmanager
async def serving(hq: Hq, herd: Herd, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[web.Server]:
    """Run headquarters, which does one exchange after the other, each in its time."""
    config = msgspec.structs.replace(hq.config, limits=Limits(exchanges_at_once_max=PLACES))
    app = build_app(config, hq.clock)
    writer, at_work = asyncio.Lock(), exchange.exchange

    async def slowly(*arguments: Any) -> Any:
        herd.bytes_most = max(herd.bytes_most, app[BODIES].held_bytes)
        herd.working_most = max(herd.working_most, app[METERS].exchanging)
        async with writer:
            await asyncio.sleep(EXCHANGE_S)
            return await at_work(*arguments)

    monkeypatch.setattr("hq_server.till_api.exchange", slowly)
    runner = web.AppRunner(app, access_log=None, **CONNECTIONS)
    await runner.setup()
    assert runner.server is not None
    try:
        yield runner.server
    finally:
        await runner.cleanup()


async def come_back(server: web.Server, till: Till, chance: random.Random, herd: Herd) -> None:
    """Bring a day's sales, and wait as the agent does each time that headquarters sends the till away."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    await loop.connect_accepted_socket(server, theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    request = post("/v1/exchange", till.exchange_request([till.batch()]))
    failures = 0
    while True:
        herd.came_s.append(loop.time())
        writer.write(request)
        status, heads, body = await whole_answer(reader)
        if status == 200:
            break
        failures += 1
        herd.refused[code_of(body)] += 1
        after_ms = int(heads["retry-after"]) * 1000
        wait_ms = delay_ms(failures, SYNC.retry_first_ms, SYNC.retry_max_ms, chance.random(), after_ms)
        await asyncio.sleep(wait_ms / 1000)
    herd.heads |= {till.terminal_id: till.acknowledged(till.reply(body))[1]}
    writer.close()


async def all_at_once(hq: Hq, tills: list[Till], monkeypatch: pytest.MonkeyPatch) -> Herd:
    herd, chance = Herd(), random.Random(2000)
    async with serving(hq, herd, monkeypatch) as server:
        began_s = asyncio.get_running_loop().time()
        await asyncio.gather(*[come_back(server, till, chance, herd) for till in tills])
        herd.seconds = asyncio.get_running_loop().time() - began_s
    herd.came_s = [at_s - began_s for at_s in herd.came_s]
    return herd


def test_a_herd_is_heard_one_after_the_other_and_nothing_is_lost_or_doubled(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    hq.members(MEMBERS)
    tills = joined(hq, TILLS)
    longest = max(len(till.exchange_request([till.batch()])) for till in tills)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        herd = runner.run(all_at_once(hq, tills, monkeypatch))
    assert herd.heads == {till.terminal_id: SALES for till in tills}
    assert hq.sql("SELECT count(*), count(DISTINCT terminal_id || '.' || seq) FROM events") == [
        (TILLS * SALES, TILLS * SALES)
    ]
    assert hq.balances() == {"M1": 12 * TILLS * SALES}
    assert set(herd.refused) == {"server_busy"}
    assert len(herd.came_s) == TILLS + herd.refused.total()
    assert herd.working_most <= PLACES
    assert herd.bytes_most <= 2 * PLACES * longest
    assert TILLS * EXCHANGE_S <= herd.seconds < 20 * TILLS * EXCHANGE_S
    together = Counter(int(at_s / AT_ONCE_S) for at_s in herd.came_s)
    assert together.pop(0) >= TILLS
    assert max(together.values()) < TILLS // 5, "those that were sent away at one instant are back at many"
