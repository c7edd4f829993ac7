"""Progress of long work: a bar on a terminal, plain lines elsewhere, nothing in the way of the result."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

LINE_EVERY_S: Final = 5


@contextmanager
def progress(what: str, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Return a function to call with how much more is done."""
    if not shown:
        yield _nothing
    elif sys.stderr.isatty():
        with _bar(what) as advance:
            yield advance
    else:
        yield _Lines(what)


def _nothing(_: int) -> None:
    """Show nothing."""


class _Lines:
    """A line now and then, for logs."""

    def __init__(self, what: str) -> None:
        self._what, self._done, self._said = what, 0, time.monotonic()

    def __call__(self, count: int) -> None:
        self._done += count
        if time.monotonic() - self._said >= LINE_EVERY_S:
            self._said = time.monotonic()
            print(f"{self._done} {self._what} done", file=sys.stderr, flush=True)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.advance(task, count)
