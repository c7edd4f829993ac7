"""What time it is for a pass: at least what was believed before, however the wall clock is set.

The latest time that was believed goes on by the machine's monotonic clock while it is up. HQ's signed word
sets it anew, so one that was wrong heals: whatever was noted before HQ was asked cannot have been later.
"""

from __future__ import annotations

from typing import Final

from edge_agent.believing import is_believed
from edge_agent.books import Books
from edge_agent.clock import Clock
from edge_agent.store import exported, time_mark
from edge_agent.store.database import Connection
from edge_agent.store.time_mark import Mark
from loyalty_core import messages
from loyalty_core.units import EpochMs

NOTED_EVERY_MS: Final = 10 * 60_000
"""What a boot with a clock that was set back can win."""


def pass_time(conn: Connection, clock: Clock) -> EpochMs:
    """Return the time by which a pass is judged."""
    return EpochMs(max(clock.wall_ms(), time_mark.read(conn).now_ms(clock)))


def is_due(conn: Connection, books: Books, clock: Clock) -> bool:
    """Tell whether the time is to be noted: it has moved, or the machine was booted since."""
    mark = time_mark.read(conn)
    return not mark.is_of_boot(clock) or _believed_ms(mark, books, clock) - mark.at_ms >= NOTED_EVERY_MS


def note(conn: Connection, books: Books, clock: Clock) -> None:
    """Note what time it is at least. Durable with the caller's transaction."""
    at_ms = _believed_ms(time_mark.read(conn), books, clock)
    time_mark.put(conn, Mark(at_ms, clock.monotonic_ms(), clock.boot_id().encode()))
    exported.note(conn, at_ms)


def take(conn: Connection, hq_time_ms: int, nonce: bytes, read: messages.Clock | None) -> None:
    """Take HQ's time, said in answer to the request of this nonce; `read` are the clocks when it came.

    An answer by stick may have been under way for long: what was noted since it was asked for stands.
    """
    at_ms = max(hq_time_ms, exported.noted_ms(conn, nonce))
    if read is None:
        time_mark.put(conn, Mark(at_ms))
    else:
        time_mark.put(conn, Mark(at_ms, read.monotonic_ms, read.boot_id.encode()))


def _believed_ms(mark: Mark, books: Books, clock: Clock) -> int:
    known_ms, wall_ms = mark.now_ms(clock), clock.wall_ms()
    if is_believed(wall_ms, books.known_day, books.hq_time_ms, books.terminal.place):
        return max(known_ms, wall_ms)
    return known_ms
