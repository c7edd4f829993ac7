"""Which requests went out on a stick, so that their replies are known again, and what became of files that
came on one. Written by `sync.usb`.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from edge_agent.store.database import Connection

KEPT: Final = 1000
"""The newest requests whose replies are still taken."""


def put(conn: Connection, nonce: bytes, at_ms: int) -> None:
    """Keep the nonce of a request, and of all no more than the newest `KEPT`."""
    conn.execute("INSERT INTO exported (nonce, at_ms) VALUES (?, ?)", (nonce, at_ms))
    conn.execute("DELETE FROM exported WHERE request <= (SELECT max(request) FROM exported) - ?", (KEPT,))


def number(conn: Connection, nonce: bytes) -> int | None:
    """Return the number of the request of this nonce, which later ones exceed; None where none went out."""
    row = conn.execute("SELECT request FROM exported WHERE nonce = ?", (nonce,)).fetchone()
    return None if row is None else int(row[0])


def answer(conn: Connection, request: int, hq_time_ms: int) -> bool:
    """Note when HQ answered a request; tell whether it has not answered a later one, or later, before."""
    later = conn.execute(
        "SELECT 1 FROM exported WHERE (answered_ms, request) > (?, ?)", (hq_time_ms, request)
    ).fetchone()
    conn.execute(
        "UPDATE exported SET answered_ms = max(coalesce(answered_ms, 0), ?) WHERE request = ?",
        (hq_time_ms, request),
    )
    return later is None


def note(conn: Connection, at_ms: int) -> None:
    """Note that it was this time after these requests went out."""
    conn.execute("UPDATE exported SET noted_ms = ? WHERE noted_ms < ?", (at_ms, at_ms))


def noted_ms(conn: Connection, nonce: bytes) -> int:
    """Return the latest time noted since the request of this nonce went out, 0 for none."""
    row = conn.execute("SELECT noted_ms FROM exported WHERE nonce = ?", (nonce,)).fetchone()
    return 0 if row is None else int(row[0])


def last_answer_ms(conn: Connection) -> int | None:
    """Return HQ's time of the latest answer that came on a stick, None where none has."""
    (answered_ms,) = conn.execute("SELECT max(answered_ms) FROM exported").fetchone()
    return None if answered_ms is None else int(answered_ms)


def count(conn: Connection, outcomes: Counter[str]) -> None:
    """Add to how many files came to which end."""
    conn.executemany(
        "INSERT INTO imported (outcome, files) VALUES (?, ?)"
        " ON CONFLICT (outcome) DO UPDATE SET files = files + excluded.files",
        sorted(outcomes.items()),
    )


def counted(conn: Connection) -> list[tuple[str, int]]:
    """Return how many files came to which end."""
    return list(conn.execute("SELECT outcome, files FROM imported ORDER BY outcome"))
