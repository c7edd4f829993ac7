"""Parts of an open page, sent again when they change: server-sent events (WHATWG HTML, 9.2).

event: parts   {"id of a part": "its HTML", ...}     what has changed
event: beat                                           nothing has, and the program lives
event: ended                                          the log-in is over: ask for the page again
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from aiohttp import web

from loyalty_core.errors import LoyaltyError
from loyalty_shell.pages.headers import PAGE

STREAMS_MAX: Final = 16
LOOK_SECONDS: Final = 1.0
BEAT_SECONDS: Final = 3.0
WRITE_SECONDS: Final = 20.0
"""A browser that takes nothing for so long has gone."""

Parts = Callable[[], Awaitable[Mapping[str, str] | None]]
"""Returns each part of the page as it is now, None where its log-in has ended."""


class Streams:
    """The open streams of a program: so many at most, and all ended when it stops."""

    def __init__(
        self,
        *,
        look_seconds: float = LOOK_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self._look_seconds, self._beat_seconds = look_seconds, beat_seconds
        self._write_seconds = write_seconds
        self._stopping = asyncio.Event()
        self._open: list[asyncio.Event] = []

    @property
    def open(self) -> int:
        """How many browsers look on."""
        return len(self._open)

    async def stop(self, _: web.Application) -> None:
        """End every stream, so that the program need not wait for the browsers."""
        self._stopping.set()

    async def serve(self, request: web.Request, parts: Parts) -> web.StreamResponse:
        """Send what changes until the browser leaves, the log-in ends, or a newer page needs the place."""
        pushed_out = asyncio.Event()
        response = web.StreamResponse(headers={**PAGE, "Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            await self._send(request, response, parts, pushed_out)
        except (ConnectionError, LoyaltyError):
            pass  # the browser has gone, or is to see that nothing comes and ask anew
        finally:
            if pushed_out in self._open:
                self._open.remove(pushed_out)
        return response

    def _take_place(self, pushed_out: asyncio.Event) -> None:
        while len(self._open) >= STREAMS_MAX:
            self._open.pop(0).set()
        self._open.append(pushed_out)

    async def _send(
        self, request: web.Request, response: web.StreamResponse, parts: Parts, pushed_out: asyncio.Event
    ) -> None:
        loop, sent, silent_since = asyncio.get_running_loop(), dict[str, str](), 0.0
        while not pushed_out.is_set():
            now = await parts()
            if now is None:
                await self._write(request, response, b"event: ended\ndata: {}\n\n")
                return
            if (
                pushed_out not in self._open and not pushed_out.is_set()
            ):  # who is not logged in pushes nobody out
                self._take_place(pushed_out)
            changed = {name: html for name, html in now.items() if sent.get(name) != html}
            if changed:
                data = b"event: parts\ndata: " + msgspec.json.encode(changed) + b"\n\n"
                await self._write(request, response, data)
                sent.update(changed)
                silent_since = loop.time()
            elif loop.time() - silent_since >= self._beat_seconds:
                await self._write(request, response, b"event: beat\ndata: {}\n\n")
                silent_since = loop.time()
            if await self._is_stopping():
                return

    async def _write(self, request: web.Request, response: web.StreamResponse, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._write_seconds):
                await response.write(data)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionError("the browser takes nothing") from None

    async def _is_stopping(self) -> bool:
        """Wait until it is time to look again, or to stop."""
        try:
            async with asyncio.timeout(self._look_seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False
