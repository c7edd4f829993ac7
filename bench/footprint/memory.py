"""Memory at rest: after the start, nothing asked yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from bench.figures import FLOOR, Figure, Goal, figure
from bench.footprint.house import BARE, House, bare
from bench.footprint.proc import Memory, memory
from bench.programs import Running
from bench.turns import in_turns

SETTLE_SECONDS: Final = 1.0
GOAL: Final = Goal(limit=25, of="excess")


def measure(houses: Sequence[House], folder: Path, *, rounds: int) -> list[Figure]:
    """Return what both programs hold at rest, HQ away from the till."""
    figures: list[Figure] = []
    for name, run in (("edge-agent", House.agent), ("hq-server", House.server)):
        runs: dict[str, Callable[[int], Memory]] = {FLOOR: lambda _: at_rest(bare(folder))}
        for house in houses:
            runs[house.code.name] = _run(run, house)
        figures += shown(
            f"{name}: memory at rest", in_turns(rounds, runs), GOAL if name == "edge-agent" else None
        )
    return figures


def shown(what: str, taken: dict[str, list[Memory]], goal: Goal | None = None) -> list[Figure]:
    """Return resident and proportional memory as figures."""
    return [
        figure(
            f"{what}, {kind}",
            "MB",
            {side: [one[place] for one in all_] for side, all_ in taken.items()},
            floor_what=BARE,
            goal=None if place else goal,
        )
        for place, kind in enumerate(("resident", "proportional"))
    ]


def at_rest(served: AbstractContextManager[Running]) -> Memory:
    """Start something, let it settle, and return what it holds."""
    with served as one:
        time.sleep(SETTLE_SECONDS)
        return memory(one.pid)


def _run(run: Callable[[House], AbstractContextManager[Running]], house: House) -> Callable[[int], Memory]:
    return lambda _: at_rest(run(house))
