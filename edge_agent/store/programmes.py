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
        "INSERT INTO programme (version, envelope) VALUES (?, ?) ON CONFLICT (version) DO UPDATE"
        " SET envelope = excluded.envelope WHERE envelope = x''",
        (version, envelope),
    )
    return done.rowcount == 1


def known(conn: Connection) -> int:
    """Return up to which version none is known to be damaged, 0 for none: what HQ need not send."""
    (version,) = conn.execute(
        "SELECT coalesce((SELECT max(version) FROM programme WHERE version <"
        " coalesce((SELECT min(version) FROM programme WHERE envelope = x''), 9223372036854775807)), 0)"
    ).fetchone()
    return int(version)


def forget(conn: Connection, version: int) -> None:
    """Forget what is damaged, so that HQ sends this version again."""
    conn.execute("UPDATE programme SET envelope = x'' WHERE version = ?", (version,))
