"""Cards that were shown and still wait for the till's next receipt. Written by the recorder only."""

from __future__ import annotations

from typing import NamedTuple

from edge_agent.store.database import Connection
from loyalty_core.events import EventId


class Presented(NamedTuple):
    """A member who showed a card: the look-up form to record, whose points it is about, and when, at last."""

    member: str
    account: str
    occurred_at_ms: int


def add(conn: Connection, event: EventId, member: str, account: str, occurred_at_ms: int) -> None:
    """Let a shown card wait."""
    conn.execute(
        "INSERT INTO presented (epoch, branch, seq, member, account, occurred_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (event.epoch, event.branch, event.seq, member, account, occurred_at_ms),
    )


def take(conn: Connection, until_ms: int) -> list[Presented]:
    """Return the different members who showed a card until then, the first first; none of them waits on."""
    rows = conn.execute(
        "SELECT min(member), account, max(occurred_at_ms) FROM presented WHERE occurred_at_ms <= ?"
        " GROUP BY account ORDER BY min((epoch << 40) + seq)",
        (until_ms,),
    )
    found = [Presented(*row) for row in rows]
    conn.execute("DELETE FROM presented WHERE occurred_at_ms <= ?", (until_ms,))
    return found
