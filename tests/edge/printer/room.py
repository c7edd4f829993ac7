"""A till, its printer and what is between them, in one thread, with time that the test moves."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_agent.config import Printer
from edge_agent.printer.aside import Aside
from edge_agent.printer.endpoints import Endpoint, Tcp
from edge_agent.printer.loop import Loop
from edge_agent.printer.relay import Relay
from edge_agent.printer.state import FOLDER

DEADLINE_S = 30.0
RECEIPT = b"\x1b@MOONLIGHT\nTOTAL 10,000\n\n\x1dV\x00"


class Room:
    """A relay with a printer that the test plays, unless it is told of another."""

    def __init__(
        self,
        folder: Path,
        *,
        printer: Endpoint | None = None,
        listen: Endpoint | None = None,
        **settings: Any,
    ) -> None:
        self.time = 1000.0
        self.loop, self.aside = Loop(lambda: self.time), Aside()
        self.data_dir = folder
        self.server = socket.create_server(("127.0.0.1", 0))
        self._own: list[socket.socket] = [self.server]
        self.settings = Printer(
            name="front",
            listen=listen or Tcp("127.0.0.1", 0),
            printer=printer or Tcp("127.0.0.1", self.server.getsockname()[1]),
            **settings,
        )
        self.relay = Relay(self.loop, self.aside, folder, self.settings)
        self.relay.start()

    def till(self) -> socket.socket:
        """Return a till's new connection."""
        made = socket.socket()
        self._own.append(made)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        made.connect(("127.0.0.1", self.relay.port))
        made.setblocking(False)
        return made

    def printer(self) -> socket.socket:
        """Return the printer's side of the next connection."""
        self.server.setblocking(False)
        found: list[socket.socket] = []

        def accepted() -> bool:
            try:
                found.append(self.server.accept()[0])
            except BlockingIOError:
                return False
            return True

        self.until(accepted)
        found[0].setblocking(False)
        self._own.append(found[0])
        return found[0]

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Return a till that is connected, and its printer."""
        till = self.till()
        return till, self.printer()

    def listen_again(self, where: tuple[str, int]) -> None:
        """Switch the printer on again."""
        self.server = socket.create_server(where)
        self._own.append(self.server)

    def until(self, holds: Callable[[], bool], step: float = 0.0) -> None:
        """Let things happen until something holds; time stands, or goes on by steps."""
        end = time.monotonic() + DEADLINE_S
        while not holds():
            assert time.monotonic() < end, "it never came to hold"
            self.loop.turn(0.001)
            self.time += step

    def settle(self) -> None:
        """Let happen what may without that time goes on."""
        while self.loop.turn(0.002):
            pass

    def go_on(self, seconds: float, step: float = 0.05) -> None:
        """Let time pass."""
        for _ in range(round(seconds / step)):
            self.time += step
            self.settle()

    def acknowledged(self) -> None:
        """Return once the printer's machine has said that it has all that was sent."""
        self.until(lambda: not any(one.printer.unsent() for one in self.relay._passages))

    def read(self, sock: socket.socket, count: int, step: float = 0.0) -> bytes:
        """Return so many bytes that come to a side."""
        found = bytearray()

        def came() -> bool:
            try:
                while len(found) < count and (data := sock.recv(count - len(found))):
                    found.extend(data)
            except BlockingIOError:
                pass
            return len(found) >= count

        self.until(came, step)
        return bytes(found)

    def end_of(self, sock: socket.socket, step: float = 0.0) -> tuple[bytes, str]:
        """Return what comes to a side up to its end, and whether that is `closed` or `reset`."""
        found, how = bytearray(), []

        def ended() -> bool:
            try:
                while data := sock.recv(65536):
                    found.extend(data)
            except BlockingIOError:
                return False
            except ConnectionResetError:
                how.append("reset")
                return True
            how.append("closed")
            return True

        self.until(ended, step)
        return bytes(found), how[0]

    def copies(self) -> dict[str, bytes]:
        """Return the copies that there are, by their names, once the disk has done all that it was told."""
        self.written()
        return {path.name: path.read_bytes() for path in sorted((self.data_dir / FOLDER).glob("*.escpos"))}

    def written(self) -> None:
        """Return once the disk has done all that it was told."""
        done = threading.Event()
        assert self.aside.do(done.set)
        assert done.wait(DEADLINE_S)

    def hold_disk(self, until: threading.Event) -> None:
        """Let the disk answer nothing until an event is set."""

        def stand_still() -> None:
            until.wait()

        assert self.aside.do(stand_still)

    def close(self) -> None:
        """End everything."""
        self.relay.stop()
        for one in self._own:
            one.close()
        assert self.aside.close(DEADLINE_S)
        self.loop.close()


def reset(sock: socket.socket) -> None:
    """End a connection by a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def fill(sock: socket.socket, room: Room) -> bytes:
    """Return what a side could send until nothing more was taken."""
    sent = bytearray()
    still = 0
    while still < 5:
        try:
            count = sock.send(bytes((len(sent) + n) % 251 for n in range(4096)))
            sent.extend(bytes((len(sent) + n) % 251 for n in range(count)))
            still = 0
        except BlockingIOError:
            still += 1
            room.settle()
    return bytes(sent)
