"""A command that a technician runs: its own processor time and how long it takes, beside bare Python."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.code import ROOT, Code
from bench.figures import FLOOR, Figure, Goal, figure
from bench.footprint.house import House
from bench.programs import EDGE, line
from bench.turns import in_turns

NOTHING = "python -c pass"


class Ran(NamedTuple):
    """Milliseconds: of a processor, and by the clock."""

    own: float
    wall: float


def measure(houses: Sequence[House], *, rounds: int) -> list[Figure]:
    """Return `edge-agent status`."""
    nothing = [sys.executable, "-c", "pass"]
    runs: dict[str, Callable[[int], Ran]] = {FLOOR: lambda _: _ran(nothing, {**os.environ}, ROOT)}
    for house in houses:
        runs[house.code.name] = status(house.code, house.till)
    taken = in_turns(rounds, runs)
    return [
        figure(
            "edge-agent status: its own time",
            "ms",
            {side: [one.own for one in all_] for side, all_ in taken.items()},
            floor_what=NOTHING,
            goal=Goal(limit=150),
        ),
        figure(
            "edge-agent status: by the clock",
            "ms",
            {side: [one.wall for one in all_] for side, all_ in taken.items()},
            floor_what=NOTHING,
        ),
    ]


def status(code: Code, till: Path) -> Callable[[int], Ran]:
    """Return what runs the status screen of a till."""
    words = line(EDGE, till, "status")
    return lambda _: _ran(words, code.environment(), code.root)


def _ran(words: Sequence[str], environment: dict[str, str], where: Path) -> Ran:
    begin = time.perf_counter()
    one = subprocess.Popen(list(words), env=environment, cwd=where, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(one.pid, 0)
    wall = time.perf_counter() - begin
    one.returncode = os.waitstatus_to_exitcode(status)
    if one.returncode:
        raise RuntimeError(f"{words} failed")
    return Ran((used.ru_utime + used.ru_stime) * 1e3, wall * 1e3)
