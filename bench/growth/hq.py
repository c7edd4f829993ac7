"""HQ's growth: a till's next requests, recorded, posted to an HQ whose ledger holds many entries already."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.client import Load, drive
from bench.code import Code
from bench.databases import events_kept
from bench.folder_intake import FOLDER, Watching
from bench.growth.cost import Cost
from bench.growth.multiply import multiply_hq
from bench.programs import EDGE, HQ, Running, give_port, running
from bench.recorded import EXCHANGE, joined, relay, send
from bench.sales import days_of, receipts

BATCH_RECORDS = 1000
NEARLY = 0.9
"""Requests differ a little in size."""


class Recorded:
    """Headquarters as a till filled it, by size, and the requests that come next to each, by round.

    What is larger than `base`, the largest that is filled so, is that one multiplied, and the same come next.
    """

    def __init__(
        self, code: Code, folder: Path, sizes: Sequence[int], real_max: int, more: int, rounds: int
    ) -> None:
        self.code, self.folder, self.sizes = code, folder, sizes
        self._more, self._rounds = more, rounds
        self.base = max(size for size in sizes if size <= real_max)
        self._next: dict[int, list[list[bytes]]] = {}
        sales = receipts(self.base + more * (rounds + 1))
        with relay() as between:
            records = min(more, BATCH_RECORDS)
            extra = f"sync = {{batches = {more // records}, batch_records = {records}}}\n"
            hq, till = joined(code, folder / "made", between, FOLDER + extra)
            self.settings = hq.name
            done = 0
            for size in [*(one for one in sizes if one <= self.base), len(sales)]:
                with running(code, EDGE, till) as agent:
                    Watching(till, agent).take(sales[done:size])
                requests = send(code, hq, till, between)
                if done:
                    self._next[done] = self._groups(requests, size - done)
                if size <= self.base:
                    shutil.copytree(hq.parent, folder / f"filled-{size}")
                done = size

    def copied(self, size: int, to: Path) -> Path:
        """Copy what was filled of a size, or what is to be multiplied to it; return its settings file."""
        shutil.copytree(self.folder / f"filled-{min(size, self.base)}", to)
        give_port(to / self.settings)
        return to / self.settings

    def next(self, size: int, turn: int) -> Sequence[bytes]:
        """Return the requests of a round."""
        return self._next[min(size, self.base)][turn]

    def _groups(self, requests: Sequence[bytes], events: int) -> list[list[bytes]]:
        """Return the first requests in order, a group for each round, each of about `more` of the events."""
        enough = sum(map(len, requests)) * self._more / events * NEARLY
        groups: list[list[bytes]] = [[]]
        for body in requests:
            if sum(map(len, groups[-1])) >= enough:
                groups.append([])
            groups[-1].append(body)
        if len(groups) < self._rounds:
            raise RuntimeError(f"{events} events came in too few requests for {self._rounds} rounds")
        return groups[: self._rounds]


class HqGrowth:
    """Headquarters of several sizes on SQLite."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.houses: dict[int, Path] = {}
        self.served: dict[int, Running] = {}
        for size in recorded.sizes:
            self.houses[size] = self.grown(size)

    def grown(self, size: int) -> Path:
        """Make one of a size; return its settings file."""
        base = self.recorded.base
        config = self.recorded.copied(size, self.recorded.folder / f"sqlite-{size}")
        if size > base:
            multiply_hq(config.parent / "data" / "hq.db", size // base, days_of(base))
        return config

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run a server on each until the block ends."""
        with ExitStack() as stack:
            for size, config in self.houses.items():
                self.served[size] = stack.enter_context(running(self.recorded.code, HQ, config))
            yield

    def next(self, size: int) -> Callable[[int], Cost]:
        """Return what posts the next requests."""

        def run(turn: int) -> Cost:
            bodies = self.recorded.next(size, turn)
            load = Load(url=self.served[size].url + EXCHANGE, headers={}, clients=1, bodies=bodies)
            before, cpu = self.events(size), self.cpu_seconds(size)
            driven = drive(self.houses[size].parent, load)
            cpu, events = self.cpu_seconds(size) - cpu, self.events(size) - before
            if not events:
                raise RuntimeError("HQ kept nothing of the next requests")
            return Cost(driven.seconds / events * 1e6, cpu / events * 1e6)

        return run

    def events(self, size: int) -> int:
        """Return how many events one has kept."""
        return events_kept(self.houses[size].parent / "data")

    def cpu_seconds(self, size: int) -> float:
        """Return the processor time that one has used."""
        return self.served[size].cpu_seconds()
