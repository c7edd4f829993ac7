"""What an open page hears: what has changed, that nothing has, and that its log-in is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import msgspec
import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from loyalty_core.errors import BadInput
from loyalty_shell.pages.live import STREAMS_MAX, Streams

Event = tuple[str, dict[str, str]]


@dataclass
class Stage:
    """A program with one stream, whose parts a test changes."""

    streams: Streams
    parts: dict[str, str] | None = field(default_factory=lambda: {"a": "1", "b": "<i>2</i>"})
    fails: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get("/live", self.get_live)])
        app.on_shutdown.append(self.streams.stop)
        return app

    async def get_live(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self.streams.serve(request, self.now)
        finally:
            self.over.set()

    async def now(self) -> Mapping[str, str] | None:
        if self.fails:
            raise BadInput("the disk is away", code="disk_unreadable")
        return self.parts


@pytest.fixture
async def stage() -> Stage:
    return Stage(Streams(look_seconds=0.01, beat_seconds=0.05))


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async with TestClient(TestServer(stage.app())) as client:
        yield client


async def heard(response: ClientResponse) -> Event:
    """Return the next event of a stream."""
    name = (await response.content.readline()).decode().removeprefix("event: ").strip()
    data = (await response.content.readline()).removeprefix(b"data: ")
    await response.content.readline()
    return name, msgspec.json.decode(data)


async def test_all_is_sent_once_and_then_what_changes(
    client: TestClient[web.Request, web.Application], stage: Stage
) -> None:
    async with client.get("/live") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert await heard(response) == ("parts", {"a": "1", "b": "<i>2</i>"})
        stage.parts = {"a": "1", "b": "3\n4"}
        assert await heard(response) == ("parts", {"b": "3\n4"})


async def test_a_page_of_which_nothing_changes_hears_that_the_program_lives(
    client: TestClient[web.Request, web.Application], stage: Stage
) -> None:
    async with client.get("/live") as response:
        assert [(await heard(response))[0] for _ in range(3)] == ["parts", "beat", "beat"]


async def test_a_log_in_that_ends_is_told_and_ends_the_stream(
    client: TestClient[web.Request, web.Application], stage: Stage
) -> None:
    async with client.get("/live") as response:
        await heard(response)
        stage.parts = None
        assert (await heard(response))[0] == "ended"
        assert await response.content.read() == b""


async def test_a_failure_ends_the_stream_and_says_nothing_of_its_cause(
    client: TestClient[web.Request, web.Application], stage: Stage
) -> None:
    async with client.get("/live") as response:
        await heard(response)
        stage.fails = True
        assert await response.content.read() == b""


async def test_of_too_many_streams_the_oldest_ends(
    client: TestClient[web.Request, web.Application], stage: Stage
) -> None:
    responses = [await client.get("/live") for _ in range(STREAMS_MAX + 1)]
    for response in responses:
        await heard(response)
    rest = await asyncio.wait_for(responses[0].content.read(), 10)
    assert b"parts" not in rest
    assert (await heard(responses[1]))[0] == "beat"
    for response in responses:
        response.close()


async def test_a_browser_that_has_gone_is_looked_after_no_more(
    client: TestClient[web.Request, web.Application], stage: Stage
) -> None:
    response = await client.get("/live")
    await heard(response)
    response.close()
    async with asyncio.timeout(10):
        await stage.over.wait()
    assert stage.streams.open == 0


async def test_a_program_that_stops_waits_for_no_browser(stage: Stage) -> None:
    async with TestClient(TestServer(stage.app())) as client:
        response = await client.get("/live")
        await heard(response)
        async with asyncio.timeout(10):
            await client.server.close()
        assert b"ended" not in await response.content.read()


async def test_who_is_not_logged_in_pushes_nobody_out(
    client: TestClient[web.Request, web.Application], stage: Stage
) -> None:
    stage.parts = None
    for _ in range(STREAMS_MAX):
        stage.streams._open.append(asyncio.Event())
    async with client.get("/live") as response:
        assert (await heard(response))[0] == "ended"
    assert not any(one.is_set() for one in stage.streams._open)
    assert stage.streams.open == STREAMS_MAX


async def test_a_browser_that_takes_nothing_is_let_go(
    client: TestClient[web.Request, web.Application], stage: Stage
) -> None:
    stage.streams._write_seconds = 0.05
    stage.parts = {"a": "x" * 30_000_000}
    response = await client.get("/live")
    async with asyncio.timeout(10):
        await stage.over.wait()
    assert stage.streams.open == 0
    response.close()
