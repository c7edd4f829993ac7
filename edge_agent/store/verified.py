"""When this till was last verified while it ran, by whom, and what came of it. `verifying` writes it."""

from __future__ import annotations

import msgspec

from edge_agent.store.database import Connection


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """One verification: `outcome` is "ok", "cancelled" or the code of the first fault, `seq` where it is."""

    at_ms: int
    by: str
    outcome: str
    sentence: str = ""
    records: int = 0
    epoch: int | None = None
    seq: int | None = None


def put(conn: Connection, one: Verified) -> None:
    """Keep the latest in place of the one before. Durable with the caller's transaction."""
    conn.execute(
        "INSERT OR REPLACE INTO verified (one, at_ms, who, outcome, sentence, records, epoch, seq)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
        (one.at_ms, one.by, one.outcome, one.sentence, one.records, one.epoch, one.seq),
    )


def last(conn: Connection) -> Verified | None:
    """Return the latest, None where there was none."""
    row = conn.execute("SELECT at_ms, who, outcome, sentence, records, epoch, seq FROM verified").fetchone()
    if row is None:
        return None
    at_ms, by, outcome, sentence, records, epoch, seq = row
    return Verified(
        at_ms=at_ms, by=by, outcome=outcome, sentence=sentence, records=records, epoch=epoch, seq=seq
    )
