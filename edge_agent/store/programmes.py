"""The programme versions that HQ published, as signed envelopes. Written by `sync.install`."""

from __future__ import annotations

from edge_agent.store.database import Connection


def envelopes(conn: Connection) -> list[tuple[int, bytes]]:
    """Return every version and its envelope, in order of version."""
    return list(conn.execute("SELECT version, envelope FROM programme ORDER BY version"))


def above(conn: Connection, version: int, count: int) -> list[bytes]:
    """Return the envelopes of up to `count` versions above one, in order of version."""
    rows = conn.execute(
        "SELECT envelope FROM programme WHERE version > ? ORDER BY version LIMIT ?", (version, count)
    )
    return [envelope for (envelope,) in rows]


def highest(conn: Connection) -> int:
    """Return the highest version known here, 0 for none."""
    (version,) = conn.execute("SELECT coalesce(max(version), 0) FROM programme").fetchone()
    return int(version)


def put(conn: Connection, version: int, envelope: bytes) -> bool:
    """Keep a version and tell whether it is new. A version that is known stays as it is."""
    done = conn.execute(
        "INSERT OR IGNORE INTO programme (version, envelope) VALUES (?, ?)", (version, envelope)
    )
    return done.rowcount == 1


def forget(conn: Connection, version: int) -> None:
    """Forget a version that is damaged: the same one, as HQ signed it, takes its place."""
    conn.execute("DELETE FROM programme WHERE version = ?", (version,))
