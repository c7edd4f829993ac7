"""Files of kept batches outside the database: one SQLite file each, written once, whole and on the disk.

docs/operations.md says how such a file is read without us.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from hq_server.store.sqlite import sqlite3
from loyalty_core.errors import LoyaltyError
from loyalty_shell.data_dir import make_durable

_FORM: Final = """
CREATE TABLE batches (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  received_at_ms INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  envelope BLOB NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, first_seq)
) STRICT
"""
_PUT: Final = "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_EACH: Final = """
SELECT store_id, terminal_id, epoch, branch, first_seq FROM batches
ORDER BY store_id, terminal_id, epoch, branch, first_seq
"""
_ONE: Final = """
SELECT envelope FROM batches
WHERE store_id = ? AND terminal_id = ? AND epoch = ? AND branch = ? AND first_seq = ?
"""


class Key(msgspec.Struct, frozen=True):
    """Which batch of which journal: the first of its records that was kept."""

    store_id: str
    terminal_id: str
    epoch: int
    branch: int
    first_seq: int


class BadArchive(LoyaltyError):
    """A file of the archive is not there or does not hold what it must."""

    code = "archive_unusable"


def hash_of(envelope: bytes) -> bytes:
    """Return what a batch's bytes hash to."""
    return hashlib.sha256(envelope).digest()


def write_archive(path: Path, batches: Iterable[tuple[Key, int, int, bytes]]) -> int:
    """Write batches (key, last seq, when received, envelope) into a new file; return how many, 0 leaves none.

    It has its name only when all of it is on the disk and was read again.
    """
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(str(fresh), isolation_level=None)) as connection:
            connection.execute(_FORM)
            connection.execute("BEGIN")
            for key, last_seq, received_at_ms, envelope in batches:
                row = (*msgspec.structs.astuple(key), last_seq, received_at_ms, hash_of(envelope), envelope)
                connection.execute(_PUT, row)
            connection.execute("COMMIT")
            (count,) = connection.execute("SELECT count(*) FROM batches").fetchone()
            (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if said != "ok":
            raise BadArchive(f"{path} was not written as it must be: look at its disk")
        if count:
            make_durable(fresh)
            fresh.rename(path)
            make_durable(path.parent)
    finally:
        for part in ("", "-journal"):
            fresh.with_name(fresh.name + part).unlink(missing_ok=True)
    return int(count)


class Archive:
    """A folder of such files. Each is opened when something of it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: dict[str, sqlite3.Connection] = {}

    def keys(self, file: str) -> Iterator[Key]:
        """Yield the keys of a file's batches."""
        for row in self._connection(file).execute(_EACH):
            yield Key(*row)

    def envelope(self, file: str, key: Key, sha256: bytes) -> bytes:
        """Return a batch's bytes.

        Raises:
            BadArchive: the file is not here, or does not hold it as it was.
        """
        try:
            row = self._connection(file).execute(_ONE, msgspec.structs.astuple(key)).fetchone()
        except sqlite3.DatabaseError as error:
            raise BadArchive(f"{self._folder / file} cannot be read ({error})") from None
        if row is None or hash_of(row[0]) != sha256:
            raise BadArchive(
                f"{self._folder / file} does not hold the batch of {key.terminal_id} from record "
                f"{key.epoch}.{key.first_seq} on as it was: take another copy of this file"
            )
        envelope: bytes = row[0]
        return envelope

    def close(self) -> None:
        """Close every file."""
        for connection in self._opened.values():
            connection.close()
        self._opened.clear()

    def _connection(self, file: str) -> sqlite3.Connection:
        if file not in self._opened:
            path = self._folder / file
            if not path.is_file():
                raise BadArchive(f"{path} is not there: give the folder that holds it")
            self._opened[file] = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None
            )
        return self._opened[file]
