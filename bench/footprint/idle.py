"""A shop at night: what running and doing nothing takes of a processor, HQ away and HQ up."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.figures import FLOOR, Figure, figure
from bench.footprint.house import BARE, House, bare
from bench.footprint.proc import cpu_ms, wakeups

SETTLE_SECONDS: Final = 3.0


def measure(houses: Sequence[House], folder: Path, *, seconds: float) -> list[Figure]:
    """Return processor time and wake-ups a minute; all wait side by side, for `seconds` each time."""
    figures: list[Figure] = []
    for state in ("away", "up"):
        with ExitStack() as stack:
            quiet = stack.enter_context(bare(folder)).pid
            servers = (
                {one.code.name: stack.enter_context(one.server()).pid for one in houses}
                if state == "up"
                else {}
            )
            agents = {one.code.name: stack.enter_context(one.agent()).pid for one in houses}
            time.sleep(SETTLE_SECONDS)
            told = _watch({*servers.values(), *agents.values(), quiet}, seconds)
        figures += _shown(f"edge-agent: idle, HQ {state}", {**agents, FLOOR: quiet}, told)
        if servers:
            figures += _shown("hq-server: idle, one till", {**servers, FLOOR: quiet}, told)
    return figures


def _watch(pids: set[int], seconds: float) -> dict[int, tuple[float, float]]:
    """Return pid -> processor ms and wake-ups, a minute."""
    before = {pid: (cpu_ms(pid), wakeups(pid)) for pid in pids}
    begin = time.perf_counter()
    time.sleep(seconds)
    minutes = (time.perf_counter() - begin) / 60
    return {
        pid: ((cpu_ms(pid) - cpu) / minutes, (wakeups(pid) - woken) / minutes)
        for pid, (cpu, woken) in before.items()
    }


def _shown(what: str, sides: Mapping[str, int], told: Mapping[int, tuple[float, float]]) -> list[Figure]:
    return [
        figure(
            f"{what}, {kind} a minute",
            unit,
            {side: [told[pid][place]] for side, pid in sides.items()},
            floor_what=BARE,
        )
        for place, (kind, unit) in enumerate((("processor time", "ms"), ("wake-ups", "times")))
    ]
