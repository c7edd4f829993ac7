"""A service manager as a program that notifies it sees it: a socket of datagrams, and nothing else."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

WAIT_SECONDS = 30


class FakeManager:
    """What systemd is for a service: `heard` are the lines that it was told, in order."""

    def __init__(self, address: str, watchdog_ms: int) -> None:
        self.environment = {
            "NOTIFY_SOCKET": address.replace("\0", "@"),
            "WATCHDOG_USEC": str(watchdog_ms * 1000),
        }
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address)

    async def hear(self, line: str) -> None:
        """Return once a line that begins so has been heard, from now on."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                lines = (await loop.sock_recv(self._socket, 4096)).decode().splitlines()
                self.heard += lines
                if any(one.startswith(line) for one in lines):
                    return

    def drain(self) -> list[str]:
        """Return the lines that wait, and forget them."""
        lines: list[str] = []
        try:
            while True:
                lines += self._socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return lines

    def close(self) -> None:
        """Hear nothing more."""
        self._socket.close()


@contextmanager
def manager(folder: Path, patch: pytest.MonkeyPatch, watchdog_ms: int) -> Iterator[FakeManager]:
    """Lend a manager that every process started meanwhile finds in its environment."""
    made = FakeManager(str(folder / "notify"), watchdog_ms)
    with patch.context() as own:
        for name, value in made.environment.items():
            own.setenv(name, value)
        try:
            yield made
        finally:
            made.close()


def abstract_address() -> str:
    """Return an address without a file."""
    return f"\0dangol-test-{os.getpid()}"
