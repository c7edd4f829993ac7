"""What the bench reads of the programs' databases, and how it opens one of its own with the same promises."""

from __future__ import annotations

import sqlite3 as stock
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError:
        sqlite3 = stock

LOOK_SECONDS: Final = 0.02
Connection = sqlite3.Connection
SQLITE_VERSION = sqlite3.sqlite_version


def connect(path: Path) -> Connection:
    """Return a connection as durable as those of the programs: WAL, synchronous=FULL, autocommit."""
    conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute("PRAGMA synchronous=FULL")
    return conn


@contextmanager
def transaction(conn: Connection) -> Iterator[None]:
    """Commit what is done inside, durably."""
    conn.execute("BEGIN IMMEDIATE")
    yield
    conn.execute("COMMIT")


class Journal:
    """A till's journal, read beside the agent."""

    def __init__(self, data: Path) -> None:
        self._conn = sqlite3.connect(f"file:{data / 'till.db'}?mode=ro", uri=True)

    def head(self) -> int:
        """Return the last seq of the till's epoch."""
        return self._one(
            "SELECT coalesce(max(seq), 0) FROM journal"
            " WHERE epoch = (SELECT epoch FROM terminal) AND branch = 0"
        )

    def acknowledged(self) -> int:
        """Return up to which seq HQ holds the journal."""
        return self._one("SELECT coalesce(max(seq), 0) FROM acknowledged")

    def receipts_of(self, file: str) -> int | None:
        """Return how many receipts of a file are recorded, once all that it holds is taken."""
        row = self._conn.execute("SELECT recorded FROM file_taken WHERE path = ?", (file,)).fetchone()
        return None if row is None else int(row[0])

    def members(self) -> int:
        """Return how many members the till knows."""
        return self._one("SELECT count(*) FROM member")

    def wait_until_sent(self) -> None:
        """Return once HQ has acknowledged all that is recorded by now."""
        head = self.head()
        while self.acknowledged() < head:
            time.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """Let go of it."""
        self._conn.close()

    def _one(self, sql: str) -> int:
        return int(self._conn.execute(sql).fetchone()[0])


def rows_in(path: Path, *tables: str) -> list[int]:
    """Return how many rows tables hold."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as conn:
        return [int(conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in tables]


def events_kept(hq_data: Path) -> int:
    """Return how many events HQ has kept."""
    with closing(sqlite3.connect(f"file:{hq_data / 'hq.db'}?mode=ro", uri=True)) as conn:
        return int(conn.execute("SELECT coalesce(sum(seq), 0) FROM heads").fetchone()[0])


def received(hq_data: Path) -> tuple[int, int]:
    """Return how many events HQ has kept, and the size of the envelopes that brought them."""
    with closing(sqlite3.connect(f"file:{hq_data / 'hq.db'}?mode=ro", uri=True)) as conn:
        events, size = conn.execute(
            "SELECT coalesce(sum(last_seq - first_seq + 1), 0), coalesce(sum(length(envelope)), 0)"
            " FROM batches"
        ).fetchone()
    return int(events), int(size)
