"""Everything of one database written into another that is empty, of whichever kind the two are.

Rows are copied as they are: what guards the tables stands aside until all are there, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Final

from hq_server.store.connection import Connection, reading, writing
from hq_server.store.refusals import Refused
from hq_server.store.sqlite import connection as sqlite
from hq_server.store.sqlite import sqlite3
from hq_server.store.sqlite.migrate import migrate
from hq_server.store.transaction import Row

PART: Final = 5_000
"""Rows that are in hand at once."""
_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'migrations' ORDER BY name"
_TRIGGERS: Final = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"


def copy_all(source: Connection, target: Connection, advance: Callable[[int], None]) -> int:
    """Write every row of one committed state into an empty database of this release; return how many.

    Raises:
        Refused: `database_exists`: the other one is not empty. `copy_differs`: it has not all of them.
    """
    with reading(target) as tx:
        if tx.one("house.house") is not None:
            raise Refused(
                "the other database has a headquarters already: give an empty one", code="database_exists"
            )
    with reading(source), writing(target):
        return put_all(source, target, advance)


def put_all(source: Connection, target: Connection, advance: Callable[[int], None]) -> int:
    """Write every row of one database into an empty one, in the transactions that are open; return how many.

    Raises:
        Refused: `copy_differs`: the other one has not all of them.
    """
    copied = 0
    put_back = _without_guards(target)
    for table, columns, order in tables():
        number = 0
        for rows in _rows(source, table, columns, order):
            _put(target, table, columns, rows)
            number += len(rows)
            advance(len(rows))
        if _count(target, table) != number:
            raise Refused(f"the copy of {table} has not as many rows", code="copy_differs")
        copied += number
    put_back()
    return copied


def tables() -> list[tuple[str, list[str], str]]:
    """Return every table of this release, its columns, and those of its key."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        found = []
        for (table,) in connection.execute(_TABLES).fetchall():
            about = connection.execute(f"PRAGMA table_info({table})").fetchall()
            key = sorted((row[5], row[1]) for row in about if row[5])
            found.append((table, [row[1] for row in about], ", ".join(f'"{name}"' for _, name in key)))
        return found


def _select(table: str, columns: list[str], order: str) -> str:
    named = ", ".join(f'"{column}"' for column in columns)
    return f"SELECT {named} FROM {table} ORDER BY {order}"  # noqa: S608


def _rows(source: Connection, table: str, columns: list[str], order: str) -> Iterator[list[Row]]:
    """Yield the rows of a table in the order of its key, a part at a time."""
    select = _select(table, columns, order)
    if isinstance(source, sqlite.Connection):
        cursor = source.execute(select)
        while rows := cursor.fetchmany(PART):
            yield rows
        return
    from hq_server.store.postgresql.copying import rows_of

    yield from rows_of(source, select, PART)


def _put(target: Connection, table: str, columns: list[str], rows: list[Row]) -> None:
    if isinstance(target, sqlite.Connection):
        named = ", ".join(f'"{column}"' for column in columns)
        marks = ", ".join("?" * len(columns))
        target.executemany(f"INSERT INTO {table} ({named}) VALUES ({marks})", rows)  # noqa: S608
        return
    from hq_server.store.postgresql.copying import put_rows

    put_rows(target, table, columns, rows)


def _count(target: Connection, table: str) -> int:
    count = f"SELECT count(*) FROM {table}"  # noqa: S608
    if isinstance(target, sqlite.Connection):
        return int(target.execute(count).fetchone()[0])
    return int(target.wait(target.line.fetchval, count))


def _without_guards(target: Connection) -> Callable[[], None]:
    """Take the guards of all tables away; return what puts them back."""
    if isinstance(target, sqlite.Connection):
        own, triggers = target, target.execute(_TRIGGERS).fetchall()
        for name, _ in triggers:
            own.execute(f"DROP TRIGGER {name}")

        def put_back() -> None:
            for _, text in triggers:
                own.execute(text)

        return put_back
    from hq_server.store.postgresql.copying import guard

    names = [table for table, _, _ in tables()]
    guard(target, names, stands=False)
    return partial(guard, target, names, stands=True)
