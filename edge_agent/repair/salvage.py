"""A database that SQLite cannot read any more, copied into a new one as far as it can be read."""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.store import copying
from edge_agent.store.database import StoreError, connect
from edge_agent.store.migrations import open_database
from loyalty_shell.data_dir import make_durable


def salvage(database: Path) -> Path:
    """Put the database aside and what can be read of it in its place; return where the old one is.

    The old file stays as it is. Cut off anywhere, one of the two is in place, whole.

    Raises:
        StoreError: `store_lost`: not even this till's identity can be read.
    """
    fresh = database.with_name(database.name + ".salvaged")
    _forget(fresh)
    old = connect(database)
    new = open_database(fresh)
    try:
        copying.written_back(old)
        if not copying.copy_readable(old, new):
            raise StoreError(
                "this till's identity cannot be read from its database: replace the till at HQ (hq-server "
                "terminal invite --till) and enrol it again",
                code="store_lost",
            )
        copying.written_back(new)
    finally:
        old.close()
        new.close()
    aside = _free_name(database)
    make_durable(fresh)
    os.link(database, aside)
    fresh.replace(database)
    make_durable(database.parent)
    return aside


def _free_name(database: Path) -> Path:
    for number in range(1, 1000):
        aside = database.with_name(f"{database.name}.damaged-{number}")
        if not aside.exists():
            return aside
    raise StoreError("a thousand damaged databases lie here: remove some", code="store_failed")


def _forget(database: Path) -> None:
    for end in ("", "-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
