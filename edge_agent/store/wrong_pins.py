"""How many wrong PINs were tried in a row, by whom, and when the last of them on the monotonic clock.

Who it is lies here as a hash. After a boot a wait begins again, so neither a boot nor the wall clock cuts it
short.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from edge_agent.clock import Clock
from edge_agent.store.database import Connection
from edge_agent.store.time_mark import passed_ms

ALL: Final = "all"
"""Every technician together."""
COUNTER: Final = "counter"
FREE: Final = {ALL: 10}
"""How many may be wrong before a wait begins; whom a person's own wait does not hold up is not held up by a
few wrong ones of others."""
WAIT_FIRST_MS: Final = 1000
WAIT_MAX_MS: Final = 15 * 60_000


def person(name: str) -> str:
    """Return who a technician is here."""
    return f"person:{name}"


def wait_ms(conn: Connection, clock: Clock, who: Iterable[str]) -> int:
    """Return for how long none of these may try, 0 if they may now."""
    return max((_wait_ms(conn, clock, one) for one in who), default=0)


def add(conn: Connection, clock: Clock, who: Iterable[str]) -> None:
    """Count one more wrong PIN. Durable with the caller's transaction."""
    conn.executemany(
        "INSERT INTO wrong_pin (who, wrong, monotonic_ms, boot_id) VALUES (?, 1, ?, ?)"
        " ON CONFLICT (who) DO UPDATE SET wrong = wrong + 1, monotonic_ms = excluded.monotonic_ms,"
        " boot_id = excluded.boot_id",
        [(_key(one), clock.monotonic_ms(), clock.boot_id().encode()) for one in who],
    )


def take_back(conn: Connection, who: Iterable[str]) -> None:
    """Count one less: nothing could tell whether it was wrong. Durable with the caller's transaction."""
    conn.executemany(
        "UPDATE wrong_pin SET wrong = wrong - 1 WHERE who = ? AND wrong > 0", [(_key(one),) for one in who]
    )


def forget(conn: Connection, who: Iterable[str]) -> None:
    """Begin to count anew: the PIN was right."""
    conn.executemany("DELETE FROM wrong_pin WHERE who = ?", [(_key(one),) for one in who])


def booted(conn: Connection, clock: Clock) -> None:
    """Let every wait begin again that began in another boot."""
    now_ms, boot_id = clock.monotonic_ms(), clock.boot_id().encode()
    conn.execute(
        "UPDATE wrong_pin SET monotonic_ms = ?, boot_id = ? WHERE boot_id <> ? OR monotonic_ms > ?",
        (now_ms, boot_id, boot_id, now_ms),
    )


def _wait_ms(conn: Connection, clock: Clock, who: str) -> int:
    row = conn.execute(
        "SELECT wrong, monotonic_ms, boot_id FROM wrong_pin WHERE who = ?", (_key(who),)
    ).fetchone()
    if row is None:
        return 0
    wrong = row[0] - FREE.get(who, 0)
    whole_ms = min(WAIT_FIRST_MS << min(wrong - 1, 20), WAIT_MAX_MS) if wrong > 0 else 0
    return max(0, whole_ms - passed_ms(clock, row[1], row[2]))


def _key(who: str) -> bytes:
    return hashlib.sha256(who.encode()).digest()[:16]
