"""Whose turn it is where two processes write: a sale goes before a file that is handed in by hand.

SQLite does not tell that somebody waits for its lock. So the service holds a lock on a file beside the
database as long as it waits for that one or has it. Where that cannot be had, nobody gives way: no sale and
no file stops for it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

TRIES: Final = 1000
"""Who gives way has the lock for an instant; one who is stopped in it must not stop sales."""


class Turn:
    """The service's turn, and the file that it is a lock on. It ends with the process, however that ends."""

    def __init__(self, database: Path) -> None:
        self._file: int | None = None
        with suppress(OSError):
            self._file = os.open(_beside(database), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Let who gives way wait meanwhile. Waits for nobody longer than it takes to pass."""
        with suppress(OSError):
            self._take()
        try:
            yield
        finally:
            with suppress(OSError):
                self._lock(fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave it to others."""
        if self._file is not None:
            os.close(self._file)

    def _take(self) -> None:
        for _ in range(TRIES):
            try:
                self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                os.sched_yield()

    def _lock(self, how: int) -> None:
        if self._file is not None:
            fcntl.flock(self._file, how)


def give_way(database: Path) -> None:
    """Return once no service waits for the database or has it; at once where none has ever run."""
    with suppress(OSError):
        file = os.open(_beside(database), os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        finally:
            os.close(file)


def _beside(database: Path) -> Path:
    return database.with_name(database.name + "-turn")
