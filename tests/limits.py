"""How long a test may take: one that hangs fails and shows where, and the run goes on."""

from __future__ import annotations

import asyncio
import faulthandler
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

TEST_S: Final = 180
"""With all that it needs; none takes a quarter of it on a quiet machine."""

ENDS_S: Final = 20
"""What a test that has failed by it leaves behind may take so long to end, each piece of it."""


@contextmanager
def within(seconds: float, more: float = ENDS_S) -> Iterator[None]:
    """Fail what takes longer by an exception in this thread, wherever it is; and every `more` seconds after.

    All threads and tasks are shown as they are then. What waits in C, and hears no signal, goes on: there
    pytest's faulthandler ends the process.
    """

    def too_long(*_: object) -> None:
        faulthandler.dump_traceback(2)
        if asyncio._get_running_loop() is not None:
            for task in asyncio.all_tasks():
                task.print_stack()
        pytest.fail(f"it takes longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds, more)
    try:
        yield
    finally:
        no_more()
        signal.signal(signal.SIGALRM, before)


def no_more() -> None:
    """Let what is under way take its time."""
    signal.setitimer(signal.ITIMER_REAL, 0)
