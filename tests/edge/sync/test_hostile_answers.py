"""Whoever answers at headquarters' address, byte by byte: bounded in bytes, memory and time.

What is signed by somebody else, or is no answer to the question, is in `test_trouble`.
"""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import ClientSession

from edge_agent.config import Sync
from edge_agent.sync.exchange import LinkError, open_session, post

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MEMORY_BYTES_MAX = 48 * 1024 * 1024
"""An answer may have 16 MiB; what is on its way has room as well."""
FLOODS: dict[str, tuple[bytes, bytes]] = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "head lines": (OK, b"X-A: bbbbbbbbbbbbbbbb\r\n" * 1000),
    "one head line": (OK + b"X: ", b"b" * 65_536),
    "a status line": (b"HTTP/1.1 200 ", b"b" * 65_536),
    "a body": (OK + b"\r\n", b"b" * 65_536),
    "a body of pieces": (CHUNKED, b"1\r\na\r\n" * 10_000),
    "words about a piece": (CHUNKED + b"1;", b"b" * 65_536),
    "lines after the last piece": (CHUNKED + b"1\r\na\r\n0\r\n", b"X-A: bbbb\r\n" * 1000),
    "a compressed body": (OK + b"Content-Encoding: gzip\r\n\r\n", b"b" * 65_536),
    "a problem": (b"HTTP/1.1 503 No\r\n\r\n", b"b" * 65_536),
    "silence": (b"", b""),
    "half a head": (OK, b""),
    "half a body": (OK + b"Content-Length: 1000\r\n\r\nabc", b""),
}


@asynccontextmanager
async def answering(head: bytes, flood: bytes) -> AsyncIterator[str]:
    """Answer every connection with a head and then the same bytes for as long as somebody takes them."""
    tasks: set[asyncio.Task[None]] = set()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(head)
            while flood:
                writer.write(flood)
                await writer.drain()
            await asyncio.Event().wait()
        except ConnectionError:
            return
        finally:
            writer.transport.abort()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(answer(reader, writer)))

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def session(timeout_ms: int = 300) -> AsyncIterator[ClientSession]:
    async with open_session(msgspec.structs.replace(Sync(), timeout_ms=timeout_ms)) as one:
        yield one


@pytest.mark.parametrize("kind", FLOODS)
async def test_an_answer_without_end_ends_in_its_time_and_takes_no_more_memory_than_it_may(kind: str) -> None:
    async with answering(*FLOODS[kind]) as url, session() as line:
        tracemalloc.start()
        try:
            with pytest.raises(LinkError) as failed:
                await post(line, url, b"x" * 100_000)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert failed.value.code in {"hq_timeout", "hq_unreachable", "hq_nonsense"}
    assert peak < MEMORY_BYTES_MAX


async def test_nothing_that_an_answer_asks_to_keep_is_kept() -> None:
    answer = OK + b"Set-Cookie: mark=you; Max-Age=999999\r\nContent-Length: 2\r\n\r\nab"
    async with answering(answer, b"") as url, session(timeout_ms=30_000) as line:
        assert await post(line, url, b"x") == b"ab"
        assert len(line.cookie_jar) == 0


async def test_what_comes_after_an_answer_is_no_answer_to_the_next_question() -> None:
    answer = OK + b"Content-Length: 1\r\n\r\na" + OK + b"Content-Length: 1\r\n\r\nb"
    async with answering(answer, b"") as url, session(timeout_ms=30_000) as line:
        assert [await post(line, url, b"x") for _ in range(3)] == [b"a"] * 3
