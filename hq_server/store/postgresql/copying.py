"""Rows of PostgreSQL's tables as they are, read and written many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from hq_server.store.postgresql.connection import PostgresqlConnection
from hq_server.store.postgresql.transaction import read, written
from hq_server.store.transaction import Row


def rows_of(connection: PostgresqlConnection, select: str, part: int) -> Iterator[list[Row]]:
    """Yield the rows of a query, a part at a time; a transaction is open."""

    async def opened() -> Any:
        return await connection.line.cursor(select)

    cursor = connection.wait(opened)
    while found := connection.wait(cursor.fetch, part):
        yield [tuple([read(value) for value in record]) for record in found]


def put_rows(connection: PostgresqlConnection, table: str, columns: list[str], rows: Iterable[Row]) -> None:
    """Write rows into a table; a transaction is open."""
    told = [tuple([written(value) for value in row]) for row in rows]

    async def put() -> str:
        found: str = await connection.line.copy_records_to_table(table, records=told, columns=columns)
        return found

    connection.wait(put)


def guard(connection: PostgresqlConnection, tables: Iterable[str], *, stands: bool) -> None:
    """Let the guards of tables stand, or stand aside until this transaction lets them stand again."""
    word = "ENABLE" if stands else "DISABLE"
    connection.wait(
        connection.line.execute, "; ".join(f"ALTER TABLE {table} {word} TRIGGER USER" for table in tables)
    )
