"""The database of a running server: one writer thread, a few readers. Nothing here decides anything.

Work is a function of a `Transaction`; it runs on the store's threads, never on the event loop.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from hq_server.store.connection import (
    Busy,
    Connection,
    Transaction,
    checkpoint,
    connect,
    reading,
    writing,
)
from hq_server.store.disk import NotKept, Refused
from hq_server.store.migrate import migrate, refuse_other
from loyalty_core.errors import LoyaltyError
from loyalty_shell.exposition import Histogram

READERS: Final = 2
WRITE_BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds."""
_T = TypeVar("_T")


class DatabaseMissing(LoyaltyError):
    """There is no database where the settings say."""

    code = "database_missing"


class InUse(LoyaltyError):
    """The database cannot be replaced under those who have it open."""

    code = "database_in_use"


class Database:
    """A life: opened, used by many tasks, closed. Writes queue for one thread, each its own transaction.

    `queue` writes wait or are being done; `writes` counts how long those took that are durable. `trouble` is
    why the disk refused the last one.

    Where the disk has not kept something, the database is `lost`: nothing more is written, and it is not even
    closed, since that would be one more try. `on_lost` is called then, on the writer's thread.
    """

    def __init__(self, path: Path, on_lost: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._on_lost = on_lost
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="hq-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="hq-reader")
        self._own = threading.local()
        self._opened: list[Connection] = []
        self.trouble: LoyaltyError | None = None
        self.lost = False
        self.queue = 0
        self.writes = Histogram(
            "dangol_hq_write_seconds",
            "Time of a write: a till's request posted, a chore, a decision.",
            WRITE_BOUNDS,
        )
        self._connection, self._folder = _open(path)

    async def write(
        self, work: Callable[[Transaction], _T], spent: Callable[[float], None] = lambda _: None
    ) -> _T:
        """Return what `work` returns once its transaction is durable.

        `spent` hears, on the writer's thread, how many seconds of its processor that took, also if it failed.

        Raises:
            Busy: another process holds the database.
            Refused: the disk has no room, or can only be read.
            NotKept: the disk did not make it durable, or something before it.
        """
        self.queue += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work, spent)
        finally:
            self.queue -= 1

    async def read(self, work: Callable[[Transaction], _T]) -> _T:
        """Return what `work` returns, seeing one committed state."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def close(self) -> None:
        """Finish what was begun, then close every connection; leave them as they are where it is lost."""
        self._readers.shutdown()
        self._writer.shutdown()
        if self.lost:
            return
        for connection in [*self._opened, self._connection]:
            connection.close()
        os.close(self._folder)

    def _write(self, work: Callable[[Transaction], _T], spent: Callable[[float], None]) -> _T:
        if self.lost:
            raise NotKept
        before, began_s, cpu_s = self._connection.total_changes, time.perf_counter(), time.thread_time()
        try:
            with writing(self._connection) as transaction:
                result = work(transaction)
        except (Refused, NotKept) as error:
            self._note(error)
            raise
        finally:
            spent(time.thread_time() - cpu_s)
        if self._connection.total_changes > before:
            self.trouble = None
        self.writes.observe(time.perf_counter() - began_s)
        self._writer.submit(self._checkpoint)
        return result

    def _checkpoint(self) -> None:
        """Keep the log small."""
        if not self.lost:
            try:
                checkpoint(self._connection, self._path)
            except (Refused, NotKept) as error:
                self._note(error)

    def _note(self, error: Refused | NotKept) -> None:
        self.trouble = error
        if isinstance(error, NotKept):
            self.lost = True
            self._on_lost()

    def _read(self, work: Callable[[Transaction], _T]) -> _T:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = connect(self._path, read_only=True)
            self._opened.append(connection)
        with reading(connection) as transaction:
            return work(transaction)


@contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """Open the database for one command, brought to this release's form.

    Raises:
        DatabaseMissing: `init` has not been run.
        WrongDatabase: it belongs to another release.
    """
    connection, folder = _open(path)
    try:
        yield connection
        checkpoint(connection, path)
    finally:
        connection.close()
        os.close(folder)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let nobody open the database of this path meanwhile; ends with the process, however that ends.

    Raises:
        InUse: a server or another command has it open.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"{path} is in use: stop hq-server and every command of it first") from None
        yield
    finally:
        os.close(folder)


def create(path: Path) -> Connection:
    """Return a connection to a new, empty database in this release's form."""
    connection = connect(path)
    try:
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _open(path: Path) -> tuple[Connection, int]:
    """Return a connection, and the folder of the database, held so that nobody replaces it meanwhile."""
    if not path.is_file():
        raise DatabaseMissing(f"there is no database at {path}: run hq-server init")
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
        refuse_other(path)
        return create(path), folder
    except BaseException as error:
        os.close(folder)
        if isinstance(error, BlockingIOError):
            raise Busy("the database is being restored: try again in a moment") from None
        raise
