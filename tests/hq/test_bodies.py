"""Bodies of requests over real sockets: slow, cut, broken or many, they shut no till out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import traceback
from unittest import mock

import pytest
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Request

from hq_server.config import Limits
from hq_server.store.database import Database
from hq_server.web_body import Bodies
from hq_server.web_context import BODIES
from hq_server.web_errors import WebError
from tests.hq.conftest import Hq
from tests.hq.till import Till
from tests.hq.wire import SLOTS, WAIT_S, answer_of, code_of, joined, listening, post


async def test_half_open_requests_shut_no_till_out(hq: Hq) -> None:
    async with listening(hq) as wire:
        till = await joined(wire, hq)
        silent = [await wire.send(post("/v1/exchange", b"x", length=1000)) for _ in range(8 * SLOTS)]
        await asyncio.sleep(0.2)
        status, body = await wire.ask(post("/v1/exchange", till.exchange_request()))
        assert status == 200
        till.reply(body)
        for _, writer in silent:
            writer.close()


@pytest.mark.parametrize("path", ["/v1/exchange", "/v1/enrol"])
async def test_a_body_that_does_not_come_is_refused_and_the_connection_closed(hq: Hq, path: str) -> None:
    async with listening(hq, body_seconds_max=1) as wire:
        reader, writer = await wire.send(post(path, b"x", length=1000))
        status, body = await answer_of(reader)
        assert (status, code_of(body)) == (408, "body_too_slow")
        assert await asyncio.wait_for(reader.read(), WAIT_S) == b""
        assert wire.app[BODIES].held_bytes == 0
        writer.close()


async def test_a_body_that_trickles_gets_no_more_time_than_one_that_does_not_come(hq: Hq) -> None:
    async with listening(hq, body_seconds_max=1) as wire:
        reader, writer = await wire.send(post("/v1/exchange", b"x", length=1000))
        answer = asyncio.create_task(answer_of(reader))
        trickled = 0
        while not answer.done() and trickled < 100:
            writer.write(b"x")
            trickled += 1
            await asyncio.sleep(0.1)
        status, _ = await answer
        assert status == 408
        assert trickled < 30
        writer.close()


async def test_beyond_the_bytes_of_all_bodies_a_till_is_told_to_come_back(hq: Hq) -> None:
    async with listening(hq, body_bytes_max=4096, bodies_bytes_max=4096) as wire:
        reader, writer = await wire.send(post("/v1/exchange", b"x" * 4000, length=4096))
        await wire.until_held(4000)
        status, body = await wire.ask(post("/v1/exchange", b"x" * 200))
        assert (status, code_of(body)) == (503, "server_busy")
        writer.write(b"x" * 96)
        assert (await answer_of(reader))[0] == 400
        assert wire.app[BODIES].held_bytes == 0
        writer.close()


@pytest.mark.parametrize(("size", "status"), [(1024, 400), (1025, 413)])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_is_bounded_however_it_is_sent(hq: Hq, size: int, status: int, chunked: bool) -> None:
    async with listening(hq, body_bytes_max=1024) as wire:
        body = b"x" * size
        if chunked:
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
            request = post("/v1/exchange", body, "Transfer-Encoding: chunked")
        else:
            request = post("/v1/exchange", body)
        assert (await wire.ask(request))[0] == status


async def test_nothing_unsigned_waits_for_the_writer(hq: Hq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "write", None)
    async with listening(hq) as wire:
        stranger = Till(terminal_id="S012-T01")
        assert (await wire.ask(post("/v1/exchange", stranger.exchange_request())))[0] == 403
        assert (await wire.ask(post("/v1/exchange", b"x")))[0] == 400
        assert (await wire.ask(post("/v1/enrol", b"x")))[0] == 400


@pytest.mark.parametrize(
    "request_bytes",
    [
        post("/v1/exchange", b"not gzip", "Content-Encoding: gzip"),
        post("/v1/exchange", b"not deflate", "Content-Encoding: deflate"),
        post("/v1/exchange", b"x", "Content-Encoding: nonsense"),
        post("/v1/exchange", b"5\r\nab", "Transfer-Encoding: chunked"),
        post("/v1/enrol", b"abc", length=100),
    ],
)
async def test_a_broken_or_cut_body_is_refused_without_a_trace(
    hq: Hq, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with listening(hq) as wire:
        reader, writer = await wire.send(request_bytes)
        writer.write_eof()
        with contextlib.suppress(asyncio.IncompleteReadError):
            status, body = await answer_of(reader)
            assert (status, code_of(body)) == (400, "body_unreadable")
        writer.close()
    assert all(record.levelno == logging.INFO and not record.exc_info for record in caplog.records)


async def test_a_body_that_stops_being_http_half_way_is_refused_when_its_time_is_over(hq: Hq) -> None:
    async with listening(hq, body_seconds_max=1) as wire:
        reader, writer = await wire.send(post("/v1/exchange", b"2\r\nab\r\n", "Transfer-Encoding: chunked"))
        await wire.until_held(2)
        writer.write(b"zz\r\n")
        status, body = await answer_of(reader)
        assert (status, code_of(body)) == (408, "body_too_slow")
        writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [b"nonsense\r\n\r\n", post("/v1/exchange", b"zz\r\nab", "Transfer-Encoding: chunked")],
)
async def test_what_is_not_http_makes_one_line(
    hq: Hq, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with listening(hq) as wire:
        assert (await wire.ask(request_bytes))[0] == 400
    assert len(caplog.records) <= 1
    assert all(record.levelno == logging.INFO and not record.exc_info for record in caplog.records)


async def test_a_client_that_vanishes_leaves_at_most_one_line(
    hq: Hq, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with listening(hq) as wire:
        _, writer = await wire.send(post("/v1/exchange", b"abc", length=100))
        await wire.until_held(3)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
        await wire.until_held(0)
        assert (await wire.ask(b"GET /healthz HTTP/1.1\r\nHost: hq\r\n\r\n"))[0] == 200
    assert len(caplog.records) <= 1
    assert all(record.levelno == logging.INFO and not record.exc_info for record in caplog.records)


async def test_of_a_body_that_broke_off_nothing_is_held_by_the_error_that_says_so() -> None:
    """Errors and connections lead to each other, so they stay until somebody looks for cycles."""
    content = StreamReader(mock.Mock(_reading_paused=False), 2**16)
    content.feed_data(b"x" * 1000)
    bodies = Bodies(Limits())
    reading = asyncio.create_task(_whole(bodies, make_mocked_request("POST", "/", payload=content)))
    for _ in range(3):
        await asyncio.sleep(0)
    assert bodies.held_bytes == 1000
    content.set_exception(ConnectionResetError())
    with pytest.raises(WebError) as told:
        await reading
    frames = [frame for frame, _ in traceback.walk_tb(told.value.__traceback__)]
    held = [local for frame in frames for local in frame.f_locals.values() if isinstance(local, bytearray)]
    assert held
    assert set(map(len, held)) == {bodies.held_bytes} == {0}


async def _whole(bodies: Bodies, request: Request) -> bytes:
    async with bodies.whole(request, 4096) as body:
        return body
