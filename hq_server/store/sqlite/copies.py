"""Copies of the database: made while it serves, and made the database again.

A backup is a database of its own, whole by SQLite's checks, in one file. Beside what the database holds it
says when it was made, and may carry HQ's keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from hq_server.store.connection import Connection as AnyConnection
from hq_server.store.copying import copy_all
from hq_server.store.sqlite import sqlite3
from hq_server.store.sqlite.connection import Connection, connect, writing
from hq_server.store.sqlite.migrate import migrate, refuse_other
from hq_server.store.transaction import Transaction
from loyalty_core.errors import LoyaltyError
from loyalty_core.key_statements import Kind

_NOTE: Final = """
CREATE TABLE backup (
  only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
  made_at_ms INTEGER NOT NULL,
  key BLOB
) STRICT
"""
_KEYS: Final = """
CREATE TABLE backup_keys (
  kind TEXT NOT NULL,
  number INTEGER NOT NULL,
  key BLOB NOT NULL,
  PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID
"""
_STAFF_KEY: Final = "CREATE TABLE backup_staff_key (key BLOB NOT NULL) STRICT"
_NOTE_DOWN: Final = "INSERT INTO backup (only, made_at_ms) VALUES (1, :made_at_ms)"
_NOTE_KEY: Final = "INSERT INTO backup_keys (kind, number, key) VALUES (?, ?, ?)"
_NOTE_STAFF_KEY: Final = "INSERT INTO backup_staff_key (key) VALUES (?)"
_READ_NOTE: Final = "SELECT made_at_ms, key FROM backup"
_READ_KEYS: Final = "SELECT kind, number, key FROM backup_keys ORDER BY kind, number"
_READ_STAFF_KEY: Final = "SELECT key FROM backup_staff_key"
_FORGET_NOTE: Final = "DROP TABLE backup"
_FORGET_KEYS: Final = "DROP TABLE backup_keys"
_FORGET_STAFF_KEY: Final = "DROP TABLE backup_staff_key"
_HAS_TABLE: Final = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = :name"

_FULL: Final = "database or disk is full"
"""SQLite's words: what fails in a copy has no code."""


class BadBackup(LoyaltyError):
    """A file that headquarters cannot be restored from."""

    code = "backup_unusable"


class Note(msgspec.Struct, frozen=True):
    """What a backup says of itself. A plain copy of a database says nothing.

    `keys` are kind, number and private key of those that lay in `data_dir`, `staff_key` the one beside them
    that opens the secrets of people's codes.
    """

    made_at_ms: int | None
    keys: tuple[tuple[Kind, int, bytes], ...] = ()
    staff_key: bytes | None = None


def copy_out(database: Path, copy: Path, note: Note) -> None:
    """Write one committed state of a database into an empty file; who reads and writes it is not in the way.

    What was deleted from the database is not in the copy, as it may be in the pages of the file.

    Raises:
        BadBackup: `database_damaged`: the copy is not whole, so the database is not.
        WrongDatabase: a newer release made the database.
    """
    refuse_other(database)
    with closing(connect(database, read_only=True)) as connection:
        connection.execute("VACUUM INTO :copy", {"copy": str(copy)})
    _note_down(copy, note)


def copy_over(source: AnyConnection, copy: Path, note: Note) -> None:
    """Write one committed state of a database of any kind into an empty file, as `copy_out` does."""
    with closing(connect(copy)) as connection:
        migrate(connection)
        copy_all(source, connection, lambda _: None)
        in_one_file(connection)
    _note_down(copy, note)


def in_one_file(connection: Connection) -> None:
    """Have nothing beside the file of a database any more."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute("PRAGMA journal_mode = DELETE").fetchall()


def _note_down(copy: Path, note: Note) -> None:
    with closing(_plain(copy)) as connection:
        connection.execute(_NOTE)
        connection.execute(_NOTE_DOWN, {"made_at_ms": note.made_at_ms})
        connection.execute(_KEYS)
        connection.executemany(_NOTE_KEY, note.keys)
        if note.staff_key is not None:
            connection.execute(_STAFF_KEY)
            connection.execute(_NOTE_STAFF_KEY, (note.staff_key,))
        if fault := _fault(connection):
            raise BadBackup(f"the database is damaged: {fault}", code="database_damaged")


@contextmanager
def copied_in(backup: Path, database: Path) -> Iterator[tuple[Transaction, Note]]:
    """Make a new database from a backup, or a plain copy, in this release's form; lend it for last changes.

    It is in one file again when the block has ended; the backup stays as it is.

    Raises:
        BadBackup: not a backup of headquarters, or a damaged one; `disk_full`.
        WrongDatabase: a newer release made it.
    """
    with closing(connect(database)) as connection:
        try:
            with closing(_plain(backup, read_only=True)) as source:
                source.backup(connection)
            connection.execute("PRAGMA secure_delete = ON")  # keys leave no trace in free pages
            note, fault = _note(connection), _fault(connection)
        except sqlite3.DatabaseError as error:
            if str(error) == _FULL:
                raise BadBackup(
                    f"the disk of {database} has no room for {backup}: free space and try again",
                    code="disk_full",
                ) from None
            raise BadBackup(f"{backup} cannot be read as a backup ({error})") from None
        if note is None:
            raise BadBackup(f"{backup} is no backup of headquarters")
        if fault:
            raise BadBackup(f"{backup} is damaged: {fault}", code="backup_damaged")
        migrate(connection)
        with writing(connection) as tx:
            yield tx, note
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _plain(path: Path, *, read_only: bool = False) -> Connection:
    """Return a connection that leaves the file as it is: a backup has no log beside it."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}", uri=True, isolation_level=None
    )


def _note(connection: Connection) -> Note | None:
    """Return what a copy says of itself, and forget it; None where it is none of a headquarters."""
    if not (_has(connection, "house") and _has(connection, "migrations")):
        return None
    if not _has(connection, "backup"):
        return Note(None)
    made_at_ms, key = connection.execute(_READ_NOTE).fetchone()
    connection.execute(_FORGET_NOTE)
    if not _has(connection, "backup_keys"):  # of a release that had one key
        return Note(made_at_ms, () if key is None else (("server", 1, key),))
    keys = tuple(connection.execute(_READ_KEYS).fetchall())
    connection.execute(_FORGET_KEYS)
    if not _has(connection, "backup_staff_key"):
        return Note(made_at_ms, keys)
    (staff_key,) = connection.execute(_READ_STAFF_KEY).fetchone()
    connection.execute(_FORGET_STAFF_KEY)
    return Note(made_at_ms, keys, staff_key)


def _has(connection: Connection, table: str) -> bool:
    (count,) = connection.execute(_HAS_TABLE, {"name": table}).fetchone()
    return bool(count)


def _fault(connection: Connection) -> str:
    """Return the first fault that SQLite finds in a whole database, '' where it finds none."""
    (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return "" if said == "ok" else str(said).splitlines()[-1]
