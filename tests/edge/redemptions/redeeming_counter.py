"""The till's own software redeems: by local HTTP, with a headquarters or without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.app_keys import READER
from edge_agent.config import EdgeConfig
from edge_agent.store import journal
from edge_agent.store.database import Connection
from edge_agent.sync import keys
from loyalty_core.events import Event
from loyalty_core.journal import unpack_record
from tests.edge.counter import Counter, problem
from tests.edge.made import CARD, HeldClock

PATH: Final = "/v1/redemptions"
LONG_MS: Final = 60_000
"""Longer than any test: what is answered before has not waited for headquarters."""


class RedeemingCounter(Counter):
    """The till's own software, where points are spent."""

    async def redeem(self, points: int = 1000, key: str = "a") -> dict[str, Any]:
        """Return the answer to points that may be spent."""
        return await self.ok(PATH, {"member": CARD, "points": points}, key)

    async def refusal(self, path: str, body: object = b"", key: str | None = "a") -> tuple[int, str]:
        """Return status and code of what is refused."""
        return await problem(await self.post(path, body, key))

    async def events(self) -> list[Event]:
        """Return the journal without the agent's own events."""

        def read(conn: Connection) -> list[Event]:
            return [unpack_record(data).event for data in journal.run_from(conn, 1, 1, 1000)]

        return [event for event in await self.app[READER].do(read) if event.member is not None]


@asynccontextmanager
async def running(config: EdgeConfig, clock: HeldClock | None = None) -> AsyncIterator[RedeemingCounter]:
    """Run the agent."""
    clock = clock or HeldClock()
    async with TestClient(TestServer(build_app(config, clock))) as client:
        yield RedeemingCounter(client, keys.token(config.data_dir), clock)
