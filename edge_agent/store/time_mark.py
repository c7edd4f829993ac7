"""The latest time that was believed, and when that was on the machine's monotonic clock. One row.

One that is not what was written is none.
"""

from __future__ import annotations

import hashlib

import msgspec

from edge_agent.clock import Clock
from edge_agent.store.database import Connection


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """It was `at_ms` at `monotonic_ms` of a boot; `monotonic_ms` is -1 where that is not known."""

    at_ms: int
    monotonic_ms: int = -1
    boot_id: bytes = b""

    def now_ms(self, clock: Clock) -> int:
        """Return what time it is at least."""
        return self.at_ms + passed_ms(clock, self.monotonic_ms, self.boot_id)

    def is_of_boot(self, clock: Clock) -> bool:
        """Tell whether it goes on by the monotonic clock."""
        return is_of_boot(clock, self.monotonic_ms, self.boot_id)


def is_of_boot(clock: Clock, monotonic_ms: int, boot_id: bytes) -> bool:
    """Tell whether a monotonic time is one of this boot."""
    return boot_id == clock.boot_id().encode() and 0 <= monotonic_ms <= clock.monotonic_ms()


def passed_ms(clock: Clock, monotonic_ms: int, boot_id: bytes) -> int:
    """Return how long it is since a monotonic time, 0 where that was in another boot."""
    return clock.monotonic_ms() - monotonic_ms if is_of_boot(clock, monotonic_ms, boot_id) else 0


def read(conn: Connection) -> Mark:
    """Return the mark: the beginning of all time where there is none, or it is damaged."""
    mark, digest = _row(conn)
    return mark if _digest(mark) == digest else Mark(0)


def is_damaged(conn: Connection) -> bool:
    """Tell whether the mark is not what was written."""
    mark, digest = _row(conn)
    return bool(digest) and _digest(mark) != digest


def forget_damaged(conn: Connection) -> None:
    """Forget a mark that is damaged; the agent sets another as soon as it runs."""
    if is_damaged(conn):
        conn.execute("DELETE FROM time_mark")


def put(conn: Connection, mark: Mark) -> None:
    """Set the mark, wherever it was."""
    conn.execute(
        "INSERT OR REPLACE INTO time_mark (one, at_ms, monotonic_ms, boot_id, digest) VALUES (1, ?, ?, ?, ?)",
        (mark.at_ms, mark.monotonic_ms, mark.boot_id, _digest(mark)),
    )


def _row(conn: Connection) -> tuple[Mark, bytes]:
    row = conn.execute("SELECT at_ms, monotonic_ms, boot_id, digest FROM time_mark").fetchone()
    return (Mark(0), b"") if row is None else (Mark(*row[:3]), row[3])


def _digest(mark: Mark) -> bytes:
    return hashlib.sha256(repr(mark).encode()).digest()[:16]
