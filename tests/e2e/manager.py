"""A service manager as a program that notifies it sees it: a socket of datagrams that is read at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

WAIT_SECONDS = 30


class FakeManager:
    """What systemd is for a service. `heard` are the lines that it was told, in order."""

    def __init__(self, address: str, watchdog_ms: int) -> None:
        self.environment = {
            "NOTIFY_SOCKET": address.replace("\0", "@"),
            "WATCHDOG_USEC": str(watchdog_ms * 1000),
        }
        self.heard: list[str] = []
        self._more = asyncio.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address)
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    async def hear(self, line: str) -> None:
        """Return once a line that begins so is told, from now on."""
        known = len(self.heard)
        async with asyncio.timeout(WAIT_SECONDS):
            while not any(one.startswith(line) for one in self.heard[known:]):
                self._more.clear()
                await self._more.wait()

    def close(self) -> None:
        """Hear nothing more."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _read(self) -> None:
        self.heard += self._socket.recv(4096).decode().splitlines()
        self._more.set()


@asynccontextmanager
async def manager(folder: Path, patch: pytest.MonkeyPatch, watchdog_ms: int) -> AsyncIterator[FakeManager]:
    """Lend a manager that every process started meanwhile finds in its environment."""
    made = FakeManager(str(folder / "notify"), watchdog_ms)
    with patch.context() as own:
        for name, value in made.environment.items():
            own.setenv(name, value)
        try:
            yield made
        finally:
            made.close()
