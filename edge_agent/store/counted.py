"""What a database holds, in numbers and codes, for who helps from afar; also where it is damaged. Reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from edge_agent.store.database import AnyError, Connection

CODE: Final = re.compile(r"[a-z_0-9]{1,64}")
"""What our own names and codes look like: anything else was written by somebody else, or is damaged."""


class Refusals(msgspec.Struct, frozen=True):
    """How many inputs of a code are in a state, how often they were refused, when last; bytes as they lie."""

    code: bytes
    state: bytes
    inputs: int
    times: int
    last_ms: int


def schema_version(conn: Connection) -> int:
    """Return the version of the schema, unchecked."""
    (found,) = conn.execute("PRAGMA user_version").fetchone()
    return int(found)


def tables(conn: Connection, unread: Callable[[str, Exception], None]) -> dict[str, int]:
    """Return how many rows each table of ours has; `unread` hears of those that cannot be read."""
    names = [
        name.decode("ascii", "replace")
        for (name,) in conn.execute("SELECT CAST(name AS BLOB) FROM sqlite_schema WHERE type = 'table'")
        if isinstance(name, bytes)
    ]
    counted: dict[str, int] = {}
    for name in sorted(one for one in names if CODE.fullmatch(one)):
        try:
            (counted[name],) = conn.execute(f'SELECT count(*) FROM "{name}"').fetchone()  # noqa: S608 - matches CODE
        except AnyError as error:
            unread(name, error)
    return counted


def refusals(conn: Connection, limit: int) -> list[Refusals]:
    """Return what was refused by code and state, the latest first."""
    rows = conn.execute(
        "SELECT CAST(code AS BLOB), CAST(state AS BLOB), count(*), sum(times), max(at_ms) FROM quarantine"
        " GROUP BY code, state ORDER BY max(at_ms) DESC LIMIT ?",
        (limit,),
    )
    return [Refusals(*row) for row in rows]
