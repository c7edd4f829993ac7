"""A loop of tasks whose clock goes on only when everybody waits, and chance that comes of a seed."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from selectors import SelectorKey, SelectSelector
from typing import Any, Final, TypeVar
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hq_server.store.sqlite.migrate import triggers_made
from loyalty_core.programme_toml import read_programme

T = TypeVar("T")
RESOLUTION_S: Final = 1e-6
"""What is due within it is due: the nanosecond by which a loop looks ahead is lost in half a year."""


class _Waiting(SelectSelector):
    """Waits for nothing from outside: where the loop would wait, its clock goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everybody waits for what nobody will do")
        self.now_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs everything on one thread, in an order that follows from what is run."""

    def __init__(self) -> None:
        self._waiting = _Waiting()
        super().__init__(self._waiting)
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        """Return the seconds that have passed."""
        return self._waiting.now_s

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Do at once what would be another thread's."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is told to who waits
            done.set_exception(error)
        return done


BATCH_RECORDS: Final = 4
"""The most records of a batch: few make many, and headquarters goes back by few where journals part."""
_read_once = lru_cache(maxsize=256)(read_programme)
"""A till reads its programmes again whenever it starts: here it starts often."""
_made_once = lru_cache(maxsize=1)(triggers_made)
"""An audit, and a restore, build a whole database to know its triggers: here they are many."""


class _Drawn:
    """Makes keys by chance, as those of tills and of headquarters."""

    def __init__(self, bytes_of: Callable[[int], bytes]) -> None:
        self._bytes_of = bytes_of

    def generate(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._bytes_of(32))


@contextmanager
def chance_of(seed: int) -> Iterator[random.Random]:
    """Let all chance in this process come of a seed, and nobody keep a log; return more of it."""
    luck, kept = random.Random(seed), random.getstate()
    random.seed(seed)
    bytes_of = random.Random(~seed).randbytes
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            patch("os.urandom", bytes_of),
            patch.object(secrets, "token_bytes", bytes_of),
            patch("edge_agent.sync.keys.Ed25519PrivateKey", _Drawn(bytes_of)),
            patch("hq_server.keys.Ed25519PrivateKey", _Drawn(bytes_of)),
            patch("edge_agent.books.read_programme", _read_once),
            patch("edge_agent.sync.install.read_programme", _read_once),
            patch("hq_server.store.sqlite.migrate.triggers_made", _made_once),
            patch("hq_server.lineage.BATCH_RECORDS_MAX", BATCH_RECORDS),
        ):
            yield luck
    finally:
        logging.disable(level)
        random.setstate(kept)


def disk() -> tempfile.TemporaryDirectory[str]:
    """Return a folder in memory where there is a place: no power is cut here that a disk would notice."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="dangol-simulation-", dir=memory if memory.is_dir() else None)


def run(story: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what comes of a story that is told on a clock of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(story())
