"""Which natural key became which event: what makes a re-export, a reprint or a retry one event.

Written by the recorder only. `account` is whose points the event moves, None while anonymous.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edge_agent.store.database import Connection
from loyalty_core.events import EventId


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a natural key stands."""

    content: bytes
    account: str | None
    event: EventId
    raw_sha256: bytes


def find(conn: Connection, natural_key: str, terminal_id: str) -> Source | None:
    """Return what was recorded under a natural key, or None."""
    row = conn.execute(
        "SELECT content, account, epoch, branch, seq, raw_sha256 FROM source WHERE natural_key = ?",
        (natural_key,),
    ).fetchone()
    if row is None:
        return None
    return Source(
        content=row[0],
        account=row[1],
        event=EventId(terminal_id, row[2], row[3], row[4]),
        raw_sha256=row[5],
    )


def among(conn: Connection, natural_keys: Sequence[str], terminal_id: str) -> dict[str, Source]:
    """Return what was recorded under those of these natural keys that have come."""
    rows = conn.execute(
        "SELECT s.natural_key, s.content, s.account, s.epoch, s.branch, s.seq, s.raw_sha256"
        " FROM json_each(?) CROSS JOIN source AS s ON s.natural_key = value",
        (msgspec.json.encode(natural_keys).decode(),),
    )
    return {
        natural_key: Source(
            content=content, account=account, event=EventId(terminal_id, *place), raw_sha256=raw_sha256
        )
        for natural_key, content, account, *place, raw_sha256 in rows
    }


def put(conn: Connection, natural_key: str, source: Source) -> None:
    """Note what a natural key became; a copy that names the owner of an anonymous receipt takes its place."""
    conn.execute(
        "INSERT OR REPLACE INTO source (natural_key, content, account, epoch, branch, seq, raw_sha256)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            natural_key,
            source.content,
            source.account,
            source.event.epoch,
            source.event.branch,
            source.event.seq,
            source.raw_sha256,
        ),
    )


def of_account(conn: Connection, account: str, terminal_id: str) -> list[tuple[str, EventId]]:
    """Return the natural keys of an account's events, each with its event."""
    rows = conn.execute("SELECT natural_key, epoch, branch, seq FROM source WHERE account = ?", (account,))
    return [(natural_key, EventId(terminal_id, *place)) for natural_key, *place in rows.fetchall()]


def named_after(conn: Connection, epoch: int, seq: int) -> list[int]:
    """Return the seqs above one that natural keys name, in order. Reads the whole table: for a repair."""
    rows = conn.execute(
        "SELECT DISTINCT seq FROM source WHERE epoch = ? AND branch = 0 AND seq > ? ORDER BY seq",
        (epoch, seq),
    )
    return [found for (found,) in rows]


def give(conn: Connection, natural_key: str, account: str | None) -> None:
    """Note whose an anonymous purchase has become."""
    conn.execute("UPDATE source SET account = ? WHERE natural_key = ?", (account, natural_key))
