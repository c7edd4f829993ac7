"""Bring a SQLite database to this release's form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from hq_server.store.migrate import MOVED, Migration, migrations, missing
from hq_server.store.sqlite import sqlite3
from hq_server.store.sqlite.connection import Connection, peek, reading, writing
from hq_server.store.transaction import Row

__all__ = ["Migration", "migrate", "migrations", "refuse_other", "triggers_made"]

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS migrations (
  number INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL
) STRICT
"""
_APPLIED: Final = "SELECT number, name, checksum FROM migrations ORDER BY number"
_NEWEST: Final = "SELECT max(number) FROM migrations"
_APPLY: Final = "INSERT INTO migrations (number, name, checksum) VALUES (:number, :name, :checksum)"


def migrate(connection: Connection) -> None:
    """Apply what is missing, each file in a transaction of its own. Doing it twice is harmless.

    Raises:
        WrongDatabase: made by a newer release, or by files that have been edited since.
    """
    connection.execute(_LEDGER)
    known = list(migrations("sqlite"))
    if _missing(connection, known):
        for migration in known:
            with writing(connection):
                if migration in _missing(connection, known):
                    _apply(connection, migration)


def refuse_other(path: Path) -> None:
    """Refuse a database that `migrate` would, before anything is opened that leaves a trace beside it.

    Raises:
        WrongDatabase: as `migrate`.
    """
    with suppress(sqlite3.DatabaseError), closing(peek(path)) as connection:
        _missing(connection, list(migrations("sqlite")))


def refuse_newer(connection: Connection) -> None:
    """Refuse a database that a newer release has brought forward since it was opened; it is asked quickly.

    Raises:
        WrongDatabase: as `migrate`.
    """
    known = migrations("sqlite")
    (newest,) = connection.execute(_NEWEST).fetchone()
    if newest != known[-1].number:
        _missing(connection, list(known))


def give_up(connection: Connection, moved_to: str) -> None:
    """Let nobody open this database as headquarters any more."""
    connection.execute(_APPLY, {"number": MOVED, "name": moved_to, "checksum": ""})


def triggers_made() -> list[Row]:
    """Return name, table and text of every trigger that the files of this release make, in order of name."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection)
        with reading(connection) as tx:
            return tx.all("house.triggers")
    finally:
        connection.close()


def _missing(connection: Connection, known: list[Migration]) -> list[Migration]:
    return missing(connection.execute(_APPLIED), known)


def _apply(connection: Connection, migration: Migration) -> None:
    for statement in _statements(migration.script):
        connection.execute(statement)
    connection.execute(
        _APPLY, {"number": migration.number, "name": migration.name, "checksum": migration.checksum}
    )


def _statements(script: str) -> Iterator[str]:
    """Split at the semicolons that end a statement; those inside triggers do not."""
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            yield part
            part = ""
