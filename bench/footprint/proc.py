"""What the kernel tells of a running process."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """In MB: all that is resident, and the same with shared pages divided by who shares them."""

    resident: float
    proportional: float


def memory(pid: int) -> Memory:
    """Return how much memory a process holds."""
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    resident, proportional = (int(told[name].split()[0]) * 1024 / 1e6 for name in ("Rss", "Pss"))
    return Memory(resident, proportional)


def cpu_ms(pid: int) -> float:
    """Return the processor time of all threads that live, in milliseconds."""
    spent = [int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(spent) / 1e6


def wakeups(pid: int) -> int:
    """Return how often the threads that live have waited and gone on."""
    return sum(
        int(line.split()[1])
        for task in Path(f"/proc/{pid}/task").glob("*/status")
        for line in task.read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )


def is_traced(pid: int) -> bool:
    """Tell whether every thread of a process is traced."""
    return all(
        "TracerPid:\t0\n" not in task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/status")
    )
