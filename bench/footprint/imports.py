"""What each package that the till loads costs its start, by Python's own account of import times."""

from __future__ import annotations

import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from bench.code import Code
from bench.figures import NOW, Figure, figure
from bench.footprint.house import House
from bench.programs import EDGE, running
from bench.turns import in_turns

SHOWN_US: Final = 1000
_LINE: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")
STANDARD: Final = "the standard library"
OWN: Final = "Dangol itself"


def measure(houses: Sequence[House], *, rounds: int) -> list[Figure]:
    """Return each package's own share of what a starting agent imports, the dearest first."""
    runs: dict[str, Callable[[int], Counter[str]]] = {house.code.name: _run(house) for house in houses}
    taken = in_turns(rounds, runs)
    middle = {name: statistics.median([one[name] for one in taken[NOW]]) for name in set().union(*taken[NOW])}
    shown = sorted(
        (name for name, us in middle.items() if us >= SHOWN_US), key=middle.__getitem__, reverse=True
    )
    told = {side: [one.total() / 1000 for one in all_] for side, all_ in taken.items()}
    return [
        figure("edge-agent: imports of a start, all", "ms", told),
        *(
            figure(
                f"edge-agent: imports of a start, {name}",
                "ms",
                {side: [one[name] / 1000 for one in all_] for side, all_ in taken.items()},
            )
            for name in shown
        ),
    ]


def _run(house: House) -> Callable[[int], Counter[str]]:
    return lambda _: imported(house)


def imported(house: House) -> Counter[str]:
    """Start the agent and return package -> us that its modules took to load."""
    log = house.till_data / f"{EDGE}.log"
    log.unlink(missing_ok=True)
    code = Timed(house.code.name, house.code.root)
    with running(code, EDGE, house.till):
        pass
    return read(log.read_text("utf-8", "replace"))


def read(told: str) -> Counter[str]:
    """Return package -> us of what `python -X importtime` wrote."""
    found: Counter[str] = Counter()
    for spent, module in _LINE.findall(told):
        found[_package(module)] += int(spent)
    return found


def _package(module: str) -> str:
    top = module.partition(".")[0]
    if top in {"edge_agent", "loyalty_core", "loyalty_shell"}:
        return OWN
    return STANDARD if top in sys.stdlib_module_names or top.startswith("_") else top


class Timed(Code):
    """Code whose processes tell how long each import took."""

    def environment(self) -> dict[str, str]:
        """Return the environment of such a process."""
        return {**Code.environment(self), "PYTHONPROFILEIMPORTTIME": "1"}
