"""The modules of which tests/core must leave no branch unrun, and how a run is watched for it.

Nothing of loyalty_core may be imported here: what a module does while it is imported counts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from coverage import Coverage

ROOT: Final = Path(__file__).parents[1]
FOLDS: Final = (
    "account",
    "accrual",
    "after_close",
    "alike",
    "assessment",
    "day_rules",
    "entries",
    "lots",
    "matching",
    "period_rules",
    "receipts",
    "resolved",
    "returns",
    "tiers",
    "weighing",
)
"""Where a wrong figure would come from: `./dev mutants` changes these."""
WATCHED: Final = (*FOLDS, "envelope", "journal")


def path_of(module: str) -> Path:
    """Return the file of a module of loyalty_core."""
    return ROOT / "loyalty_core" / f"{module}.py"


PATHS: Final = tuple(path_of(each) for each in WATCHED)


def watch(paths: Iterable[Path] = PATHS) -> Coverage:
    """Return a watch on the branches of these files, started; no comment in a source exempts a line."""
    watched = Coverage(branch=True, include=[str(path) for path in paths], data_file=None, config_file=False)
    watched.clear_exclude()
    watched.start()
    return watched


def unrun(watched: Coverage, paths: Iterable[Path] = PATHS) -> Iterator[str]:
    """Return a sentence for each file that did not run whole: which lines never ran, which went one way."""
    for path in paths:
        *_, never, lines = watched.analysis2(str(path))
        ways = watched.branch_stats(str(path))
        one_way = [
            str(line) for line, (all_, taken) in sorted(ways.items()) if taken < all_ and line not in never
        ]
        told = [f"never run: {lines}"] * bool(never) + [f"not all ways: {', '.join(one_way)}"] * bool(one_way)
        if told:
            yield f"{path.name}: {'; '.join(told)}"
