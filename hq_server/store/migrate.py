"""Bring a database to this release's form: numbered files, forward only, each with a checksum.

A file that has been applied is never edited: the checksum would tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, suppress
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from hq_server.store.connection import Connection, Row, peek, reading, writing
from hq_server.store.sqlite import sqlite3
from loyalty_core.errors import LoyaltyError

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS migrations (
  number INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL
) STRICT
"""
_APPLIED: Final = "SELECT number, name, checksum FROM migrations ORDER BY number"
_APPLY: Final = "INSERT INTO migrations (number, name, checksum) VALUES (:number, :name, :checksum)"


class WrongDatabase(LoyaltyError):
    """A database that this release must not touch."""

    code = "database_newer"


class Migration(msgspec.Struct, frozen=True):
    """One numbered file."""

    number: int
    name: str
    script: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the script."""
        return hashlib.sha256(self.script.encode()).hexdigest()


def migrate(connection: Connection) -> None:
    """Apply what is missing, each file in a transaction of its own. Doing it twice is harmless.

    Raises:
        WrongDatabase: made by a newer release, or by files that have been edited since.
    """
    connection.execute(_LEDGER)
    known = list(migrations())
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
        _missing(connection, list(migrations()))


def migrations() -> Iterator[Migration]:
    """Return the files of this release in order."""
    folder = files("hq_server.store") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            yield Migration(int(file.name[:4]), file.name, file.read_text("utf-8"))


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
    applied = {number: (name, checksum) for number, name, checksum in connection.execute(_APPLIED)}
    by_number = {migration.number: migration for migration in known}
    for number, (name, checksum) in applied.items():
        if number not in by_number:
            raise WrongDatabase(
                f"the database has {name} of a newer release: install that release of hq-server"
            )
        if by_number[number].checksum != checksum:
            raise WrongDatabase(
                f"the database was made with another {name}: install the release that made it",
                code="migration_changed",
            )
    return [migration for migration in known if migration.number not in applied]


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
