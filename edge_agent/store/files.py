"""Which files of the watched folder were taken, in which state of theirs. Written by the folder only."""

from __future__ import annotations

import msgspec

from edge_agent.store.database import Connection


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was taken, and what became of its receipts; it `stays` where nothing else has it all."""

    path: str
    size: int
    mtime_ns: int
    recorded: int
    repeated: int
    refused: int
    passed: int
    noticed: int
    stays: bool
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
    conn.execute(
        "INSERT OR REPLACE INTO file_taken (path, size, mtime_ns, recorded, repeated, refused, passed,"
        " noticed, stays, taken_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            taken.path,
            taken.size,
            taken.mtime_ns,
            taken.recorded,
            taken.repeated,
            taken.refused,
            taken.passed,
            taken.noticed,
            taken.stays,
            taken.taken_at_ms,
        ),
    )


def forget_refused(conn: Connection) -> None:
    """Have files looked at again of which something is still set aside: settings may have changed."""
    conn.execute("DELETE FROM file_taken WHERE path IN (SELECT source FROM quarantine WHERE state = 'open')")


def forget(conn: Connection, path: str) -> None:
    """Forget a file that lies there no more."""
    conn.execute("DELETE FROM file_taken WHERE path = ?", (path,))
