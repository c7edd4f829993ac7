"""What both programs take of a machine: memory, start, idle time, disk, system calls, imports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.code import Code
from bench.figures import Figure
from bench.footprint import commands, filling, idle, imports, memory, starting, syscalls
from bench.footprint.house import House

WATCHED = 'folder = {path = "in"}\n'


def measure(
    codes: Sequence[Code], folder: Path, *, count: int, rounds: int, idle_seconds: float
) -> list[Figure]:
    """Return all figures; `count` receipts are what memory and disk are looked at after."""
    folder.mkdir()
    houses = [House(code, folder / code.name, WATCHED) for code in codes]
    return [
        *starting.measure(houses, folder, rounds=2 * rounds),
        *memory.measure(houses, folder, rounds=rounds),
        *idle.measure(houses, folder, seconds=idle_seconds),
        *commands.measure(houses, rounds=3 * rounds),
        *imports.measure(houses, rounds=rounds),
        *syscalls.measure(houses, folder, sales=min(count, syscalls.SALES), rounds=rounds),
        *filling.measure(houses, count=count),
    ]
