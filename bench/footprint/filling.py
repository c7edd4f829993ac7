"""Many receipts later: memory of both programs, and what an event takes on both disks."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from bench.databases import Journal, connect
from bench.figures import Figure, figure
from bench.folder_intake import Watching
from bench.footprint.house import House
from bench.footprint.memory import SETTLE_SECONDS, shown
from bench.footprint.proc import Memory, memory
from bench.sales import receipts

TABLE_BYTES: Final = 1.0


class Filled(msgspec.Struct, frozen=True):
    """One revision's house with its receipts."""

    recording: Memory
    sent: Memory
    server: Memory
    till_bytes: float
    hq_bytes: float
    till_tables: dict[str, float]
    hq_tables: dict[str, float]


def measure(houses: Sequence[House], *, count: int) -> list[Figure]:
    """Return figures of one run each: this takes long."""
    filled = {house.code.name: [_fill(house, count)] for house in houses}

    def sides(of: Callable[[Filled], float]) -> dict[str, list[float]]:
        return {side: [of(one) for one in all_] for side, all_ in filled.items()}

    def memories(of: Callable[[Filled], Memory]) -> dict[str, list[Memory]]:
        return {side: [of(one) for one in all_] for side, all_ in filled.items()}

    return [
        *shown(f"edge-agent: memory after {count:,} receipts, HQ away", memories(lambda one: one.recording)),
        *shown(f"edge-agent: memory after sending them, {count:,}", memories(lambda one: one.sent)),
        *shown(f"hq-server: memory after taking them, {count:,}", memories(lambda one: one.server)),
        figure("till's disk, an event", "B", sides(lambda one: one.till_bytes)),
        *_tables("till's disk, an event", filled, lambda one: one.till_tables),
        figure("HQ's disk, an event", "B", sides(lambda one: one.hq_bytes)),
        *_tables("HQ's disk, an event", filled, lambda one: one.hq_tables),
    ]


def _tables(
    what: str, filled: dict[str, list[Filled]], of: Callable[[Filled], dict[str, float]]
) -> Iterable[Figure]:
    """Yield each table and index that takes a byte an event or more."""
    now = of(filled["now"][0])
    for name in sorted(now, key=now.__getitem__, reverse=True):
        if now[name] >= TABLE_BYTES:
            sizes = {side: [of(one).get(name, 0.0) for one in all_] for side, all_ in filled.items()}
            yield figure(f"{what}: {name}", "B", sizes)


def _fill(house: House, count: int) -> Filled:
    till, hq = house.till_data / "till.db", house.hq_data / "hq.db"
    empty = _size(till), _size(hq), _sizes(till), _sizes(hq)
    with house.agent() as agent:
        Watching(house.till, agent).take(receipts(count, first=50_000_000, seed=5))
        time.sleep(SETTLE_SECONDS)
        recording = memory(agent.pid)
    with closing(Journal(house.till_data)) as journal, house.server() as server, house.agent() as agent:
        journal.wait_until_sent()
        time.sleep(SETTLE_SECONDS)
        sent, served = memory(agent.pid), memory(server.pid)
    return Filled(
        recording,
        sent,
        served,
        (_size(till) - empty[0]) / count,
        (_size(hq) - empty[1]) / count,
        _grown(empty[2], _sizes(till), count),
        _grown(empty[3], _sizes(hq), count),
    )


def _size(path: Path) -> int:
    """Return a database's size with nothing left in its log."""
    with closing(connect(path)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def _sizes(path: Path) -> dict[str, int]:
    """Return table or index -> bytes of its pages, by the SQLite of the system, if it can tell."""
    with closing(sqlite3.connect(path)) as conn:
        if not conn.execute("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'").fetchone():
            return {}
        return dict(conn.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))


def _grown(before: dict[str, int], after: dict[str, int], count: int) -> dict[str, float]:
    return {name: (size - before.get(name, 0)) / count for name, size in after.items()}
