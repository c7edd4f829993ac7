"""A cold start: from the spawn to the first answer and to READY, beside a bare aiohttp.web."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from bench.code import ROOT
from bench.figures import FLOOR, NOW, Figure, Goal, figure
from bench.footprint.house import BARE, House, bare_words
from bench.footprint.proc import cpu_ms
from bench.programs import EDGE, HQ, START_SECONDS, STOP_SECONDS
from bench.turns import in_turns

LOOK_SECONDS: Final = 0.001
READY_SECONDS: Final = 0.5
READY: Final = b"READY=1"


class Started(msgspec.Struct, frozen=True):
    """Milliseconds from the spawn; `ready` is None where the program tells nobody."""

    answers: float
    cpu: float
    ready: float | None


def measure(houses: Sequence[House], folder: Path, *, rounds: int) -> list[Figure]:
    """Return both programs' starts."""
    bare = bare_words(folder)
    floor = {FLOOR: lambda _: start(bare, folder / "address", folder, {**os.environ}, ROOT)}
    figures: list[Figure] = []
    for name, module in (("edge-agent", EDGE), ("hq-server", HQ)):
        runs: dict[str, Callable[[int], Started]] = {
            **floor,
            **{house.code.name: _run(house, module, folder) for house in houses},
        }
        taken = in_turns(rounds, runs)
        goal = Goal(limit=300, of="excess") if module == EDGE else None
        spawned = f"{name}: spawn to"
        figures += [
            figure(
                f"{spawned} answering /healthz",
                "ms",
                {side: [one.answers for one in all_] for side, all_ in taken.items()},
                floor_what=BARE,
                goal=goal,
            ),
            figure(
                f"{name}: processor time until then",
                "ms",
                {side: [one.cpu for one in all_] for side, all_ in taken.items()},
                floor_what=BARE,
            ),
            _ready(f"{spawned} READY", taken),
        ]
    return figures


def _ready(what: str, taken: dict[str, list[Started]]) -> Figure:
    told = {
        side: [one.ready for one in all_ if one.ready is not None]
        for side, all_ in taken.items()
        if side != FLOOR
    }
    if not told[NOW]:
        return Figure(what=what, unit="ms", missing="it tells nobody")
    return figure(what, "ms", told)


def _run(house: House, module: str, folder: Path) -> Callable[[int], Started]:
    data = house.hq_data if module == HQ else house.till_data
    code = house.code
    return lambda _: start(house.words(module), data / "address", folder, code.environment(), code.root)


def start(
    words: Sequence[str], address: Path, folder: Path, environment: dict[str, str], where: Path
) -> Started:
    """Start a program, wait for its first answer and its READY, and end it.

    Raises:
        RuntimeError: it does not answer.
    """
    address.unlink(missing_ok=True)
    path = folder / "notify"
    path.unlink(missing_ok=True)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notified:
        notified.bind(str(path))
        notified.setblocking(False)
        begin = time.perf_counter()
        with (folder / "log").open("ab") as log:
            one = subprocess.Popen(
                list(words), env={**environment, "NOTIFY_SOCKET": str(path)}, cwd=where, stderr=log
            )
        try:
            return _watched(one, address, notified, begin)
        finally:
            one.send_signal(signal.SIGTERM)
            one.wait(STOP_SECONDS)


def _watched(one: subprocess.Popen[bytes], address: Path, notified: socket.socket, begin: float) -> Started:
    ready: float | None = None
    answers: tuple[float, float] | None = None
    until = begin + START_SECONDS
    while answers is None or (ready is None and time.perf_counter() < until):
        with suppress(BlockingIOError):
            if READY in notified.recv(4096):
                ready = (time.perf_counter() - begin) * 1e3
        if answers is None:
            if one.poll() is not None or time.perf_counter() > until:
                raise RuntimeError(f"{one.args!r} does not answer")
            if _answers(address):
                answers = (time.perf_counter() - begin) * 1e3, cpu_ms(one.pid)
                until = time.perf_counter() + READY_SECONDS
        time.sleep(LOOK_SECONDS)
    return Started(*answers, ready)


def _answers(address: Path) -> bool:
    with suppress(OSError):
        url = urlsplit(address.read_text().strip())
        if url.port:
            with socket.create_connection((url.hostname or "", url.port), timeout=1) as conn:
                conn.sendall(f"GET /healthz HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
                return conn.recv(64).startswith(b"HTTP/1.1 ")
    return False
