"""The database of a running server, or of a command: a SQLite file by its path, PostgreSQL by its URL.

Work is a function of a `Transaction`; it runs on the store's threads, never on the event loop. One thread
writes, a few read, whichever database it is. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol, TypeVar, overload

from hq_server.store.connection import Connection, Transaction
from hq_server.store.refusals import DatabaseMissing, InUse, NotKept, Refused, WrongDatabase
from hq_server.store.sqlite import database as sqlite
from hq_server.store.sqlite.connection import Connection as SqliteConnection
from hq_server.store.sqlite.database import alone
from loyalty_core.errors import LoyaltyError
from loyalty_shell.exposition import Histogram

__all__ = ["Database", "DatabaseMissing", "InUse", "alone", "create", "is_url", "opened"]

READERS: Final = 2
WRITE_BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds."""
_T = TypeVar("_T")


class Lines(Protocol):
    """The connections of a server's threads to one kind of database; each method is called on a thread."""

    kind: dict[str, str]
    """Which database it is, and its version."""
    wrote: bool
    """Whether the last write changed anything."""

    def write(self, work: Callable[[Transaction], _T], *, beside: bool, patient: bool) -> _T:
        """Return what `work` returns once it is durable; `beside` others that write, where that can be.

        Who is not `patient` gives way soon where others are in the way, so that nobody queues behind it.
        """

    def tidy(self) -> None:
        """Do what a write leaves to be done, on the writer's thread."""

    def read(self, work: Callable[[Transaction], _T]) -> _T:
        """Return what `work` returns, seeing one committed state."""

    def close(self) -> None:
        """Close every connection; no thread uses any."""


class Database:
    """A life: opened, used by many tasks, closed. Writes queue for one thread, each its own transaction.

    `queue` writes wait or are being done; `writes` counts how long those took that are durable. `trouble` is
    why the last one was refused. `kind` is which database it is, and its version.

    Where the disk has not kept something, the database is `lost`: nothing more is written, and it is not even
    closed, since that would be one more try. `on_lost` is called then, on a thread of the store; and where
    another release has brought the database to its own form, or it was moved, which only `trouble` tells.
    """

    def __init__(self, place: Path | str, on_lost: Callable[[], None] = lambda: None) -> None:
        self._on_lost = on_lost
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="hq-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="hq-reader")
        self.trouble: LoyaltyError | None = None
        self.lost = False
        self.queue = 0
        self.writes = Histogram(
            "dangol_hq_write_seconds",
            "Time of a write: a till's request posted, a chore, a decision.",
            WRITE_BOUNDS,
        )
        self._lines: Lines = self._writer.submit(_lines, place).result()
        self.kind = self._lines.kind

    async def write(
        self,
        work: Callable[[Transaction], _T],
        spent: Callable[[float], None] = lambda _: None,
        *,
        beside: bool = False,
        patient: bool = True,
    ) -> _T:
        """Return what `work` returns once its transaction is durable.

        `work` may be done again from the beginning. With `beside`, other processes may write meanwhile what
        needs nothing of it, unless it asks to be alone. Who is not `patient` is told `Busy` soon. `spent`
        hears, on the writer's thread, how many seconds of its processor that took, also if it failed.

        Raises:
            Busy: another process holds the database.
            Refused: there is no room for it, it can only be read, or nothing answers.
            NotKept: the disk did not make it durable, or something before it.
        """
        self.queue += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._writer, self._write, work, spent, beside, patient
            )
        finally:
            self.queue -= 1

    async def chore(self, work: Callable[[Transaction], _T]) -> _T:
        """Return what `work` returns once it is durable, as `write`; it is tried again later by who asks.

        Behind who waits to be alone tills would wait, too, for as long as another's transaction is open.

        Raises:
            Busy: others are in the way.
        """
        return await self.write(work, patient=False)

    async def read(self, work: Callable[[Transaction], _T]) -> _T:
        """Return what `work` returns, seeing one committed state; it may be done again from the beginning."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def close(self) -> None:
        """Finish what was begun, then close every connection; leave them as they are where it is lost."""
        self._readers.shutdown()
        self._writer.shutdown()
        if not self.lost:
            self._lines.close()

    def _read(self, work: Callable[[Transaction], _T]) -> _T:
        try:
            return self._lines.read(work)
        except WrongDatabase as error:
            self._note(error)
            raise

    def _write(
        self,
        work: Callable[[Transaction], _T],
        spent: Callable[[float], None],
        beside: bool,
        patient: bool,
    ) -> _T:
        if self.lost:
            raise NotKept
        began_s, cpu_s = time.perf_counter(), time.thread_time()
        try:
            result = self._lines.write(work, beside=beside, patient=patient)
        except (Refused, NotKept, WrongDatabase) as error:
            self._note(error)
            raise
        finally:
            spent(time.thread_time() - cpu_s)
        if self._lines.wrote:
            self.trouble = None
        self.writes.observe(time.perf_counter() - began_s)
        self._writer.submit(self._tidy)
        return result

    def _tidy(self) -> None:
        if not self.lost:
            try:
                self._lines.tidy()
            except (Refused, NotKept) as error:
                self._note(error)

    def _note(self, error: Refused | NotKept | WrongDatabase) -> None:
        self.trouble = error
        if isinstance(error, WrongDatabase):
            self._on_lost()
        if isinstance(error, NotKept):
            self.lost = True
            self._on_lost()


def is_url(place: Path | str) -> bool:
    """Tell whether a place is PostgreSQL's, and not the path of a file."""
    return "://" in str(place)


@overload
def opened(place: Path) -> AbstractContextManager[SqliteConnection]: ...
@overload
def opened(place: str) -> AbstractContextManager[Connection]: ...
def opened(place: Path | str) -> AbstractContextManager[Connection]:
    """Open the database for one command, brought to this release's form.

    Raises:
        DatabaseMissing: `init` has not been run.
        WrongDatabase: it belongs to another release.
        Refused: nothing answers there, or not to this user.
    """
    if isinstance(place, str) and is_url(place):
        from hq_server.store.postgresql import database as postgresql

        return postgresql.opened(place)
    return sqlite.opened(Path(place))


@overload
def create(place: Path) -> SqliteConnection: ...
@overload
def create(place: str) -> Connection: ...
def create(place: Path | str) -> Connection:
    """Return a connection to a new, empty database in this release's form."""
    if isinstance(place, str) and is_url(place):
        from hq_server.store.postgresql import database as postgresql

        return postgresql.create(place)
    return sqlite.create(Path(place))


def _lines(place: Path | str) -> Lines:
    if isinstance(place, str) and is_url(place):
        from hq_server.store.postgresql.database import PostgresqlLines

        return PostgresqlLines(place)
    return sqlite.SqliteLines(Path(place))
