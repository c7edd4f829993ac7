"""Every SQL statement by name: `arrivals.keep_batch` is the statement `keep_batch` of a file in sql/arrivals.

aiosql reads the files; what runs them is `Transaction`. The three folders are the two sides and the house.
Parameters are named. A statement for many rows (`*!`) takes each row as a tuple in the order in which its
name declares them: binding by name costs a third of an insert.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import as_file, files
from typing import Final

import aiosql
from aiosql.types import SQLOperationType

_ROOMS: Final = ("house", "arrivals", "accounts")


def _load() -> dict[str, str]:
    statements = {}
    for room in _ROOMS:
        with as_file(files("hq_server.store") / "sql" / room) as folder:
            queries = aiosql.from_path(folder, "sqlite3")
        for name in queries.available_queries:
            query = getattr(queries, name)
            if query.operation == SQLOperationType.INSERT_UPDATE_DELETE_MANY:
                statements[f"{room}.{name}"] = _numbered(query.sql, query.parameters)
            elif not name.endswith("_cursor"):
                statements[f"{room}.{name}"] = query.sql
    return statements


def _numbered(sql: str, parameters: list[str]) -> str:
    """Return the statement with `?1`, `?2` ... for its named parameters, as they are declared."""
    places = {name: number for number, name in enumerate(parameters, start=1)}
    return re.sub(r"(?<!:):(\w+)", lambda found: f"?{places[found[1]]}", sql)


STATEMENTS: Final[Mapping[str, str]] = _load()
