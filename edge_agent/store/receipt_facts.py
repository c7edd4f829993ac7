"""Which events concern a purchase besides the purchase itself: voids, returns, claims, what it was paid with.

Written by the recorder only; a fact may come before its purchase.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from edge_agent.store.database import Connection
from edge_agent.store.journal import readable
from loyalty_core.events import EventId, Fact


def add(conn: Connection, natural_key: str, event: EventId) -> None:
    """File an event under the purchase's natural key. Durable with the caller's transaction."""
    conn.execute(
        "INSERT INTO receipt_fact (natural_key, epoch, branch, seq) VALUES (?, ?, ?, ?)",
        (natural_key, event.epoch, event.branch, event.seq),
    )


def has(conn: Connection, natural_key: str, event: EventId) -> bool:
    """Tell whether an event is filed under a purchase's natural key."""
    row = conn.execute(
        "SELECT 1 FROM receipt_fact WHERE natural_key = ? AND epoch = ? AND branch = ? AND seq = ?",
        (natural_key, event.epoch, event.branch, event.seq),
    ).fetchone()
    return row is not None


def of(
    conn: Connection,
    natural_keys: Iterable[str],
    terminal_id: str,
    known: Mapping[EventId, Fact] = MappingProxyType({}),
) -> dict[str, dict[EventId, Fact]]:
    """Return, for each of these purchases, its own event where it has come, and all that concern it.

    `known` are facts that need not be read again.
    """
    keys = msgspec.json.encode(list(natural_keys)).decode()
    rows = conn.execute(
        "SELECT f.natural_key, f.epoch, f.branch, f.seq, j.record FROM json_each(?) AS wanted"
        " CROSS JOIN receipt_fact AS f ON f.natural_key = wanted.value"
        " JOIN journal AS j ON j.epoch = f.epoch AND j.branch = f.branch AND j.seq = f.seq"
        " UNION ALL "
        "SELECT s.natural_key, s.epoch, s.branch, s.seq, j.record FROM json_each(?) AS wanted"
        " CROSS JOIN source AS s ON s.natural_key = wanted.value"
        " JOIN journal AS j ON j.epoch = s.epoch AND j.branch = s.branch AND j.seq = s.seq",
        (keys, keys),
    )
    found: dict[str, dict[EventId, Fact]] = {}
    for key, epoch, branch, seq, record in rows:
        event = EventId(terminal_id, epoch, branch, seq)
        fact = known.get(event)
        if fact is None:
            says = readable(record)
            if says is None:
                continue
            fact = Fact(event, says.event, says.claim)
        found.setdefault(key, {})[event] = fact
    return found
