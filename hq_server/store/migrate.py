"""The numbered files that bring a database to this release's form: forward only, each with a checksum.

A file that has been applied is never edited: the checksum would tell. Each kind of database has its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from hq_server.store.refusals import WrongDatabase

Dialect = Literal["sqlite", "postgresql"]
MOVED: Final = 999_999
"""The number that stands among a database's files once headquarters was moved from it; its name: where to."""


class Migration(msgspec.Struct, frozen=True):
    """One numbered file."""

    number: int
    name: str
    script: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the script."""
        return hashlib.sha256(self.script.encode()).hexdigest()


@cache
def migrations(dialect: Dialect) -> tuple[Migration, ...]:
    """Return the files of this release for a kind of database, in order; they are read once."""
    folder = files("hq_server.store") / "migrations" / dialect
    return tuple(
        Migration(int(file.name[:4]), file.name, file.read_text("utf-8"))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    )


def missing(applied: Iterable[tuple[int, str, str]], known: Collection[Migration]) -> list[Migration]:
    """Return the files that a database lacks, by number, name and checksum of those that it has.

    Raises:
        WrongDatabase: made by a newer release, or by files that have been edited since; `database_moved`.
    """
    by_number = {migration.number: migration for migration in known}
    there = set()
    for number, name, checksum in applied:
        there.add(number)
        if number == MOVED:
            raise WrongDatabase(
                f"headquarters was moved from this database to {name}: name that one in the settings",
                code="database_moved",
            )
        if number not in by_number:
            raise WrongDatabase(
                f"the database has {name} of a newer release: install that release of hq-server"
            )
        if by_number[number].checksum != checksum:
            raise WrongDatabase(
                f"the database was made with another {name}: install the release that made it",
                code="migration_changed",
            )
    return [migration for migration in known if migration.number not in there]
