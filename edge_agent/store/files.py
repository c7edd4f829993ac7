"""Which files of the watched folder were taken, in which state of theirs. Written by the folder only."""

from __future__ import annotations

import msgspec

from edge_agent.store.database import Connection


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file's rows; of those that were recorded, so many were `noticed`: odd in something."""

    recorded: int = 0
    repeated: int = 0
    refused: int = 0
    passed: int = 0
    noticed: int = 0


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was taken; it `stays` where nothing else has all that is in it."""

    path: str
    adapter: str
    size: int
    mtime_ns: int
    tally: Tally
    stays: bool
    taken_at_ms: int


class Last(msgspec.Struct, frozen=True, kw_only=True):
    """The file that an adapter read last."""

    adapter: str
    path: str
    tally: Tally
    taken_at_ms: int


def fingerprints(conn: Connection) -> dict[str, tuple[int, int]]:
    """Return path -> (size, mtime in ns) of every file taken."""
    rows = conn.execute("SELECT path, size, mtime_ns FROM file_taken")
    return {path: (size, mtime_ns) for path, size, mtime_ns in rows}


def staying(conn: Connection) -> set[str]:
    """Return the files that hold what nothing else does."""
    return {path for (path,) in conn.execute("SELECT path FROM file_taken WHERE stays")}


def put(conn: Connection, taken: Taken) -> None:
    """Note a file as taken."""
    figures = (*msgspec.structs.astuple(taken.tally), taken.taken_at_ms)
    conn.execute(
        "INSERT OR REPLACE INTO file_taken (path, size, mtime_ns, stays, recorded, repeated, refused, passed,"
        " noticed, taken_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (taken.path, taken.size, taken.mtime_ns, taken.stays, *figures),
    )
    conn.execute(
        "INSERT OR REPLACE INTO file_last (adapter, path, recorded, repeated, refused, passed, noticed,"
        " taken_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (taken.adapter, taken.path, *figures),
    )


def last(conn: Connection) -> list[Last]:
    """Return the file that each adapter read last, the latest first."""
    rows = conn.execute(
        "SELECT adapter, path, recorded, repeated, refused, passed, noticed, taken_at_ms FROM file_last"
        " ORDER BY taken_at_ms DESC, adapter"
    )
    return [
        Last(
            adapter=adapter,
            path=path,
            tally=Tally(
                recorded=recorded, repeated=repeated, refused=refused, passed=passed, noticed=noticed
            ),
            taken_at_ms=taken_at_ms,
        )
        for adapter, path, recorded, repeated, refused, passed, noticed, taken_at_ms in rows
    ]


def forget_refused(conn: Connection) -> None:
    """Have files looked at again of which something is still set aside: settings may have changed."""
    conn.execute("DELETE FROM file_taken WHERE path IN (SELECT source FROM quarantine WHERE state = 'open')")


def forget(conn: Connection, path: str) -> None:
    """Forget a file that lies there no more."""
    conn.execute("DELETE FROM file_taken WHERE path = ?", (path,))
