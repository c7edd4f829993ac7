"""A receiver of webhooks on a real socket, which does as it is told: takes, fails, hangs, redirects, lies."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
HANGS: Final = b""


@dataclass
class Receiver:
    """What came, and the bytes with which each next request is answered; `OK` where nothing else is said."""

    port: int = 0
    answers: list[bytes] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    news: threading.Condition = field(default_factory=threading.Condition)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request has come that is not answered."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?of=dangol"

    def ids(self) -> list[str]:
        """Return the ids of the messages as they came."""
        return [head["webhook-id"] for head, _ in self.came]

    def members(self) -> list[list[str]]:
        """Return who was told of in each message."""
        bodies: list[Any] = [msgspec.json.decode(body) for _, body in self.came]
        return [[one["member_id"] for one in body["data"]["changes"]] for body in bodies]

    def waited(self, count: int, seconds: float) -> bool:
        """Wait in another thread until so many requests have come; returns whether they have."""
        with self.news:
            return self.news.wait_for(lambda: len(self.came) >= count, seconds)

    def everyone(self) -> list[str]:
        """Return all who were told of, in order of their ids."""
        return sorted(member for told in self.members() for member in told)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            assert lines[0] == "POST /hook?of=dangol HTTP/1.1"
            head = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
            }
            self.came.append((head, await reader.readexactly(int(head["content-length"]))))
            self.arrived.set()
            with self.news:
                self.news.notify_all()
            answer = self.answers.pop(0) if self.answers else OK
            if answer is HANGS:
                self.held.set()
                await reader.read()  # until the sender has had enough
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def status(line: str, *heads: str) -> bytes:
    """Return an answer without a body."""
    return "\r\n".join([f"HTTP/1.1 {line}", *heads, "Content-Length: 0", "", ""]).encode()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Lend a receiver on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
