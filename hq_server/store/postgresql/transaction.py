"""A transaction of PostgreSQL: named statements, prepared once a line.

PostgreSQL keeps no text with the character of number 0. Here that one, and the one of number 1 which stands
for it, are written as two: another text stays another text, in its place in the order of bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec
from asyncpg.prepared_stmt import PreparedStatement

from hq_server.store.postgresql.beside import BESIDE, Alone
from hq_server.store.postgresql.bulk import Bulk
from hq_server.store.statements import Statement
from hq_server.store.transaction import Row, Transaction, Value, Values

if TYPE_CHECKING:
    from hq_server.store.postgresql.connection import PostgresqlConnection

_JSON: Final = msgspec.json.Encoder().encode
EACH: Final = 1_000
"""Rows that are fetched at once where they are read one by one."""


class Prepared:
    """A statement that is prepared on a line: how its parameters are told, which of its columns are text.

    `bulk` where it takes many rows as arrays.
    """

    __slots__ = ("_order", "_texts", "bulk", "statement")

    def __init__(
        self,
        statement: Statement,
        prepared: PreparedStatement[asyncpg.Record],
        bulk: Bulk | None = None,
    ) -> None:
        self.statement, self.bulk = prepared, bulk
        self._order = [(name, statement.rows.get(name)) for name in dict.fromkeys(statement.parameters)]
        columns = prepared.get_attributes()
        self._texts = [place for place, column in enumerate(columns) if column.type.name == "text"]

    def arguments(self, given: dict[str, Value]) -> list[object]:
        """Return the parameters in PostgreSQL's order; a table of keys is an array a column."""
        told: list[object] = []
        for name, kinds in self._order:
            value = given[name]
            if kinds is None:
                told.append(written(value))
                continue
            keys = msgspec.json.decode(str(value))
            columns: Iterable[Sequence[Value]] = [keys] if len(kinds) == 1 else zip(*keys, strict=True)
            told += told_as(kinds, columns if keys else [()] * len(kinds))
        return told

    async def cursor(self, arguments: list[object]) -> Any:
        """Return what lends the rows a part at a time."""
        return await self.statement.cursor(*arguments)

    def rows(self, found: Sequence[asyncpg.Record]) -> list[Row]:
        """Return the rows as decisions take them."""
        return [self.row(record) for record in found]

    def row(self, record: asyncpg.Record) -> Row:
        """Return one row."""
        row = tuple(record)
        for place in self._texts:
            text = row[place]
            if text is not None and "\x01" in text:
                return tuple([read(value) for value in row])
        return row


class PostgresqlTransaction(Transaction):
    """Statements on one line, in the transaction that is open on it."""

    __slots__ = ("_connection", "_is_alone", "wrote")

    def __init__(self, connection: PostgresqlConnection, *, is_alone: bool) -> None:
        self._connection = connection
        self._is_alone = is_alone
        self.wrote = False

    def one(self, statement: str, **parameters: Value) -> Row | None:
        prepared = self._connection.prepared(statement)
        record = self._connection.wait(prepared.statement.fetchrow, *prepared.arguments(parameters))
        return None if record is None else prepared.row(record)

    def all(self, statement: str, **parameters: Value) -> list[Row]:
        prepared = self._connection.prepared(statement)
        return prepared.rows(self._connection.wait(prepared.statement.fetch, *prepared.arguments(parameters)))

    def each(self, statement: str, **parameters: Value) -> Iterator[Row]:
        prepared = self._connection.prepared(statement)
        wait = self._connection.wait
        cursor = wait(prepared.cursor, prepared.arguments(parameters))
        while found := wait(cursor.fetch, EACH):
            yield from prepared.rows(found)

    def run(self, statement: str, **parameters: Value) -> int:
        self._about_to_write(statement)
        prepared = self._connection.prepared(statement)
        said = self._connection.wait(_done, prepared.statement, prepared.arguments(parameters))
        return int(said.rpartition(" ")[2])

    def many(self, statement: str, rows: Collection[Values]) -> None:
        if rows:
            self._about_to_write(statement)
            prepared, wait = self._connection.prepared(statement), self._connection.wait
            if prepared.bulk is None:
                told = [[written(value) for value in row] for row in rows]
                wait(prepared.statement.executemany, told)
                return
            for part in prepared.bulk.rounds(rows):
                wait(prepared.statement.fetch, *told_as(prepared.bulk.types, zip(*part, strict=True)))

    def triggers_made(self) -> list[Row]:
        from hq_server.store.postgresql.migrate import triggers_made

        return triggers_made(self._connection)

    def _about_to_write(self, statement: str) -> None:
        if not (self._is_alone or statement in BESIDE):
            raise Alone(statement)
        self.wrote = True


def written(value: Any) -> Any:
    """Return a value as PostgreSQL can keep it."""
    if isinstance(value, str) and ("\x00" in value or "\x01" in value):
        return value.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")
    return value


def read(value: Any) -> Any:
    """Return a value as it was before `written`."""
    if isinstance(value, str):
        return value.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")
    return value


def told_as(kinds: Iterable[str], columns: Iterable[Sequence[Value]]) -> list[object]:
    """Return columns as `array_of` takes them."""
    told: list[object] = []
    for kind, column in zip(kinds, columns, strict=True):
        if kind == "int8":
            told.append(f"{{{_JSON(column)[1:-1].decode()}}}")
        elif kind == "text":
            text = _JSON(column).decode()
            told.append(
                text if "\\u000" not in text else _JSON([written(value) for value in column]).decode()
            )
        else:
            told.append(list(column))
    return told


async def _done(statement: PreparedStatement[asyncpg.Record], arguments: list[object]) -> str:
    """Run a statement and return what PostgreSQL says of it; the line may be cut between the two."""
    await statement.fetch(*arguments)
    return str(statement.get_statusmsg())
