"""The technicians who may log in here, and the passes that were revoked, as HQ last said it.

One row, with a digest: a list that is not what was written is none, and HQ sends it again.
"""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec.structs import replace

from edge_agent.store.database import Connection
from loyalty_core.messages import Technicians
from loyalty_core.wire import pack, unpack

NONE: Final = Technicians(0, (), ())
"""HQ has said nothing yet."""


def read(conn: Connection) -> Technicians:
    """Return the list, `NONE` where HQ has sent none or it is damaged."""
    row = _row(conn)
    return NONE if row is None or _is_damaged(row) else replace(unpack(row[1], Technicians), version=row[0])


def as_of_ms(conn: Connection) -> int | None:
    """Return HQ's time when it last said that the list is this one, None where it never has."""
    row = conn.execute("SELECT as_of_ms FROM technicians").fetchone()
    return None if row is None else int(row[0])


def put(conn: Connection, said: Technicians, as_of_ms: int) -> None:
    """Take over HQ's list. Durable with the caller's transaction."""
    packed = pack(said)
    conn.execute(
        "INSERT OR REPLACE INTO technicians (one, version, packed, digest, as_of_ms) VALUES (1, ?, ?, ?, ?)",
        (said.version, packed, _digest(said.version, packed), as_of_ms),
    )


def confirm(conn: Connection, as_of_ms: int) -> None:
    """Note that HQ has no other list."""
    conn.execute("UPDATE technicians SET as_of_ms = max(as_of_ms, ?)", (as_of_ms,))


def begin_anew(conn: Connection) -> None:
    """Have HQ, which is another than before, send its list; the one here stands until then."""
    said = read(conn)
    if said.version:
        put(conn, replace(said, version=0), as_of_ms(conn) or 0)


def is_damaged(conn: Connection) -> bool:
    """Tell whether the list is not what was written."""
    row = _row(conn)
    return row is not None and _is_damaged(row)


def forget_damaged(conn: Connection) -> None:
    """Forget a list that is damaged."""
    if is_damaged(conn):
        conn.execute("DELETE FROM technicians")


_Row = tuple[int, bytes, bytes]


def _row(conn: Connection) -> _Row | None:
    row: _Row | None = conn.execute("SELECT version, packed, digest FROM technicians").fetchone()
    return row


def _is_damaged(row: _Row) -> bool:
    version, packed, digest = row
    return _digest(version, packed) != digest


def _digest(version: int, packed: bytes) -> bytes:
    return hashlib.sha256(repr((version, packed)).encode()).digest()[:16]
