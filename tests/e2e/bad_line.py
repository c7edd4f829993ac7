"""A line that carries requests whole, and does to them what bad lines do: each kind in its turn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import cycle
from typing import Final
from urllib.parse import urlsplit

from demo.line import Line

MOODS: Final = (
    "carried",
    "request cut",
    "answer lost",
    "carried",
    "answer cut",
    "twice",
    "old answer",
    "late",
    "carried",
    "held",
)
"""What becomes of one request after the other.

A late one reaches headquarters after one that the till sent later; one that is held reaches nobody, and
its connection stays open until `let_go`.
"""


class BadLine(Line):
    """A relay of HTTP; `done` counts what became of requests."""

    def __init__(self, address_of_hq: Callable[[], str | None]) -> None:
        super().__init__(address_of_hq)
        self.moods = cycle(MOODS)
        self.is_bad = False
        self.done: Counter[str] = Counter()
        self._held: set[asyncio.Event] = set()
        self._last_answer = b""
        self._late = b""

    @property
    def holding(self) -> int:
        """How many requests are held now."""
        return len(self._held)

    def hold(self) -> None:
        """Hold every request from now on."""
        self.moods, self.is_bad = cycle(["held"]), True

    def let_go(self) -> None:
        """Hang up on all that are held now."""
        for one in self._held:
            one.set()

    def mend(self) -> None:
        """Carry everything from now on."""
        super().mend()
        self.is_bad = False
        self.let_go()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while request := await _message(reader):
                answer, whole = await self._answer(request)
                writer.write(answer)
                await writer.drain()
                if not whole:
                    return
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, request: bytes) -> tuple[bytes, bool]:
        """Return what the till hears, and whether that is all; if not, the line hangs up."""
        mood = next(self.moods) if self.is_bad else "carried"
        heard, whole = b"", mood in ("carried", "twice", "old answer")
        match mood:
            case "carried":
                heard = self._last_answer = await self._ask(request)
                if self._late:
                    await self._ask(self._late)
                    self._late = b""
            case "twice":
                await self._ask(request)
                heard = await self._ask(request)
            case "answer lost":
                await self._ask(request)
            case "answer cut":
                answer = await self._ask(request)
                heard = answer[: len(answer) // 2]
            case "request cut":
                await self._ask(request[: len(request) // 2], whole=False)
            case "old answer":
                heard = self._last_answer
            case "late":
                self._late = request
            case "held":
                free = asyncio.Event()
                self._held.add(free)
                try:
                    await free.wait()
                finally:
                    self._held.discard(free)
        self.done[mood] += 1
        return heard, whole

    async def _ask(self, request: bytes, *, whole: bool = True) -> bytes:
        """Return what headquarters answers, nothing where the request is not whole."""
        address = urlsplit(self._address_of_hq() or "")
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            writer.write(request)
            await writer.drain()
            return await _message(reader) if whole else b""
        finally:
            writer.transport.abort()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Return the next request or answer with its body, nothing at the end of the line."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().splitlines()
        (length,) = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length")]
        return head + await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return b""
