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


class HqGrowth:
    """Headquarters of several sizes, and the requests that come next to each."""

    def __init__(
        self, code: Code, folder: Path, sizes: Sequence[int], real_max: int, more: int, rounds: int
    ) -> None:
        self.code, self._folder, self._sizes = code, folder, sizes
        self._more, self._rounds = more, rounds
        base = max(size for size in sizes if size <= real_max)
        sales = receipts(base + more * (rounds + 1))
        self._served: dict[int, Running] = {}
        self._next: dict[int, list[list[bytes]]] = {}
        with relay() as between:
            records = min(more, BATCH_RECORDS)
            extra = f"sync = {{batches = {more // records}, batch_records = {records}}}\n"
            self._hq, till = joined(code, folder / "made", between, FOLDER + extra)
            done = 0
            for size in [*(one for one in sizes if one <= base), len(sales)]:
                with running(code, EDGE, till) as agent:
                    Watching(till, agent).take(sales[done:size])
                requests = send(code, self._hq, till, between)
                if done:
                    self._next[done] = self._groups(requests, size - done)
                if size <= base:
                    shutil.copytree(self._hq.parent, folder / str(size))
                done = size
        for size in sizes:
            if size > base:
                shutil.copytree(folder / str(base), folder / str(size))
                multiply_hq(folder / str(size) / "data" / "hq.db", size // base, days_of(base))
                self._next[size] = self._next[base]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run a server on each until the block ends."""
        with ExitStack() as stack:
            for size in self._sizes:
                hq = self._folder / str(size) / self._hq.name
                give_port(hq)
                self._served[size] = stack.enter_context(running(self.code, HQ, hq))
            yield

    def next(self, size: int) -> Callable[[int], Cost]:
        """Return what posts the next requests."""

        def run(turn: int) -> Cost:
            served, data = self._served[size], self._folder / str(size) / "data"
            before, cpu = events_kept(data), served.cpu_seconds()
            load = Load(url=served.url + EXCHANGE, headers={}, clients=1, bodies=self._next[size][turn])
            driven = drive(data, load)
            cpu, events = served.cpu_seconds() - cpu, events_kept(data) - before
            if not events:
                raise RuntimeError("HQ kept nothing of the next requests")
            return Cost(driven.seconds / events * 1e6, cpu / events * 1e6)

        return run

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
