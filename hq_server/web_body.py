"""Reading the body of a request: whole, and bounded in bytes and in time. Anybody may send one.

A body that is still arriving holds no place among the requests that are worked on, only its bytes; and all
bodies together hold no more bytes than `limits.bodies_bytes_max`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from hq_server.config import Limits
from hq_server.web_errors import WebError, busy_now

_CUT_SHORT: Final = (web.RequestPayloadError, HttpProcessingError, ConnectionError, EOFError)


class Bodies:
    """The bodies that are arriving or being worked on, and how many bytes they are together."""

    def __init__(self, limits: Limits) -> None:
        self._seconds_max = limits.body_seconds_max
        self._bytes_max = limits.bodies_bytes_max
        self.held_bytes = 0

    @contextlib.asynccontextmanager
    async def whole(self, request: web.Request, bytes_max: int) -> AsyncIterator[bytes]:
        """Yield the body once all of it is here; its bytes count as held until the block ends.

        Raises:
            WebError: `body_too_large`, `body_too_slow`, `body_unreadable`, or `server_busy` where there is no
                room for it now.
        """
        _check_head(request, bytes_max)
        body = await self._read(request, bytes_max)
        try:
            yield body
        finally:
            self.held_bytes -= len(body)

    async def _read(self, request: web.Request, bytes_max: int) -> bytes:
        """Return the body, whose bytes count as held now; those of a body that is refused do no more."""
        body = bytearray()
        try:
            await self._fill(body, request, bytes_max)
            return bytes(body)
        except BaseException:
            self.held_bytes -= len(body)
            # The error leads to this frame, and may be kept by the connection that it came of.
            body.clear()
            raise

    async def _fill(self, body: bytearray, request: web.Request, bytes_max: int) -> None:
        try:
            async with asyncio.timeout(self._seconds_max):
                while chunk := await request.content.readany():
                    self.held_bytes += len(chunk)
                    body += chunk
                    self._check(len(body), bytes_max)
        except TimeoutError:
            raise WebError(
                f"the body was not here {self._seconds_max} seconds after its head: send it at once",
                code="body_too_slow",
            ) from None
        except _CUT_SHORT:
            raise WebError("the body is cut short or broken: send it again", code="body_unreadable") from None

    def _check(self, so_far: int, bytes_max: int) -> None:
        if so_far > bytes_max:
            raise _too_large(bytes_max)
        if self.held_bytes > self._bytes_max:
            raise busy_now()


def _check_head(request: web.Request, bytes_max: int) -> None:
    """Refuse what the head alone rules out. Whoever is not yet verified has nothing decompressed here."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise WebError("the body has a Content-Encoding: send the bytes as they are", code="body_unreadable")
    if request.content_length is not None and request.content_length > bytes_max:
        raise _too_large(bytes_max)


def _too_large(bytes_max: int) -> WebError:
    return WebError(f"the body is larger than {bytes_max} bytes: send less at once", code="body_too_large")
