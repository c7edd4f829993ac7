"""How the link to HQ has been: spans of one state each, for the last days. Written by `sync.loop` only.

A span goes on until the next begins; where that one begins a run of the agent, it ended with what was last
noted, and the agent was off in between.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge_agent.store.database import Connection

KEPT_MS: Final = 8 * 86_400_000
SPANS_MAX: Final = 5000
NOTED_MS: Final = 60_000
"""The end of a span is written again so often at most."""
STARTED: Final = "started"
"""The code of a span that begins a run of the agent: nothing has been tried yet."""
OK: Final = "ok"


class Span(msgspec.Struct, frozen=True):
    """From when to when it is known to have lasted; `code` is `ok`, `started` or an error's."""

    from_ms: int
    to_ms: int
    code: str


def begin(conn: Connection, now_ms: int) -> None:
    """Note that the agent starts."""
    _put(conn, now_ms, STARTED)


def note(conn: Connection, now_ms: int, code: str) -> None:
    """Note how a try went. What goes on as it was is written once a minute."""
    last = conn.execute("SELECT rowid, to_ms, code FROM link_span ORDER BY rowid DESC LIMIT 1").fetchone()
    if last is None or last[2] != code:
        _put(conn, now_ms, code)
    elif abs(now_ms - last[1]) >= NOTED_MS:
        conn.execute("UPDATE link_span SET to_ms = ? WHERE rowid = ?", (now_ms, last[0]))


def since(conn: Connection, from_ms: int) -> list[Span]:
    """Return the spans that reach beyond an instant, as they were written, the first first.

    Raises:
        DatabaseError: they are damaged.
    """
    rows = conn.execute(
        "SELECT from_ms, to_ms, code FROM link_span WHERE rowid >="
        " coalesce((SELECT max(rowid) FROM link_span WHERE from_ms <= ?), 0) ORDER BY rowid",
        (from_ms,),
    )
    return [Span(*row) for row in rows]


def _put(conn: Connection, now_ms: int, code: str) -> None:
    conn.execute("INSERT INTO link_span (from_ms, to_ms, code) VALUES (?, ?, ?)", (now_ms, now_ms, code))
    conn.execute(
        "DELETE FROM link_span WHERE to_ms < ? OR rowid <= (SELECT max(rowid) FROM link_span) - ?",
        (now_ms - KEPT_MS, SPANS_MAX),
    )
