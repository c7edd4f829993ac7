"""What can be read of a damaged database, row by row, from either end of each table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from edge_agent.store.database import AnyError, Connection, DatabaseError, StoreError, transaction

_TABLES: Final = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    " AND name NOT LIKE '\\_sqlite%' ESCAPE '\\' ORDER BY name"
)


def copy_readable(old: Connection, new: Connection) -> bool:
    """Copy every row that can be read and fits; tell whether the till's identity is among them."""
    with transaction(new):
        for (table,) in new.execute(_TABLES).fetchall():
            columns = [name for (name,) in new.execute("SELECT name FROM pragma_table_info(?)", (table,))]
            keys = [
                name
                for (name,) in new.execute(
                    "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,)
                )
            ]
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            put = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - of our migrations
            for row in _readable(old, table, columns, keys):
                try:
                    new.execute(put, row)
                except AnyError:
                    continue  # a value that no such row can have
    return new.execute("SELECT 1 FROM terminal").fetchone() is not None


def written_back(conn: Connection) -> None:
    """Leave nothing in the log of a database whose file is to be moved: another would read it as its own.

    Raises:
        StoreError: `store_busy`: somebody has it open.
    """
    (busy, *_) = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreError("the till database is in use: stop the agent and every command", code="store_busy")


def _readable(old: Connection, table: str, columns: list[str], keys: list[str]) -> Iterator[tuple[Any, ...]]:
    """Yield rows in the order of the key up to where they cannot be read, then from the end back to there."""
    names = ", ".join(columns)
    for way in ("ASC", "DESC"):
        order = ", ".join(f"{key} {way}" for key in keys)
        try:
            yield from old.execute(f"SELECT {names} FROM {table} ORDER BY {order}")  # noqa: S608
            return
        except DatabaseError:
            continue
