"""Counters whose headquarters is silent, of which a test says what it had said before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.app_keys import SYNC
from edge_agent.config import EdgeConfig, Redemptions
from edge_agent.service import CONNECTIONS
from tests.edge.cashier.desks import CashierDesk
from tests.edge.made import HeldClock, config_of, enrol_till, member, quiet_sync

OpenDesk = Callable[[EdgeConfig, HeldClock], "object"]


@pytest.fixture
def config(tmp_path: Path) -> EdgeConfig:
    """Return the settings of a till that has joined."""
    config = config_of(tmp_path, sync=quiet_sync(), redemptions=Redemptions(ask_ms=1))
    enrol_till(config)
    return config


@pytest.fixture
async def agents() -> AsyncIterator[AsyncExitStack]:
    """Return what ends the agents that a test has started."""
    async with AsyncExitStack() as agents:
        yield agents


async def opened(agents: AsyncExitStack, config: EdgeConfig, clock: HeldClock) -> CashierDesk:
    """Start an agent and come to its counter."""
    server = TestServer(build_app(config, clock))
    await server.start_server(**CONNECTIONS)
    client = await agents.enter_async_context(TestClient(server, cookie_jar=CookieJar(unsafe=True)))
    desk = CashierDesk(client, clock)
    assert await desk.app[SYNC].try_now() is not None  # so that the till knows that nobody answers
    return desk


@pytest.fixture
async def desk(agents: AsyncExitStack, config: EdgeConfig) -> CashierDesk:
    """Return a counter where a member with 3,400 points is known."""
    desk = await opened(agents, config, HeldClock())
    await desk.hq_tells(member(balance=3400, qualifying=287, allowance=3000))
    return desk
