"""A question to headquarters' database beside its own statements, whichever database it is."""

from __future__ import annotations

from typing import Any

from hq_server.store.connection import Connection
from hq_server.store.sqlite.connection import Connection as SqliteConnection


def ask(conn: Connection, sql: str) -> list[tuple[Any, ...]]:
    """Return all rows."""
    if isinstance(conn, SqliteConnection):
        return conn.execute(sql).fetchall()
    return [tuple(row) for row in conn.wait(conn.line.fetch, sql)]
