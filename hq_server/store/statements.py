"""Every SQL statement by name: `arrivals.keep_batch` is the statement `keep_batch` of a file in sql/arrivals.

aiosql reads the files; what runs them is a `Transaction`. The three folders are the two sides and the house.
The text is the same for both databases, in words that both know; beside them it may use four things that
are put into each one's own words here:

- `ROWS(:keys, bucket INTEGER, member_id TEXT) AS wanted` is a table of the keys that are asked for. The
  parameter is a JSON array of arrays (of plain values where there is one column).
- `CROSS JOIN x ON ...` joins in the order in which it is written, which SQLite takes as an order.
- `INDEXED BY name` tells SQLite which index.
- `FOR UPDATE` locks the rows, where there is more than one writer.

A statement that must differ all the same stands again by its name in sql/postgresql/<room>.

Parameters are named. A statement for many rows (`*!`) takes each row as a tuple in the order in which its
name declares them: binding by name costs a third of an insert.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from typing import Final

import aiosql
import msgspec
from aiosql.types import SQLOperationType

_ROOMS: Final = ("house", "arrivals", "accounts")
_ROWS: Final = re.compile(r"\bROWS\(:(\w+),([^)]*)\) AS (\w+)")
_IN_ORDER: Final = re.compile(
    r"\bCROSS JOIN (\w+)( AS \w+)? ON (.*?)(?=\s+(?:WHERE|GROUP|ORDER|UNION|LEFT|CROSS|JOIN|LIMIT)\b|;)",
    re.DOTALL,
)
_PARAMETER: Final = re.compile(r"(?<!:):(\w+)")
_KINDS: Final = {"INTEGER": "int8", "TEXT": "text"}


class Statement(msgspec.Struct, frozen=True):
    """A statement as PostgreSQL takes it: its parameters are numbered from 1, in the order of `parameters`.

    `rows` are the parameters that are tables of keys, each with the types of its columns: it stands once for
    each column in `parameters`.
    """

    sql: str
    parameters: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]
    is_many: bool


def sqlite_form(sql: str) -> str:
    """Return a statement in SQLite's words."""
    return _ROWS.sub(_from_json, sql.replace("FOR UPDATE", ""))


def postgresql_form(sql: str, parameters: list[str], *, is_many: bool = False) -> Statement:
    """Return a statement in PostgreSQL's words."""
    sql = _IN_ORDER.sub(_looked_up, re.sub(r"\s+INDEXED BY \w+", "", sql).replace("\n  ON ", " ON "))
    rows = {
        name: tuple([_KINDS[column.split()[1]] for column in columns.split(",")])
        for name, columns, _ in _ROWS.findall(sql)
    }
    places: dict[str, int] = {}
    spread: list[str] = []
    for name in parameters:
        places[name] = len(spread) + 1
        spread += [name] * len(rows.get(name, " "))

    def from_arrays(found: re.Match[str]) -> str:
        first = places[found[1]]
        arrays = ", ".join(array_of(first + n, kind) for n, kind in enumerate(rows[found[1]]))
        names = ", ".join(column.split()[0] for column in found[2].split(","))
        return f"unnest({arrays}) AS {found[3]} ({names})"

    sql = _ROWS.sub(from_arrays, sql)
    sql = _PARAMETER.sub(lambda found: f"${places[found[1]]}", sql)
    return Statement(sql, tuple(spread), rows, is_many)


def array_of(place: int, kind: str) -> str:
    """Return the array that a parameter of PostgreSQL tells: numbers and texts are told as one text.

    The driver asks of every item of an array whether it is an array itself, which costs more than all else.
    """
    if kind == "int8":
        return f"${place}::text::int8[]"
    if kind == "text":
        return f'ARRAY(SELECT json_array_elements_text(${place}::text::json)) COLLATE "C"'
    return f"${place}::{kind}[]"


def _looked_up(found: re.Match[str]) -> str:
    """Return a join in which each row of the left looks up those of the right: a subquery of its own."""
    table, alias, condition = found.groups()
    name = alias or f" AS {table}"
    return f"CROSS JOIN LATERAL (SELECT * FROM {table}{alias or ''} WHERE {condition} OFFSET 0){name}"  # noqa: S608


def _from_json(found: re.Match[str]) -> str:
    names = [column.split()[0] for column in found[2].split(",")]
    if len(names) == 1:
        return f"(SELECT value AS {names[0]} FROM json_each(:{found[1]})) AS {found[3]}"  # noqa: S608
    columns = ", ".join(f"value ->> {place} AS {name}" for place, name in enumerate(names))
    return f"(SELECT {columns} FROM json_each(:{found[1]})) AS {found[3]}"  # noqa: S608


def _numbered(sql: str, parameters: list[str]) -> str:
    """Return the statement with `?1`, `?2` ... for its named parameters, as they are declared."""
    places = {name: number for number, name in enumerate(parameters, start=1)}
    return _PARAMETER.sub(lambda found: f"?{places[found[1]]}", sql)


class _Text(msgspec.Struct, frozen=True):
    """A statement as it stands in a file."""

    name: str
    sql: str
    parameters: list[str]
    is_many: bool


@cache
def _texts(folder: str) -> tuple[_Text, ...]:
    """Return every statement of the rooms in a folder of sql/."""
    found = []
    for room in _ROOMS:
        path = files("hq_server.store") / "sql" / folder / room
        if not path.is_dir():
            continue
        with as_file(path) as there:
            queries = aiosql.from_path(there, "sqlite3")
        for name in queries.available_queries:
            query = getattr(queries, name)
            is_many = query.operation == SQLOperationType.INSERT_UPDATE_DELETE_MANY
            if is_many or not name.endswith("_cursor"):
                found.append(_Text(f"{room}.{name}", query.sql, query.parameters, is_many))
    return tuple(found)


def _sqlite() -> dict[str, str]:
    return {
        one.name: _numbered(sqlite_form(one.sql), one.parameters) if one.is_many else sqlite_form(one.sql)
        for one in _texts("")
    }


@cache
def postgresql_statements() -> Mapping[str, Statement]:
    """Return every statement by name in PostgreSQL's words."""
    return {
        one.name: postgresql_form(one.sql, one.parameters, is_many=one.is_many)
        for folder in ("", "postgresql")
        for one in _texts(folder)
    }


STATEMENTS: Final[Mapping[str, str]] = _sqlite()
"""Every statement by name in SQLite's words."""
