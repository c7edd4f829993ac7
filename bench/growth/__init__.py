"""What one more event costs as journal and ledger grow: the next few thousand at each size, in turns.

Up to `REAL_MAX` events everything is recorded and posted by the programs themselves; beyond, the rows of that
many are multiplied, see `multiply`. The promise is that the cost is flat, so the floor is the smallest size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from bench.code import Code
from bench.figures import BEFORE, FLOOR, NOW, Figure, Goal, figure
from bench.growth.cost import Cost
from bench.growth.hq import HqGrowth, Recorded
from bench.growth.hq_on_postgresql import HqGrowthOnPostgresql
from bench.growth.multiply import UnknownSchemaError
from bench.growth.till import TillGrowth
from bench.turns import in_turns
from tests.postgresql import cluster

SIZES: Final = (10_000, 100_000, 1_000_000, 3_000_000)
LEDGER_SIZES: Final = (10_000, 1_000_000)
"""And the largest that is asked for."""
REAL_MAX: Final = 100_000
MORE: Final = 5000
"""As many as the till sends in one exchange there, where the line is good."""
TILL: Final = "till: one more receipt"
HQ: Final = "HQ: one more event"
FLAT: Final = Goal(limit=1.2, of="ratio")


class Growth(NamedTuple):
    """The sizes, up to which of them the programs fill, and how many events come next, how often."""

    sizes: Sequence[int] = SIZES
    real_max: int = REAL_MAX
    more: int = MORE
    rounds: int = 3


def measure(codes: Sequence[Code], folder: Path, growth: Growth) -> list[Figure]:
    """Return the cost of one of the next receipts at each size on the till, and of `status`."""
    folder.mkdir()
    try:
        return _of_tills(codes, folder, growth)
    except UnknownSchemaError as error:
        return [Figure(what=TILL, unit="us", missing=str(error))]


def measure_ledger(codes: Sequence[Code], folder: Path, growth: Growth) -> list[Figure]:
    """Return the cost of one of the next events beside each size of HQ's ledger, on either database."""
    folder.mkdir()
    try:
        recorded = {code.name: Recorded(code, folder / code.name, *growth) for code in codes}
        grown = {name: HqGrowth(one) for name, one in recorded.items()}
    except UnknownSchemaError as error:
        return [Figure(what=HQ, unit="us", missing=str(error))]
    with cluster(durable=True) as made:
        moved = {codes[0].name: HqGrowthOnPostgresql(recorded[codes[0].name], made)}
        return [
            *_next_ones(f"{HQ} on SQLite", grown, growth),
            *_next_ones(f"{HQ} on PostgreSQL", moved, growth),
        ]


def ledger_sizes(entries: int) -> Sequence[int]:
    """Return the sizes of a ledger that are measured, up to so many entries."""
    return sorted({*[size for size in LEDGER_SIZES if size < entries], entries})


def _of_tills(codes: Sequence[Code], folder: Path, growth: Growth) -> list[Figure]:
    tills = {code.name: TillGrowth(code, folder / f"till-{code.name}", *growth) for code in codes}
    costs = _next_ones(TILL, tills, growth)
    asked = {_name(code, size): till.status(size) for code, till in tills.items() for size in growth.sizes}
    told = in_turns(growth.rounds, asked)
    return [
        *costs,
        *(
            _figure(f"edge-agent status beside {size:,}, its own time", "ms", size, growth, told)
            for size in growth.sizes
        ),
    ]


def _next_ones(what: str, grown: Mapping[str, TillGrowth | HqGrowth], growth: Growth) -> list[Figure]:
    """Return what the next events cost beside each size, by the clock and in processor time."""
    runs = {_name(code, size): one.next(size) for code, one in grown.items() for size in growth.sizes}
    with ExitStack() as stack:
        for one in grown.values():
            stack.enter_context(one.running())
        taken = in_turns(growth.rounds, runs)
    return _costs(what, growth, taken)


def _costs(what: str, growth: Growth, taken: Mapping[str, Sequence[Cost]]) -> list[Figure]:
    figures = []
    for place, kind in enumerate(("by the clock", "processor time")):
        values = {name: [one[place] for one in all_] for name, all_ in taken.items()}
        figures += [
            _figure(f"{what} beside {size:,}, {kind}", "us", size, growth, values) for size in growth.sizes
        ]
    return figures


def _figure(what: str, unit: str, size: int, growth: Growth, values: Mapping[str, Sequence[float]]) -> Figure:
    least = growth.sizes[0]
    sides = {side: values.get(_name(side, size), ()) for side in (NOW, BEFORE)}
    if size == least:
        return figure(what, unit, sides)
    sides[FLOOR] = values[_name(NOW, least)]
    return figure(what, unit, sides, floor_what=f"beside {least:,}", goal=FLAT)


def _name(side: str, size: int) -> str:
    return f"{side}, {size}"
