"""The keys of HQ's that this till believes: the highest of each kind, and earlier ones for what they signed.

The server's earlier keys have signed coupons that people hold, those for programmes versions
that lie here. `terminal` repeats the present ones, which every job needs.
"""

from __future__ import annotations

from edge_agent.store.database import Connection
from loyalty_core.envelope import key_id
from loyalty_core.key_statements import Kind, claimed_statement
from loyalty_core.messages import Enrolled


def believed(conn: Connection, kind: Kind) -> dict[bytes, bytes]:
    """Return id -> public key of all keys of a kind that this till believes or has believed."""
    rows = conn.execute("SELECT public_key FROM hq_key WHERE kind = ?", (kind,))
    return {key_id(public_key): public_key for (public_key,) in rows}


def number(conn: Connection, kind: Kind) -> int:
    """Return the number of the key of a kind that this till believes now."""
    (found,) = conn.execute("SELECT coalesce(max(number), 0) FROM hq_key WHERE kind = ?", (kind,)).fetchone()
    return int(found)


def is_present(conn: Connection, kind: Kind, public_key: bytes) -> bool:
    """Tell whether a key is the highest of its kind here, as `terminal` says of those believed now."""
    found = conn.execute(
        "SELECT public_key FROM hq_key WHERE kind = ? ORDER BY number DESC LIMIT 1", (kind,)
    ).fetchone()
    return bool(found == (public_key,))


def put_back(conn: Connection, kind: Kind, public_key: bytes) -> None:
    """Let a key be the highest of its kind again: what stands there is damaged."""
    conn.execute(
        "INSERT OR REPLACE INTO hq_key (kind, number, public_key) VALUES (?, ?, ?)",
        (kind, max(1, number(conn, kind)), public_key),
    )


def put(conn: Connection, kind: Kind, number: int, public_key: bytes) -> None:
    """Keep a key under its number; one that is known stays as it is."""
    conn.execute(
        "INSERT OR IGNORE INTO hq_key (kind, number, public_key) VALUES (?, ?, ?)", (kind, number, public_key)
    )


def join(conn: Connection, enrolled: Enrolled) -> None:
    """Believe what a till is told that joins, by an answer that was verified.

    Keys of lower numbers are those that signed before. A house that says no numbers has its first key.
    """
    conn.execute("DELETE FROM hq_key")
    said = [claimed_statement(data) for data in enrolled.keys]
    present: tuple[tuple[Kind, bytes], ...] = (
        ("server", enrolled.hq_public_key),
        ("programme", enrolled.programme_public_key),
    )
    for kind, public_key in present:
        numbers = [one.number for one in said if (one.kind, one.public_key) == (kind, public_key)]
        number = max(numbers, default=1)
        put(conn, kind, number, public_key)
        for one in said:
            if one.kind == kind and one.number < number:
                put(conn, kind, one.number, one.public_key)
