"""A whole agent with a door of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.config import Http
from edge_agent.service import CONNECTIONS
from tests.edge.made import HeldClock, config_of, enrol_till, quiet_sync
from tests.edge.pages.doors import Browser, Room


@dataclass
class Opened:
    """A room of a running agent, and the clock that its door goes by."""

    room: Room
    clock: HeldClock
    browser: Browser


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    """Return a room of pages, and a browser before its door."""
    config = config_of(tmp_path, sync=quiet_sync(), http=Http(body_bytes_max=64 * 1024), language="en")
    enrol_till(config)
    clock, room = HeldClock(), Room()
    app = build_app(config, clock)
    room.open(app, config, clock)
    server = TestServer(app)
    await server.start_server(**CONNECTIONS)
    async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
        yield Opened(room, clock, Browser(client))
