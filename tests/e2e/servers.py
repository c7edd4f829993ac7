"""Several servers of one headquarters, real processes on one PostgreSQL, and tills that come to any of them.

A till brings each request until it is answered, the same bytes every time, to whichever server it draws. At
the end each till has been told that all is held, each event counts once, and the audit finds no difference.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from demo.processes import Program, until
from tests.hq.conftest import Hq, copy_of, hq_in
from tests.hq.events import purchase, void
from tests.hq.test_audit import run_audit
from tests.hq.till import Till

STORES: Final = ("S012", "S012", "S013", "S014", "S012", "S013")
"""Where each till stands."""
MEMBERS: Final = 6
"""So few that tills are at the same ones all the time."""
POINTS: Final = 12
ANSWER_S: Final = 120
RETRY_S: Final = 0.05
AGAIN: Final = {429, 502, 503}
SEOUL_MS, DAY_MS = 4 * 3_600_000, 86_400_000
"""How far a business day of Seoul, from five in the morning, is before one of Greenwich."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Chain:
    """Headquarters' servers and the tills, and what came of it."""

    hq: Hq
    servers: list[Program]
    tills: list[Till]
    session: aiohttp.ClientSession
    luck: random.Random
    expected: Counter[str] = field(default_factory=Counter)
    """Points that each member is to have."""
    told: Counter[str] = field(default_factory=Counter)
    """Codes with which requests were sent away for a while."""
    answered: int = 0

    async def trade(self, rounds: int) -> None:
        """Let every till sell and bring what it sold, so many times, all at once."""
        async with asyncio.TaskGroup() as tasks:
            for till in self.tills:
                tasks.create_task(self._trade(till, rounds))

    async def hand_in(self) -> None:
        """Let every till bring its whole journal once more."""
        for till in self.tills:
            reply = till.reply(await self._brought(till.exchange_request([till.batch()]), twice=False))
            assert till.acknowledged(reply) == {1: len(till.records)}

    async def _trade(self, till: Till, rounds: int) -> None:
        for _ in range(rounds):
            first = len(till.records) + 1
            for _ in range(self.luck.randrange(1, 4)):
                self._sell(till)
            request = till.exchange_request([till.batch(first)])
            reply = till.reply(await self._brought(request, twice=self.luck.random() < 0.3))
            assert reply.refusals == ()
            assert till.acknowledged(reply) == {1: len(till.records)}

    def _sell(self, till: Till) -> None:
        at = now_ms()
        day, number = (at + SEOUL_MS) // DAY_MS, f"{till.terminal_id}-{len(till.records)}"
        member = f"M{self.luck.randrange(MEMBERS)}"
        till.record(purchase(number, member=f"id:{member}", store=till.store_id, at=at, day=day))
        if self.luck.random() < 0.2:
            store = till.store_id
            till.record(void(number, of_store=store, of_day=day, store=store, at=at + 1, day=day))
        else:
            self.expected[member] += POINTS

    async def _brought(self, request: bytes, *, twice: bool) -> bytes:
        """Return the answer to a request; where it is brought twice at once, to the first."""
        if not twice:
            return await self._answer(request)
        one, _ = await asyncio.gather(self._answer(request), self._answer(request))
        return one

    async def _answer(self, request: bytes, path: str = "/v1/exchange") -> bytes:
        end = time.monotonic() + ANSWER_S
        while time.monotonic() < end:
            address = self.luck.choice(self.servers).address
            if address is not None:
                try:
                    async with self.session.post(address + path, data=request) as response:
                        body = await response.read()
                        if response.status == 200:
                            self.answered += 1
                            return body
                        assert response.status in AGAIN, body
                        self.told[msgspec.json.decode(body)["code"]] += 1
                except (aiohttp.ClientError, OSError):
                    pass  # killed meanwhile
            await asyncio.sleep(RETRY_S)
        raise AssertionError(f"a till was not answered within {ANSWER_S} seconds: {dict(self.told)}")

    async def join(self, store_id: str) -> Till:
        """Return a till that has joined."""
        till = Till(now=now_ms)
        request = till.enrol_request(self.hq.invite(store_id))
        till.enrolled(await self._answer(request, "/v1/enrol"), self.hq.public_key)
        return till

    async def answers(self, count: int, trade: asyncio.Task[None]) -> None:
        """Return once tills have had so many more answers, or their trade has ended."""
        wanted = self.answered + count
        await until(lambda: self.answered >= wanted or trade.done(), "no till was answered", ANSWER_S)

    def check(self) -> None:
        """Hold headquarters to what was sold: every event once, every point once."""
        self.hq.leave()  # lines of before a crash
        sold = [(till.terminal_id, seq + 1) for till in self.tills for seq in range(len(till.records))]
        kept = self.hq.sql("SELECT terminal_id, seq FROM events WHERE epoch = 1 AND branch = 0")
        assert sorted(kept) == sorted(sold)
        assert self.hq.balances() == {f"M{n}": self.expected[f"M{n}"] for n in range(MEMBERS)}
        assert run_audit(self.hq).events == len(kept)


@asynccontextmanager
async def chain(folder: Path, url: str, count: int, seed: int) -> AsyncIterator[Chain]:
    """Run so many servers on one database, with tills that have joined."""
    (folder / "hq").mkdir()
    hq = hq_in(folder / "hq", url)
    hq.clock.now = now_ms()
    hq.members("member_id,home_store\n" + "".join(f"M{n},S012\n" for n in range(MEMBERS)))
    hq.leave()
    servers = []
    for number in range(count):
        of = copy_of(hq, folder / f"hq{number}", url)
        servers.append(Program("hq_server", "hq", folder / f"hq{number}", of.config_path.read_text("utf-8")))
    async with aiohttp.ClientSession() as session:
        made = Chain(hq, servers, [], session, random.Random(seed))
        try:
            await asyncio.gather(*[server.start("serve") for server in servers])
            made.tills += [await made.join(store_id) for store_id in STORES]
            yield made
        finally:
            await asyncio.gather(*[server.kill() for server in servers])
            hq.leave()
            hq.behind.close()
