"""One SQLite connection as the till wants it: WAL, synchronous=FULL, explicit checkpoints; its transactions.

Every command needs this and nothing of the threads, which are in `writer.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loyalty_core.errors import LoyaltyError
from loyalty_shell.data_dir import free_bytes

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError:
        import sqlite3

Connection = sqlite3.Connection
DatabaseError = sqlite3.DatabaseError
AnyError = sqlite3.Error
SQLITE_VERSION: Final = sqlite3.sqlite_version

CHECKPOINT_BYTES: Final = 8 * 1024 * 1024
"""The write-ahead log is written back when it is longer, and cut to this on its next use.

It is cut no shorter, since to write over what is there is quicker to make durable than to grow a file.
"""
SWITCHES_MAX: Final = 100
"""How often a new database is asked to keep a log while others ask it the same."""

OWN_FAULTS: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
"""What a statement may do wrong while the disk is sound: it undoes its own job, not those beside it."""
NOT_KEPT: Final = "disk_failed"
"""After this the disk may lack what the kernel still shows: nothing is trusted until it is read anew.

To ask it again to keep the same would be answered with yes, though it is lost.
"""


class StoreError(LoyaltyError):
    """The disk under the store refuses. Nothing of the job was kept."""

    code = "store_failed"


def connect(path: Path, *, read_only: bool = False) -> Connection:
    """Return a connection in autocommit mode: transactions are opened by name, never by the driver.

    Only its owner reads a new database.

    Raises:
        StoreError: `store_missing` for a read-only connection to nothing, `store_failed` otherwise.
    """
    if read_only and not path.exists():
        raise StoreError(f"there is no till database at {path}: enrol this till first", code="store_missing")
    if not read_only:
        with suppress(OSError):  # it is there, or SQLite says why it cannot be
            path.touch(mode=0o600, exist_ok=False)
    try:
        conn = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            timeout=10.0,
        )
        if read_only:
            conn.execute("PRAGMA query_only=1")
        else:
            _write_ahead(conn)
            conn.execute("PRAGMA synchronous=FULL")
            conn.execute("PRAGMA wal_autocheckpoint=0")
            conn.execute(f"PRAGMA journal_size_limit={CHECKPOINT_BYTES}")
    except sqlite3.Error as error:
        raise store_error(error) from None
    return conn


def peek(path: Path) -> Connection:
    """Return a connection that only reads, and leaves no log beside a database that had none.

    Where there is a log its writer lives or was killed, and what it says counts.
    """
    alone = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{alone}", uri=True, isolation_level=None)


def _write_ahead(conn: Connection) -> None:
    """Let the database keep a log, which is lasting: only the first connections to a new one change anything.

    Of two that change it at once SQLite refuses one without waiting; that one waits here for the other.
    """
    for left in reversed(range(SWITCHES_MAX)):
        try:
            conn.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if left == 0 or not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise
            conn.execute("BEGIN IMMEDIATE")
            conn.execute("ROLLBACK")


def nameless(cache_kib: int) -> Connection:
    """Return an empty database for a while, in an open transaction, for any thread.

    It lies in a file without a name, which the system removes with the process: SQLite's own temporary
    databases lie in the memory where it was compiled so.

    Raises:
        OSError: there is no place for it.
    """
    import tempfile

    roomy = os.access("/var/tmp", os.W_OK)
    fd, path = tempfile.mkstemp(prefix="dangol-", dir="/var/tmp" if roomy else None)
    os.close(fd)
    try:
        conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=OFF", "synchronous=OFF"):
            conn.execute(f"PRAGMA {pragma}").fetchall()
        conn.execute(f"PRAGMA cache_size=-{cache_kib}")
        conn.execute("BEGIN EXCLUSIVE")
    finally:
        Path(path).unlink()
    return conn


def wal_bytes(path: Path) -> int:
    """Return how long the write-ahead log beside a database is."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except OSError:
        return 0


def checkpoint(conn: Connection) -> None:
    """Write the write-ahead log back as far as no reader needs it; it stands where the disk has no room.

    Raises:
        StoreError: `disk_failed`: the disk has not kept what was written back.
    """
    try:
        conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except AnyError as error:
        if _is_io(error):
            raise _not_kept() from error


@contextmanager
def scratch(path: Path, free_bytes_min: int) -> Iterator[Connection]:
    """Lend a copy of the database that is gone afterwards; nobody waits for it.

    Raises:
        StoreError: `store_missing`, `disk_low` where the copy would not leave `free_bytes_min`.
    """
    import tempfile

    source = connect(path, read_only=True)
    try:
        with tempfile.TemporaryDirectory(prefix="scratch-", dir=path.parent) as folder:
            if free_bytes(folder) < 3 * path.stat().st_size + free_bytes_min:
                raise StoreError("the disk has no room for a dry run's copy", code="disk_low")
            copy = connect(Path(folder) / path.name)
            try:
                source.backup(copy)
                yield copy
            except sqlite3.Error as error:
                raise store_error(error) from error
            finally:
                copy.close()
    finally:
        source.close()


def _is_io(error: sqlite3.Error) -> bool:
    """Tell whether the system refused a read or a write; which of them is not told by every SQLite."""
    return (getattr(error, "sqlite_errorname", None) or "").startswith("SQLITE_IOERR")


def _not_kept() -> StoreError:
    return StoreError(
        "the disk did not keep what was written: the agent begins anew and reads what is there: send it "
        "again, nothing counts twice",
        code=NOT_KEPT,
    )


def store_error(error: sqlite3.Error) -> StoreError:
    """Return what a person is told of a database error."""
    text = str(error)
    if "full" in text:
        return StoreError(
            "the disk is full: nothing was recorded; free some space and send it again", code="disk_full"
        )
    if "readonly" in text or "read-only" in text:
        return read_only_error()
    # What readers share lies in a file too, and this is how SQLite says that there was no room for it.
    if _is_io(error):
        return StoreError(
            "the disk is full, or does not give back what is on it: free space, look at the machine's log, "
            "run edge-agent verify",
            code="disk_unreadable",
        )
    if "unable to open" in text:
        return StoreError(
            "the till database cannot be opened: may this user write to data_dir, and is the disk writable?",
            code="store_unreadable",
        )
    if any(words in text for words in ("malformed", "not a database", "unsupported file format")):
        return damaged_error()
    return StoreError(f"the till database refused ({text}): nothing was recorded")


def damaged_error() -> StoreError:
    """Return what is said where SQLite cannot read what is there."""
    return StoreError("the till database is damaged: run edge-agent verify", code="store_damaged")


def read_only_error() -> StoreError:
    """Return what is said where nothing can be written at all."""
    return StoreError(
        "the disk can only be read: nothing was recorded; make it writable and send it again",
        code="disk_read_only",
    )


@contextmanager
def savepoint(conn: Connection) -> Iterator[None]:
    """Undo what is done inside when it raises, and nothing else."""
    conn.execute("SAVEPOINT one")
    try:
        yield
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK TO one")
            conn.execute("RELEASE one")
        raise
    conn.execute("RELEASE one")


@contextmanager
def one_state(conn: Connection) -> Iterator[None]:
    """Read one state of the database, whoever writes meanwhile."""
    conn.execute("BEGIN")
    try:
        yield
    finally:
        conn.execute("ROLLBACK")


@contextmanager
def snapshot(conn: Connection) -> Iterator[None]:
    """Read one state as `one_state` does, where a person is told what the database refuses.

    Raises:
        StoreError: when the database refuses.
    """
    try:
        with one_state(conn):
            yield
    except sqlite3.Error as error:
        raise store_error(error) from error


@contextmanager
def transaction(conn: Connection) -> Iterator[None]:
    """Commit what is done inside, durably, or undo all of it.

    Raises:
        StoreError: when the database refuses.
    """
    try:
        conn.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise
        try:
            conn.execute("COMMIT")
        except sqlite3.Error as error:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            if _is_io(error):
                raise _not_kept() from error
            raise
    except sqlite3.Error as error:
        raise store_error(error) from error
