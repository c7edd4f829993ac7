"""Every SQL statement by name: `arrivals.keep_batch` is the statement `keep_batch` of a file in sql/arrivals.

aiosql reads the files; what runs them is `Transaction`. The three folders are the two sides and the house.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import as_file, files
from typing import Final

import aiosql

_ROOMS: Final = ("house", "arrivals", "accounts")


def _load() -> dict[str, str]:
    statements = {}
    for room in _ROOMS:
        with as_file(files("hq_server.store") / "sql" / room) as folder:
            queries = aiosql.from_path(folder, "sqlite3")
        for name in queries.available_queries:
            if not name.endswith("_cursor"):
                statements[f"{room}.{name}"] = str(getattr(queries, name).sql)
    return statements


STATEMENTS: Final[Mapping[str, str]] = _load()
