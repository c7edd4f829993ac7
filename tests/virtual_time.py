"""An event loop whose clock goes on only while nobody has anything to do: hours of waiting in a moment."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, TypeVarTuple, Unpack

_Args = TypeVarTuple("_Args")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs sockets and threads as they are; time stands still until all of them have come to rest.

    What one end of a socket of this machine has been sent is there at once, so nothing is ever on its way.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.in_threads = 0
        super().__init__(_Patient(self))

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.now_s

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[_Args]], Any], *args: *_Args) -> Any:
        """Run in a thread; the clock waits for it."""
        self.in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _: object) -> None:
        self.in_threads -= 1


class _Patient(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.in_threads or timeout is None:
            return super().select(None)
        self._loop.now_s += timeout
        return []
