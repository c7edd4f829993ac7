"""The SQLite file of a headquarters: opened, lent to a server's threads, made, or held for replacing it."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hq_server.store.refusals import Busy, DatabaseMissing, InUse
from hq_server.store.sqlite import sqlite3
from hq_server.store.sqlite.connection import Connection, checkpoint, connect, reading, writing
from hq_server.store.sqlite.migrate import migrate, refuse_newer, refuse_other
from hq_server.store.transaction import Transaction

_T = TypeVar("_T")


class SqliteLines:
    """The connections of a server's threads: one that writes, and one for each thread that reads."""

    def __init__(self, path: Path) -> None:
        self.kind = {"sqlite": sqlite3.sqlite_version}
        self._path = path
        self._own = threading.local()
        self._opened: list[Connection] = []
        self._connection, self._folder = _open(path)
        self.wrote = False

    def write(self, work: Callable[[Transaction], _T], *, beside: bool, patient: bool) -> _T:  # noqa: ARG002
        """Return what `work` returns once it is durable; `wrote` tells whether it changed anything.

        Nobody writes beside another, and nobody waits behind who waits.

        Raises:
            WrongDatabase: a newer release has brought the database forward meanwhile.
        """
        before = self._connection.total_changes
        with writing(self._connection) as transaction:
            refuse_newer(self._connection)
            result = work(transaction)
        self.wrote = self._connection.total_changes > before
        return result

    def tidy(self) -> None:
        """Keep the log small, on the writer's thread."""
        checkpoint(self._connection, self._path)

    def read(self, work: Callable[[Transaction], _T]) -> _T:
        """Return what `work` returns, seeing one committed state."""
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = connect(self._path, read_only=True)
            self._opened.append(connection)
        with reading(connection) as transaction:
            return work(transaction)

    def close(self) -> None:
        """Close every connection."""
        for connection in [*self._opened, self._connection]:
            connection.close()
        os.close(self._folder)


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
