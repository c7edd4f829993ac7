"""Tills for the tests of the agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.config import Http
from edge_agent.service import CONNECTIONS
from edge_agent.sync import keys
from tests.edge.counter import BODY_MAX, Counter
from tests.edge.fake_hq import FakeHq
from tests.edge.made import HeldClock, config_of, enrol_till, quiet_sync
from tests.edge.till import Till

MakeTill = Callable[..., Till]
T = TypeVar("T", bound=Till)


def tills_below(folder: Path, kind: Callable[..., T]) -> Iterator[Callable[..., T]]:
    """Yield what makes tills of a kind; each is closed at the end."""
    tills: list[T] = []

    def make(*envelopes: bytes, **config: object) -> T:
        own = folder / f"till{len(tills)}"
        own.mkdir()
        tills.append(kind(own, *envelopes, **config))
        return tills[-1]

    yield make
    for till in tills:
        till.close()


@pytest.fixture
async def hq() -> AsyncIterator[FakeHq]:
    """Return a headquarters that says what a test has it say."""
    async with FakeHq().running() as hq:
        yield hq


@pytest.fixture
def make_till(tmp_path: Path) -> Iterator[MakeTill]:
    """Return what makes a till; each is closed at the end."""
    yield from tills_below(tmp_path, Till)


@pytest.fixture
def till(make_till: MakeTill) -> Till:
    """Return a till."""
    return make_till()


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    """Return the counter of a till that stands alone."""
    config = config_of(
        tmp_path, sync=quiet_sync(), quarantine_rows_max=20, http=Http(body_bytes_max=BODY_MAX)
    )
    enrol_till(config)
    clock = HeldClock()
    server = TestServer(build_app(config, clock))
    await server.start_server(**CONNECTIONS)
    async with TestClient(server) as client:
        yield Counter(client, keys.token(config.data_dir), clock)
