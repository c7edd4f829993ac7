"""What every job that records looks at first, read in one statement. Reads only."""

from __future__ import annotations

from typing import Final

import msgspec

from edge_agent.store import closings, journal
from edge_agent.store.closings import State
from edge_agent.store.database import Connection
from edge_agent.store.journal import Head
from edge_agent.store.terminal import COLUMNS, EPOCH_AT, WIDTH, Terminal, not_enrolled, of_row
from loyalty_core.journal import first_hash
from loyalty_core.units import Seq


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The till, its journal's head, the highest programme version (0 for none), and whether a card waits.

    `counted` is how far the days of the epoch are closed, `hq_time_ms` HQ's last word on the time.
    """

    terminal: Terminal
    head: Head
    programme: int
    cards_wait: bool
    counted: State
    hq_time_ms: int | None


_READ: Final = (
    "SELECT" + COLUMNS + ", j.seq, j.hash,"  # noqa: S608 - of our own words
    " (SELECT coalesce(max(version), 0) FROM programme), EXISTS (SELECT 1 FROM presented),"
    " c.counted, c.first_day, c.last_day, l.hq_time_ms"
    " FROM terminal AS t CROSS JOIN link AS l LEFT JOIN closing AS c ON c.epoch = t.epoch"
    " LEFT JOIN journal AS j ON j.epoch = t.epoch AND j.branch = 0"
    " AND j.seq = (SELECT max(seq) FROM journal WHERE epoch = t.epoch AND branch = 0)"
)


def read(conn: Connection) -> Opening:
    """Return the opening of this transaction.

    Raises:
        StoreError: `not_enrolled`.
    """
    row = conn.execute(_READ).fetchone()
    if row is None:
        raise not_enrolled()
    terminal = of_row(row[:WIDTH])
    seq, record_hash, programme, cards_wait, counted, first_day, last_day, hq_time_ms = row[WIDTH:]
    if terminal.epoch != row[EPOCH_AT]:
        return _of_another_epoch(conn, terminal, programme, bool(cards_wait), hq_time_ms)
    none = Head(Seq(0), first_hash(terminal.terminal_id, terminal.epoch)) if seq is None else None
    return Opening(
        terminal=terminal,
        head=none or Head(Seq(seq), record_hash),
        programme=programme,
        cards_wait=bool(cards_wait),
        counted=State() if counted is None else State(counted, first_day, last_day),
        hq_time_ms=hq_time_ms,
    )


def _of_another_epoch(
    conn: Connection, terminal: Terminal, programme: int, cards_wait: bool, hq_time_ms: int | None
) -> Opening:
    """Return the opening where the number of the epoch was damaged, which the statement went by."""
    return Opening(
        terminal=terminal,
        head=journal.head(conn, terminal),
        programme=programme,
        cards_wait=cards_wait,
        counted=closings.state(conn, terminal.epoch),
        hq_time_ms=hq_time_ms,
    )
