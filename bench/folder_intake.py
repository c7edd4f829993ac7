"""A file of receipts through the watched folder of a running agent, HQ absent, until all are durable."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from bench.code import Code
from bench.databases import LOOK_SECONDS, Journal, connect, transaction
from bench.figures import FLOOR, Figure, Goal, figure
from bench.programs import EDGE, Running, running, set_up
from bench.sales import receipts
from bench.turns import in_turns

FOLDER: Final = 'folder = {path = "in", settle_ms = 1, rescan_ms = 100}\n'
FLOOR_GROUP: Final = 200


class Turn(msgspec.Struct, frozen=True):
    """What one file came to."""

    a_second: float
    cpu_us: float


class Watching:
    """A running agent that watches a folder."""

    def __init__(self, till: Path, agent: Running) -> None:
        self._folder, self._agent = till.parent, agent
        self._journal = Journal(till.parent / "data")

    def take(self, lines: Sequence[bytes]) -> Turn:
        """Hand in a file of new receipts and wait until all are durable."""
        name = f"{time.time_ns()}.jsonl"
        fresh = self._folder / "fresh"
        fresh.write_bytes(b"\n".join(lines) + b"\n")
        start, cpu = time.perf_counter(), self._agent.cpu_seconds()
        fresh.rename(self._folder / "in" / name)
        while (recorded := self._journal.receipts_of(name)) is None:
            time.sleep(LOOK_SECONDS)
        taken, used = time.perf_counter() - start, self._agent.cpu_seconds() - cpu
        if recorded != len(lines):
            raise RuntimeError(f"{recorded} of {len(lines)} receipts were recorded")
        return Turn(len(lines) / taken, used / len(lines) * 1e6)

    def wait_until_sent(self) -> None:
        """Return once HQ has acknowledged everything."""
        self._journal.wait_until_sent()


def measure(codes: Sequence[Code], folder: Path, *, count: int, rounds: int) -> list[Figure]:
    """Return receipts a second, beside reading the same lines and inserting one row each."""
    tills = {code.name: set_up(code, folder / code.name, FOLDER)[1] for code in codes}
    with ExitStack() as stack:
        runs: dict[str, Callable[[int], Turn]] = {FLOOR: lambda turn: _floor(folder, _lines(count, turn))}
        for code in codes:
            till = tills[code.name]
            runs[code.name] = _take(Watching(till, stack.enter_context(running(code, EDGE, till))), count)
        taken = in_turns(rounds, runs)
    return [
        figure(
            f"{count:,} receipts through the folder, durable",
            "/s",
            {name: [turn.a_second for turn in turns] for name, turns in taken.items()},
            floor_what=f"json.loads + one row each, {FLOOR_GROUP} a commit",
            goal=Goal(limit=10_000, least=True),
        ),
        figure(
            "the same: processor time each",
            "us",
            {name: [turn.cpu_us for turn in turns] for name, turns in taken.items()},
            floor_what="of the floor",
        ),
    ]


def _lines(count: int, turn: int) -> list[bytes]:
    return receipts(count, first=turn * count, seed=turn)


def _take(watching: Watching, count: int) -> Callable[[int], Turn]:
    return lambda turn: watching.take(_lines(count, turn))


def _floor(folder: Path, lines: Sequence[bytes]) -> Turn:
    path = folder / "floor.db"
    path.unlink(missing_ok=True)
    conn = connect(path)
    conn.execute("CREATE TABLE t (number TEXT PRIMARY KEY, raw BLOB)")
    start, cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(lines), FLOOR_GROUP):
        with transaction(conn):
            for line in lines[first : first + FLOOR_GROUP]:
                number = json.loads(line)["receipt"]["number"]
                conn.execute("INSERT INTO t VALUES (?, ?)", (number, line))
    taken, used = time.perf_counter() - start, time.process_time() - cpu
    conn.close()
    return Turn(len(lines) / taken, used / len(lines) * 1e6)
