"""All tills of a chain return at one instant, each with a day's sales, while one more till sells on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.code import Code
from bench.databases import rows_in
from bench.figures import NOW, Figure, Goal, figure
from bench.herd.chain import Chain
from bench.herd.selling import selling
from bench.herd.tills import Came
from bench.programs import HQ, running

TILLS = 2000
"""How many tills return."""
MEMORY_MB_MAX = 1000
"""What a herd may add to what HQ has at rest, in MB: by its bounds on bodies and on what is unpacked."""
SALE_MS_MAX = 1000
"""How long a till that sells meanwhile may take for an answer, on a machine that does all of this, in ms."""


def measure(codes: Sequence[Code], folder: Path, *, tills: int, sales: int) -> list[Figure]:
    """Return how long it took until all were heard, who was sent away, and what HQ's memory came to.

    Only this checkout's programs: the tills join by its own functions.

    Raises:
        RuntimeError: a sale came not at all or twice, or the till that sells was not answered.
    """
    chain = Chain(codes[0], folder, tills=tills, sales=sales)
    with running(chain.code, HQ, chain.hq) as served:
        chain.meet(served.url)
        with selling(chain.code, chain.till) as sold:
            rest_mb = served.memory_mb()
            came = chain.return_all(served.url)
            peak_mb = served.memory_peak_mb()
    _check(chain.hq.parent / "data" / "hq.db", tills * sales, len(sold.each_ms))
    return [*_of_the_herd(came, tills, sales), *_of_others(rest_mb, peak_mb, sold.each_ms)]


def _of_the_herd(came: Came, tills: int, sales: int) -> list[Figure]:
    name = f"{tills:,} tills at once, {sales:,} sales each"
    done = sorted(came.done_s)
    figures = [
        _one(f"{name}: until half of them were heard", "s", done[len(done) // 2]),
        _one(f"{name}: until the last was heard", "s", done[-1]),
        _one("the same: sales", "/s", tills * sales / done[-1]),
        _one("the same: tries of a till on average", "", came.tries / tills),
        _one("the same: longest pause between two tries", "s", came.pause_s),
    ]
    refused = sorted(came.refused.items())
    return [*figures, *(_one(f"the same: sent away with {code}", "", count) for code, count in refused)]


def _of_others(rest_mb: float, peak_mb: float, each_ms: Sequence[float]) -> list[Figure]:
    memory = Goal(limit=MEMORY_MB_MAX, of="excess")
    at_rest = {NOW: [peak_mb], "floor": [rest_mb]}
    ordered = sorted(each_ms)
    return [
        figure("HQ's memory at most", "MB", at_rest, floor_what="before they came", goal=memory),
        _one("a till that sells meanwhile: answers, the middle one", "ms", ordered[len(ordered) // 2]),
        _one("a till that sells meanwhile: answers, the slowest", "ms", ordered[-1], Goal(limit=SALE_MS_MAX)),
    ]


def _one(what: str, unit: str, value: float, goal: Goal | None = None) -> Figure:
    return Figure(what=what, unit=unit, values=(value,), goal=goal)


def _check(database: Path, brought: int, sold: int) -> None:
    """Look whether HQ has every sale of the herd once, and hears of no other than those that were sold."""
    (events,) = rows_in(database, "events")
    # The till that sells says that it booted, closes its days, and has more to send than is heard by now.
    if not brought <= events <= brought + sold + 100:
        raise RuntimeError(f"HQ has {events} events of {brought} that the tills brought")
