"""What the journal holds of each business day, counted once a record, and how far days have been closed.

Written by `closing`; `begin` by the installer. `day_changed` are the days with events that no `day_closed`
has told yet.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from edge_agent.store.database import Connection
from loyalty_core.control import DayFigures, Tally, figures
from loyalty_core.units import Day


class State(msgspec.Struct, frozen=True):
    """Up to which seq an epoch's journal is counted, and its first and last closed business days."""

    counted: int = 0
    first_day: int | None = None
    last_day: int | None = None


def state(conn: Connection, epoch: int) -> State:
    """Return how far an epoch is counted and closed."""
    row = conn.execute(
        "SELECT counted, first_day, last_day FROM closing WHERE epoch = ?", (epoch,)
    ).fetchone()
    return State() if row is None else State(*row)


def begin(conn: Connection, epoch: int, after: int) -> None:
    """Let a new epoch declare days from where the one before it stopped.

    The last day that was closed there is closed here too, so that no day is missing between the two.
    """
    before = state(conn, after)
    last_day = None if before.last_day is None else before.last_day - 1
    put_state(conn, epoch, State(0, before.first_day, last_day))


def put_state(conn: Connection, epoch: int, stands: State) -> None:
    """Note how far an epoch is counted and closed."""
    conn.execute(
        "INSERT OR REPLACE INTO closing (epoch, counted, first_day, last_day) VALUES (?, ?, ?, ?)",
        (epoch, stands.counted, stands.first_day, stands.last_day),
    )


def add(conn: Connection, epoch: int, tallies: dict[tuple[Day, int], Tally]) -> None:
    """Add newly counted events to their days, which have changed by that."""
    conn.executemany(
        "INSERT INTO day_count (epoch, business_day, code, events, net_minor, redeemable, qualifying,"
        " first_seq, last_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (epoch, business_day, code) DO UPDATE SET events = events + excluded.events,"
        " net_minor = net_minor + excluded.net_minor, redeemable = redeemable + excluded.redeemable,"
        " qualifying = qualifying + excluded.qualifying, last_seq = excluded.last_seq",
        [
            (
                epoch,
                day,
                code,
                tally.count,
                tally.net_minor,
                tally.redeemable,
                tally.qualifying,
                tally.first_seq,
                tally.last_seq,
            )
            for (day, code), tally in tallies.items()
        ],
    )
    conn.executemany(
        "INSERT OR IGNORE INTO day_changed (epoch, business_day) VALUES (?, ?)",
        {(epoch, day) for day, _ in tallies},
    )


def changed_between(conn: Connection, epoch: int, first: int, last: int, count: int) -> list[Day]:
    """Return up to `count` days from `first` to `last` that have changed since they were told, in order."""
    rows = conn.execute(
        "SELECT business_day FROM day_changed WHERE epoch = ? AND business_day BETWEEN ? AND ?"
        " ORDER BY business_day LIMIT ?",
        (epoch, first, last, count),
    )
    return [Day(day) for (day,) in rows]


def were_told(conn: Connection, epoch: int, days: Iterable[int]) -> None:
    """Note that these days have been told as they stand."""
    conn.executemany(
        "DELETE FROM day_changed WHERE epoch = ? AND business_day = ?", [(epoch, day) for day in days]
    )


def of_day(conn: Connection, epoch: int, day: int) -> DayFigures:
    """Return what has been counted of a day."""
    rows = conn.execute(
        "SELECT code, first_seq, last_seq, events, net_minor, redeemable, qualifying FROM day_count"
        " WHERE epoch = ? AND business_day = ?",
        (epoch, day),
    )
    return figures((code, Tally(*tally)) for code, *tally in rows)


def epochs(conn: Connection) -> list[int]:
    """Return every epoch of which something is counted."""
    rows = conn.execute("SELECT epoch FROM closing UNION SELECT epoch FROM day_count ORDER BY epoch")
    return [epoch for (epoch,) in rows]


def tallies(conn: Connection, epoch: int) -> dict[tuple[Day, int], Tally]:
    """Return (business day, event code) -> all that is counted of an epoch."""
    rows = conn.execute(
        "SELECT business_day, code, first_seq, last_seq, events, net_minor, redeemable, qualifying"
        " FROM day_count WHERE epoch = ?",
        (epoch,),
    )
    return {(Day(day), code): Tally(*tally) for day, code, *tally in rows}
