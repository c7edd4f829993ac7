"""System calls of a sale, counted by strace from outside while one client posts one receipt after another."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.databases import LOOK_SECONDS
from bench.figures import FLOOR, NOW, Figure, figure
from bench.footprint.house import BARE, House, bare
from bench.footprint.proc import is_traced
from bench.one_receipt import Service
from bench.turns import in_turns

SALES: Final = 300
WARM: Final = 50
SHOWN: Final = 10
ATTACH_SECONDS: Final = 10
WHAT: Final = "edge-agent: system calls a sale"


class CannotTraceError(Exception):
    """Why no system calls can be counted here."""


def measure(houses: Sequence[House], folder: Path, *, sales: int, rounds: int) -> list[Figure]:
    """Return all system calls of a sale, and the most frequent of them."""
    with ExitStack() as stack:
        quiet = stack.enter_context(bare(folder))
        services = {FLOOR: (quiet.pid, Service(folder, quiet, quiet.url, {}))}
        for house in houses:
            agent = stack.enter_context(house.agent())
            token = (house.till_data / "http.token").read_text().strip()
            url, headers = f"{agent.url}/v1/receipts", {"Authorization": f"Bearer {token}"}
            services[house.code.name] = agent.pid, Service(folder, agent, url, headers)
        for _, service in services.values():
            service.post(WARM, 1)
        runs = {name: _run(folder, pid, service, sales) for name, (pid, service) in services.items()}
        try:
            taken = in_turns(rounds, runs)
        except CannotTraceError as error:
            return [Figure(what=WHAT, unit="a sale", missing=str(error))]
    often = sum(taken[NOW], Counter[str]()).most_common(SHOWN)
    return [
        _shown(WHAT, taken, lambda one: one.total() / sales),
        *(_shown(f"{WHAT}, {name}", taken, _of(name, sales)) for name, _ in often),
    ]


def _shown(what: str, taken: dict[str, list[Counter[str]]], of: Callable[[Counter[str]], float]) -> Figure:
    counts = {side: [of(one) for one in all_] for side, all_ in taken.items()}
    return figure(what, "a sale", counts, floor_what=f"{BARE}, a post")


def _of(name: str, sales: int) -> Callable[[Counter[str]], float]:
    return lambda one: one[name] / sales


def _run(folder: Path, pid: int, service: Service, sales: int) -> Callable[[int], Counter[str]]:
    return lambda _: counted(folder, pid, lambda: service.post(sales, 1))


def counted(folder: Path, pid: int, work: Callable[[], object]) -> Counter[str]:
    """Return system call -> how often a process made it while `work` was done.

    Raises:
        CannotTraceError: strace is missing or may not look.
    """
    if shutil.which("strace") is None:
        raise CannotTraceError("strace is not installed")
    told = folder / "strace"
    words = ["strace", "--summary-only", "--follow-forks", f"--output={told}", f"--attach={pid}"]
    tracer = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    end = time.monotonic() + ATTACH_SECONDS
    while not is_traced(pid):
        if tracer.poll() is not None or time.monotonic() > end:
            tracer.kill()
            tracer.wait()
            raise CannotTraceError("strace may not look at other processes here")
        time.sleep(LOOK_SECONDS)
    work()
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    return read(told.read_text())


def read(summary: str) -> Counter[str]:
    """Return system call -> how often, of a summary as strace writes it."""
    rows = [line.split() for line in summary.splitlines()]
    return Counter(
        {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[3].isdecimal() and row[-1] != "total"}
    )
