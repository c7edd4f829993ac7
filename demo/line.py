"""The line between one till and HQ: a TCP relay that can be cut in the middle of anything, and mended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

CHUNK: Final = 64 * 1024


class Line:
    """Carries bytes between a till and wherever HQ is at the moment.

    A cut line resets what hangs on it and every new connection. Its port stays taken, so that nobody else
    gets it meanwhile.
    """

    def __init__(self, address_of_hq: Callable[[], str | None]) -> None:
        self._address_of_hq = address_of_hq
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._lost: asyncio.Future[None] | None = None
        self.is_cut = False

    async def start(self) -> None:
        """Begin to carry."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)

    @property
    def url(self) -> str:
        """The address that the till believes is HQ's.

        Raises:
            RuntimeError: it has not been started.
        """
        if self._server is None:
            raise RuntimeError("the line has not been started")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    def cut(self) -> None:
        """Cut it now."""
        self.is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        """Carry again."""
        self.is_cut = False

    def lose_next_answer(self) -> asyncio.Future[None]:
        """Lose HQ's next answer on its way; the future is done when that has happened, and HQ had decided."""
        self._lost = asyncio.get_running_loop().create_future()
        return self._lost

    async def close(self) -> None:
        """Carry no more."""
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = urlsplit(self._address_of_hq() or "")
        if self.is_cut or address.port is None:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        try:
            await asyncio.gather(_pump(reader, far_writer), self._pump_back(far_reader, writer))
        except OSError:
            pass
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _pump_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if self._lost is not None and not self._lost.done():
                self._lost.set_result(None)
                writer.transport.abort()
                return
            writer.write(data)
            await writer.drain()
        # HQ has hung up: so does the line.
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()
