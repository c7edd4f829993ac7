"""The parties of a footprint: HQ and a till of one revision, and the bare server beside which both stand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.code import Code
from bench.programs import EDGE, HQ, Running, line, process, running, set_up

BARE = "bare aiohttp.web"


class House:
    """One revision's HQ and the till that has joined it, both at rest."""

    def __init__(self, code: Code, folder: Path, extra: str = "") -> None:
        self.code = code
        self.hq, self.till = set_up(code, folder, extra)

    @property
    def till_data(self) -> Path:
        """Where the till keeps its data."""
        return self.till.parent / "data"

    @property
    def hq_data(self) -> Path:
        """Where HQ keeps its data."""
        return self.hq.parent / "data"

    def words(self, module: str) -> list[str]:
        """Return the command line that starts a program's service."""
        config, word = (self.hq, "serve") if module == HQ else (self.till, "run")
        return line(module, config, word)

    @contextmanager
    def agent(self) -> Iterator[Running]:
        """Run the till."""
        with running(self.code, EDGE, self.till) as one:
            yield one

    @contextmanager
    def server(self) -> Iterator[Running]:
        """Run HQ."""
        with running(self.code, HQ, self.hq) as one:
            yield one


def bare_words(folder: Path) -> list[str]:
    """Return the command line of the bare server; its address comes into `folder / "address"`."""
    return [sys.executable, "-m", "bench.trivial", str(folder / "address")]


@contextmanager
def bare(folder: Path) -> Iterator[Running]:
    """Run the bare server."""
    with process(bare_words(folder), folder / "address") as one:
        yield one
