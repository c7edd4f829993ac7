"""What HQ has acknowledged, and how the link has been. Written by `sync` only."""

from __future__ import annotations

import msgspec

from edge_agent.store import journal
from edge_agent.store.database import Connection
from loyalty_core.messages import Acknowledgement


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """How talking to HQ went. `since_ms` is when the present state, up or down, began.

    `refused_code` is how HQ refused this till altogether, until it takes something from it again.
    """

    tried_at_ms: int | None = None
    answered_at_ms: int | None = None
    hq_time_ms: int | None = None
    since_ms: int | None = None
    error_code: str | None = None
    error: str | None = None
    next_try_ms: int | None = None
    refused_code: str | None = None


def acknowledged(conn: Connection, epoch: int) -> int:
    """Return up to which seq of an epoch HQ holds the journal."""
    row = conn.execute("SELECT seq FROM acknowledged WHERE epoch = ? AND branch = 0", (epoch,)).fetchone()
    return 0 if row is None else int(row[0])


def acknowledge(conn: Connection, said: Acknowledgement) -> bool:
    """Keep an acknowledgement and tell whether it is news; within one life of HQ heads only rise."""
    done = conn.execute(
        "INSERT INTO acknowledged (epoch, branch, seq, hash) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (epoch, branch) DO UPDATE SET seq = excluded.seq, hash = excluded.hash"
        " WHERE excluded.seq > acknowledged.seq",
        (said.epoch, said.branch, said.seq, said.hash),
    )
    return done.rowcount == 1


def waiting(conn: Connection) -> tuple[int, int | None, int | None]:
    """Return how many records wait to be sent, and the (epoch, seq) of the oldest of them."""
    number, oldest = 0, None
    for epoch, branch in journal.epochs(conn):
        done = acknowledged(conn, epoch)
        more = journal.last_seq(conn, epoch) - done if branch == 0 else 0
        if more > 0:
            number += more
            oldest = oldest or (epoch, done + 1)
    return number, *(oldest or (None, None))


def link(conn: Connection) -> Link:
    """Return how the link has been."""
    row = conn.execute(
        "SELECT tried_at_ms, answered_at_ms, hq_time_ms, since_ms, error_code, error, next_try_ms,"
        " refused_code FROM link"
    ).fetchone()
    return Link(
        tried_at_ms=row[0],
        answered_at_ms=row[1],
        hq_time_ms=row[2],
        since_ms=row[3],
        error_code=row[4],
        error=row[5],
        next_try_ms=row[6],
        refused_code=row[7],
    )


def set_link(conn: Connection, state: Link) -> None:
    """Note how the last try went."""
    conn.execute(
        "UPDATE link SET tried_at_ms = ?, answered_at_ms = ?, hq_time_ms = ?, since_ms = ?, error_code = ?,"
        " error = ?, next_try_ms = ?, refused_code = ?",
        (
            state.tried_at_ms,
            state.answered_at_ms,
            state.hq_time_ms,
            state.since_ms,
            state.error_code,
            state.error,
            state.next_try_ms,
            state.refused_code,
        ),
    )


def forget(conn: Connection) -> None:
    """Forget what an earlier life of HQ's database acknowledged: it says anew what it holds."""
    conn.execute("DELETE FROM acknowledged")
