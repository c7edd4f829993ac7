"""The load: a process of its own that posts prepared bodies over kept connections and does nothing else.

Requests are made before the clock starts, and answers are looked at only as far as their length, so that the
client takes little of the machine from what it measures; it reports how much.
"""

from __future__ import annotations

import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from bench.code import ROOT

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OK: Final = b"HTTP/1.1 200 "
READ_BYTES: Final = 1 << 16


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to post, and over how many connections at once."""

    url: str
    headers: Mapping[str, str]
    clients: int
    bodies: Sequence[bytes]


class Driven(msgspec.Struct, frozen=True):
    """How long all took, the processor time that the client used meanwhile, and how long each answer took."""

    seconds: float
    cpu_seconds: float
    each_us: tuple[float, ...]


def drive(folder: Path, load: Load) -> Driven:
    """Post a load from a process of its own.

    Raises:
        RuntimeError: an answer was no 200.
    """
    path = folder / "load"
    path.write_bytes(msgspec.msgpack.encode(load))
    done = subprocess.run(
        [sys.executable, "-m", "bench.client", str(path)], capture_output=True, cwd=ROOT, check=False
    )
    path.unlink()
    if done.returncode:
        raise RuntimeError(f"the load failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
    return msgspec.json.decode(done.stdout, type=Driven)


class _Line:
    """One kept connection and the requests that it has still to send."""

    def __init__(self, address: tuple[str, int], requests: Sequence[bytes]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = requests
        self._next = 0
        self._got = b""
        self._sent_at = 0.0

    def send(self) -> bool:
        """Send the next request; tell whether there was one."""
        if self._next == len(self._requests):
            return False
        self._sent_at = time.perf_counter()
        self.socket.sendall(self._requests[self._next])
        self._next += 1
        return True

    def receive(self) -> float | None:
        """Read what is there; return the answer's microseconds once it is whole."""
        part = self.socket.recv(READ_BYTES)
        self._got += part
        head = self._got.find(b"\r\n\r\n")
        length = _LENGTH.search(self._got, 0, head) if head >= 0 else None
        if not part or (head >= 0 and (length is None or not self._got.startswith(_OK))):
            raise RuntimeError(f"refused: {self._got[:500]!r}")
        if length is None or len(self._got) < head + 4 + int(length[1]):
            return None
        self._got = b""
        return (time.perf_counter() - self._sent_at) * 1e6


def _run(load: Load) -> Driven:
    parts = urlsplit(load.url)
    headers = {"Host": parts.netloc, "Content-Type": "application/octet-stream", **load.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    start_line = f"POST {parts.path or '/'} HTTP/1.1\r\n{head}Content-Length: "
    requests = [f"{start_line}{len(body)}\r\n\r\n".encode() + body for body in load.bodies]
    address = (parts.hostname or "", parts.port or 80)
    lines = [_Line(address, requests[index :: load.clients]) for index in range(load.clients)]
    start, cpu = time.perf_counter(), time.process_time()
    each = _one_by_one(lines[0]) if load.clients == 1 else _all_at_once(lines)
    driven = Driven(time.perf_counter() - start, time.process_time() - cpu, tuple(each))
    for line in lines:
        line.socket.close()
    return driven


def _one_by_one(line: _Line) -> list[float]:
    each = []
    while line.send():
        while (taken := line.receive()) is None:
            pass
        each.append(taken)
    return each


def _all_at_once(lines: Sequence[_Line]) -> list[float]:
    each = []
    with selectors.DefaultSelector() as selector:
        for line in lines:
            if line.send():
                selector.register(line.socket, selectors.EVENT_READ, line)
        while selector.get_map():
            for key, _ in selector.select():
                line = key.data
                if (taken := line.receive()) is not None:
                    each.append(taken)
                    if not line.send():
                        selector.unregister(line.socket)
    return each


if __name__ == "__main__":
    said = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(_run(said)))
