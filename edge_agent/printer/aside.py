"""The thread for all that may take its time: copies, states, log lines. What prints waits for none of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

JOBS_MAX: Final = 256
BYTES_MAX: Final = 16 * 1024 * 1024
"""The most that waits for a disk which takes nothing."""

log = logging.getLogger(__name__)


class Aside:
    """Does one thing after the other, in order."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._jobs: SimpleQueue[tuple[Callable[[], None], int] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = self._bytes = 0
        # It must not keep the process when the disk never answers.
        self._thread = threading.Thread(target=self._work, name="aside", daemon=True)
        self._thread.start()

    def do(self, job: Callable[[], None], size: int = 0) -> bool:
        """Have something done soon; return False where too much waits already, and forget it."""
        with self._lock:
            if self._waiting >= JOBS_MAX or self._bytes + size > self._bytes_max:
                return False
            self._waiting += 1
            self._bytes += size
        self._jobs.put((job, size))
        return True

    def close(self, seconds: float) -> bool:
        """Return whether all was done within this time."""
        self._jobs.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, size = item
            try:
                job()
            except Exception:
                log.exception("printer_aside_failed")
            finally:
                with self._lock:
                    self._waiting -= 1
                    self._bytes -= size
