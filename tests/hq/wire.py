"""Headquarters over a real socket, and raw connections to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import msgspec
from aiohttp import web

from hq_server.app import CONNECTIONS, build_app, chores_context
from hq_server.config import Limits
from hq_server.door import Door
from hq_server.web_context import BODIES
from tests.hq.conftest import Hq
from tests.hq.till import Till

SLOTS = 4
WAIT_S = 20
LINGER_S = 0.2
"""Shorter than it is, as its length is waited for here."""


@dataclass
class Wire:
    """A server that listens, and raw connections to it."""

    app: web.Application
    server: web.Server
    port: int

    def connections(self) -> list[web.RequestHandler]:
        """Return the connections that the server has let in."""
        return self.server.connections

    async def send(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        return reader, writer

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something has come about at the server."""
        for _ in range(WAIT_S * 100):
            if done():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it did not come about")

    async def until_held(self, count: int) -> None:
        """Wait until the server holds this many bytes of bodies."""
        await self.until(lambda: self.app[BODIES].held_bytes == count)

    async def ask(self, data: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer."""
        reader, writer = await self.send(data)
        try:
            return await answer_of(reader)
        finally:
            writer.close()

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncIterator[Callable[[bytes], Awaitable[tuple[int, bytes]]]]:
        """Yield what asks again and again over one connection."""
        reader, writer = await self.send(b"")

        async def ask(data: bytes) -> tuple[int, bytes]:
            writer.write(data)
            await writer.drain()
            return await answer_of(reader)

        try:
            yield ask
        finally:
            writer.close()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the status and the body of the next answer."""
    status, _, body = await whole_answer(reader)
    return status, body


async def whole_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the heads by their names in small letters, and the body."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    heads = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await asyncio.wait_for(reader.readexactly(int(heads["content-length"])), WAIT_S)
    return int(first.split()[1]), heads, body


def post(path: str, body: bytes, *heads: str, length: int | None = None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: hq", *heads]
    if not any(head.startswith("Transfer-Encoding") for head in heads):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def code_of(body: bytes) -> str:
    return str(json.loads(body)["code"])


@contextlib.asynccontextmanager
async def listening(hq: Hq, **limits: int) -> AsyncIterator[Wire]:
    bounds = msgspec.structs.replace(Limits(exchanges_at_once_max=SLOTS), **limits)
    config = msgspec.structs.replace(hq.config, limits=bounds)
    app = build_app(config, hq.clock)
    app.cleanup_ctx.remove(chores_context)  # They write by themselves, and here it is told who writes.
    runner = web.AppRunner(app, access_log=None, **{**CONNECTIONS, "lingering_time": LINGER_S})
    await runner.setup()
    try:
        await Door(runner, config, None).start()
        assert runner.server is not None
        yield Wire(app, runner.server, runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def joined(wire: Wire, hq: Hq) -> Till:
    till = Till()
    status, body = await wire.ask(post("/v1/enrol", till.enrol_request(hq.invite())))
    assert status == 200, body
    till.enrolled(body, hq.public_key)
    return till
