"""Redemptions of the cashier's page that can still be undone: each is committed when its time is over.

Written by `counter.undoing` only.
"""

from __future__ import annotations

import msgspec

from edge_agent.store.database import Connection


class Undoable(msgspec.Struct, frozen=True):
    """A redemption that waits to be committed, by the clocks of this boot; in another, it waits no more."""

    redemption_id: str
    boot_id: str
    until_monotonic_ms: int
    until_ms: int


def put(conn: Connection, one: Undoable) -> None:
    """Let a redemption wait; one that waits already waits on as it did."""
    conn.execute(
        "INSERT OR IGNORE INTO undoable (redemption_id, boot_id, until_monotonic_ms, until_ms)"
        " VALUES (?, ?, ?, ?)",
        msgspec.structs.astuple(one),
    )


def all_of(conn: Connection) -> list[Undoable]:
    """Return what waits, the latest first."""
    rows = conn.execute(
        "SELECT redemption_id, boot_id, until_monotonic_ms, until_ms FROM undoable"
        " ORDER BY until_ms DESC, redemption_id"
    )
    return [Undoable(*row) for row in rows]


def drop(conn: Connection, redemption_id: str) -> None:
    """Let a redemption wait no more; harmless where it does not."""
    conn.execute("DELETE FROM undoable WHERE redemption_id = ?", (redemption_id,))
