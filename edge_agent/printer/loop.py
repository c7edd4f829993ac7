"""What happens on file descriptors, and time that has passed -> calls, one after the other, in one thread.

Epoll itself, because it tells of a reset also where nothing is to be read or written: that is how a till
gives up whose printer has no paper.
"""

from __future__ import annotations

import heapq
import math
import select
import time
from collections.abc import Callable
from typing import Final

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT
BROKEN: Final = select.EPOLLERR | select.EPOLLHUP
"""Told whether it is asked for or not."""


class Timer:
    """A call that waits for its time."""

    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at = at
        self.call: Callable[[], None] | None = call

    def __lt__(self, other: Timer) -> bool:
        return self.at < other.at

    def cancel(self) -> None:
        """Never make the call."""
        self.call = None


class Loop:
    """Waits for whatever comes next."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._poll = select.epoll()
        self._watched: dict[int, tuple[int, Callable[[int], None]]] = {}
        self._timers: list[Timer] = []

    def watch(self, fd: int, events: int, heard: Callable[[int], None]) -> None:
        """Call `heard` with what of `events` happens on a descriptor, and with what breaks it."""
        known = self._watched.get(fd)
        if known is None:
            self._poll.register(fd, events)
        elif known[0] != events:
            self._poll.modify(fd, events)
        self._watched[fd] = events, heard

    def forget(self, fd: int) -> None:
        """Hear no more of a descriptor; it must be forgotten before it is closed."""
        if self._watched.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Make a call when so many seconds have passed."""
        timer = Timer(self.now() + seconds, call)
        heapq.heappush(self._timers, timer)
        return timer

    def turn(self, longest: float = math.inf) -> bool:
        """Wait for one event or timer, so many seconds at most; return whether there was one."""
        while self._timers and self._timers[0].call is None:
            heapq.heappop(self._timers)
        if self._timers:
            longest = min(longest, max(0.0, self._timers[0].at - self.now()))
        # One at a time: what is told of several is not true any more after the first has been dealt with.
        for fd, events in self._poll.poll(None if longest == math.inf else longest, 1):
            self._watched[fd][1](events)
            return True
        if self._timers and self._timers[0].at <= self.now():
            timer = heapq.heappop(self._timers)
            if timer.call is not None:
                timer.call()
            return True
        return False

    def close(self) -> None:
        """Let go of everything."""
        self._poll.close()
