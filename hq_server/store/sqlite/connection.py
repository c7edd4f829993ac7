"""One SQLite connection as headquarters wants it, and its transactions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from hq_server.store.refusals import MAY_PASS, Busy, NotKept, Refused
from hq_server.store.sqlite import sqlite3
from hq_server.store.sqlite.disk import cannot_be_written, is_io, refused
from hq_server.store.statements import STATEMENTS
from hq_server.store.transaction import Row, Transaction, Value, Values
from loyalty_core.errors import LoyaltyError
from loyalty_shell.data_dir import is_read_only

BUSY_MS: Final = 5_000
"""How long a write waits for another process."""
SWITCHES_MAX: Final = 100
"""How often a new database is asked to keep a log while others ask it the same."""
WAL_BYTES_MAX: Final = 32 * 1024 * 1024
"""Above this, the write-ahead log is written back after a commit: what many changed is written once."""
CACHE_KIB: Final = 64 * 1024

Connection: TypeAlias = sqlite3.Connection


class SqliteTransaction(Transaction):
    """Statements on one connection, in the transaction that is open on it."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def one(self, statement: str, **parameters: Value) -> Row | None:
        row: Row | None = self._connection.execute(STATEMENTS[statement], parameters).fetchone()
        return row

    def all(self, statement: str, **parameters: Value) -> list[Row]:
        return self._connection.execute(STATEMENTS[statement], parameters).fetchall()

    def each(self, statement: str, **parameters: Value) -> Iterator[Row]:
        return iter(self._connection.execute(STATEMENTS[statement], parameters))

    def run(self, statement: str, **parameters: Value) -> int:
        return self._connection.execute(STATEMENTS[statement], parameters).rowcount

    def many(self, statement: str, rows: Collection[Values]) -> None:
        if rows:
            self._connection.executemany(STATEMENTS[statement], rows)

    def triggers_made(self) -> list[Row]:
        from hq_server.store.sqlite.migrate import triggers_made

        return triggers_made()


def connect(path: Path, *, read_only: bool = False) -> Connection:
    """Return a connection to an existing or new database file.

    A commit is durable when it returns: WAL with synchronous=FULL. Checkpoints are explicit, because SQLite's
    automatic one swallows an fsync error. Only its owner reads a new one.
    """
    if not read_only:
        with suppress(OSError):  # it is there, or SQLite says why it cannot be
            path.touch(mode=0o600, exist_ok=False)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")
        if not read_only:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")
            # Or INSERT OR REPLACE would delete without the triggers that forbid it.
            connection.execute("PRAGMA recursive_triggers = ON")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            # A log that has been written back is cut to this on its next use, so that its size tells.
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
    except BaseException:
        connection.close()
        raise
    return connection


def peek(path: Path) -> Connection:
    """Return a connection that only reads, and leaves no log beside a database that had none.

    Where there is a log its writer lives or was killed, and what it says counts.
    """
    alone = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{alone}", uri=True, isolation_level=None)


def _write_ahead(connection: Connection) -> None:
    """Let the database keep a log, which is lasting: only the first connections to a new one change anything.

    Of two that change it at once SQLite refuses one without waiting; that one waits here for the other.
    """
    for left in reversed(range(SWITCHES_MAX)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if left == 0 or not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")


@contextmanager
def writing(connection: Connection) -> Iterator[Transaction]:
    """Open a transaction that sees and makes one state: committed, and durable, when the block has ended.

    Raises:
        Busy: another process has been writing for `BUSY_MS`.
        Refused: there is no room, or the disk can only be read, or not even that.
        NotKept: the disk did not make it durable.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith("SQLITE_BUSY"):
            raise Busy("the database is busy with another command: try again in a moment") from None
        _tell(error)
        raise
    try:
        yield SqliteTransaction(connection)
        _commit(connection)
    except sqlite3.Error as error:
        _undo(connection)
        _tell(error)
        raise
    except BaseException:
        _undo(connection)
        raise


def _commit(connection: Connection) -> None:
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if is_io(error):
            raise not_kept(connection) from error
        raise


def _tell(error: sqlite3.Error) -> None:
    """Raise what is told of an error of the surroundings; one that is ours is for the caller to raise."""
    told = refused(error)
    if told is not None:
        raise told from error


def _undo(connection: Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def not_kept(connection: Connection) -> LoyaltyError:
    """Return what is told of a write that failed; on a disk that takes none at all nothing was lost."""
    (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
    return cannot_be_written() if is_read_only(Path(file).parent) else NotKept()


@contextmanager
def reading(connection: Connection) -> Iterator[Transaction]:
    """Open a transaction that sees one committed state and writes nothing."""
    try:
        connection.execute("BEGIN")
        try:
            yield SqliteTransaction(connection)
        finally:
            _undo(connection)
    except sqlite3.Error as error:
        _tell(error)
        raise


def checkpoint(connection: Connection, path: Path) -> None:
    """Write the log back into the database when it has grown past its bound.

    It stands where there is no room: what is committed is durable in it.

    Raises:
        NotKept: the disk did not keep what was written back.
    """
    log = path.with_name(path.name + "-wal")
    if not log.exists() or log.stat().st_size <= WAL_BYTES_MAX:
        return
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.Error as error:
        told = not_kept(connection) if is_io(error) else refused(error)
        if not isinstance(told, Refused) or told.code not in MAY_PASS:
            if told is None:
                raise
            raise told from error
