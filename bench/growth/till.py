"""The till's growth: the next receipts through the folder of an agent whose journal holds many already."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.code import Code
from bench.folder_intake import FOLDER, Watching
from bench.footprint.commands import status
from bench.growth.cost import Cost
from bench.growth.multiply import multiply_till
from bench.programs import EDGE, running, set_up
from bench.sales import days_of, receipts

EXTRA = FOLDER + "sync = {retry_first_ms = 300_000, retry_max_ms = 300_000}\n"


class TillGrowth:
    """Tills of several sizes, HQ away."""

    def __init__(
        self, code: Code, folder: Path, sizes: Sequence[int], real_max: int, more: int, rounds: int
    ) -> None:
        self.code, self._folder, self._sizes, self._more = code, folder, sizes, more
        self._base = max(size for size in sizes if size <= real_max)
        self._sales = receipts(self._base + more * rounds)
        self._watching: dict[int, Watching] = {}
        _, self._till = set_up(code, folder / "made", EXTRA)
        for size in sizes:
            self._fill(size)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run an agent on each until the block ends."""
        with ExitStack() as stack:
            for size in self._sizes:
                agent = stack.enter_context(running(self.code, EDGE, self._at(size)))
                self._watching[size] = Watching(self._at(size), agent)
            yield

    def status(self, size: int) -> Callable[[int], float]:
        """Return what asks for the status screen and gives the processor time of that, in ms."""
        ask = status(self.code, self._at(size))
        return lambda turn: ask(turn).own

    def next(self, size: int) -> Callable[[int], Cost]:
        """Return what hands in the next receipts."""

        def run(turn: int) -> Cost:
            first = min(size, self._base) + turn * self._more
            taken = self._watching[size].take(self._sales[first : first + self._more])
            return Cost(1e6 / taken.a_second, taken.cpu_us)

        return run

    def _at(self, size: int) -> Path:
        return self._folder / str(size) / self._till.name

    def _fill(self, size: int) -> None:
        if size <= self._base:
            done = max((other for other in self._sizes if other < size), default=0)
            with running(self.code, EDGE, self._till) as agent:
                Watching(self._till, agent).take(self._sales[done:size])
        own = self._folder / str(size)
        shutil.copytree(self._till.parent, own)
        if size > self._base:
            multiply_till(own / "data" / "till.db", size // self._base, days_of(self._base))
