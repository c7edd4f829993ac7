"""The till's own movements of points: what its events gave, and what they changed of earlier ones.

A row says: event (epoch, branch, seq) moved the points of event `of`; an event's own award is the row where
both are the same, and exists even when it is zero. What the rules over a period moved is of event 0. Written
by the recorder; `attach`, `merge`, `give` and `drop` by the installer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from edge_agent.store.database import Connection
from loyalty_core.events import EventId
from loyalty_core.messages import Stamp
from loyalty_core.units import Day


class Award(NamedTuple):
    """Points that stand for one event of a member-day."""

    event: EventId
    redeemable: int
    qualifying: int

    def plus(self, other: Award | None) -> Award:
        """Return both together."""
        if other is None:
            return self
        return Award(self.event, self.redeemable + other.redeemable, self.qualifying + other.qualifying)


def add(conn: Connection, account: str, cause: EventId, earned_day: int, award: Award) -> None:
    """Append one movement. Durable with the caller's transaction."""
    of = award.event
    conn.execute(
        "INSERT INTO entry (account, epoch, branch, seq, of_epoch, of_branch, of_seq, earned_day, redeemable,"
        " qualifying) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            account,
            cause.epoch,
            cause.branch,
            cause.seq,
            of.epoch,
            of.branch,
            of.seq,
            earned_day,
            award.redeemable,
            award.qualifying,
        ),
    )


class Movement(NamedTuple):
    """One row: the points of event `of` that `cause` moved, and that event's record.

    What the rules of a period move is of no event: there is no record.
    """

    earned_day: Day
    cause: EventId
    of: Award
    record: bytes | None


def of_days(conn: Connection, account: str, day: int, above: Stamp, terminal_id: str) -> list[Movement]:
    """Return the movements of a day, and of every other on which events above a stamp moved something.

    They come in the order of their causes.
    """
    rows = conn.execute(
        "SELECT e.earned_day, e.epoch, e.branch, e.seq, e.of_epoch, e.of_branch, e.of_seq, e.redeemable,"
        " e.qualifying, j.record FROM entry AS e INDEXED BY entry_by_day LEFT JOIN journal AS j"
        " ON j.epoch = e.of_epoch AND j.branch = e.of_branch AND j.seq = e.of_seq"
        " WHERE e.account = ? AND e.earned_day IN (SELECT ?"
        " UNION SELECT earned_day FROM entry WHERE account = ? AND (epoch, branch, seq) > (?, ?, ?))"
        " ORDER BY e.epoch, e.branch, e.seq, e.of_epoch, e.of_branch, e.of_seq",
        (account, day, account, above.epoch, above.branch, above.seq),
    )
    return [_movement(row, terminal_id) for row in rows]


def any_known(conn: Connection, account: str, day: int, natural_key: str) -> tuple[bool, bool]:
    """Tell whether anything is booked of a member-day, and known under the natural key of a receipt."""
    of_day, of_receipt = conn.execute(
        "SELECT EXISTS (SELECT 1 FROM entry WHERE account = ? AND earned_day = ?),"
        " EXISTS (SELECT 1 FROM receipt_fact WHERE natural_key = ?)"
        " OR EXISTS (SELECT 1 FROM source WHERE natural_key = ?)",
        (account, day, natural_key, natural_key),
    ).fetchone()
    return bool(of_day), bool(of_receipt)


def text_of_day(conn: Connection, account: str, day: int) -> str:
    """Return all movements of a member-day as one text, the same for the same and for no others."""
    (text,) = conn.execute(
        "SELECT json_group_array(json_array(epoch, branch, seq, of_epoch, of_branch, of_seq, redeemable,"
        " qualifying)) FROM entry INDEXED BY entry_by_day WHERE account = ? AND earned_day = ?",
        (account, day),
    ).fetchone()
    return str(text)


def text_with(text: str, award: Award) -> str:
    """Return the text of a member-day after a newer event's own award."""
    place = (award.event.epoch, award.event.branch, award.event.seq)
    own = msgspec.json.encode((*place, *place, award.redeemable, award.qualifying)).decode()
    return f"{text[:-1]},{own}]"


def _movement(row: tuple[Any, ...], terminal_id: str) -> Movement:
    day, epoch, branch, seq, of_epoch, of_branch, of_seq, redeemable, qualifying, record = row
    of = Award(EventId(terminal_id, of_epoch, of_branch, of_seq), redeemable, qualifying)
    return Movement(day, EventId(terminal_id, epoch, branch, seq), of, record)


def day_of_event(conn: Connection, account: str, event: EventId) -> int | None:
    """Return the member-day in which an event of this account has moved points, or None."""
    row = conn.execute(
        "SELECT earned_day FROM entry WHERE account = ? AND epoch = ? AND branch = ? AND seq = ?",
        (account, event.epoch, event.branch, event.seq),
    ).fetchone()
    return None if row is None else int(row[0])


class DaySum(NamedTuple):
    """What was moved on one business day; `takes` if a redemption may be among it."""

    day: Day
    redeemable: int
    qualifying: int
    takes: bool


def above(conn: Connection, account: str, stamp: Stamp) -> list[DaySum]:
    """Return what events that HQ has not yet posted moved for this account, by business day."""
    rows = conn.execute(
        "SELECT earned_day, sum(redeemable), sum(qualifying), max(redeemable < 0 AND qualifying = 0"
        " AND (of_epoch, of_branch, of_seq) = (epoch, branch, seq)) FROM entry"
        " WHERE account = ? AND (epoch, branch, seq) > (?, ?, ?) GROUP BY earned_day",
        (account, stamp.epoch, stamp.branch, stamp.seq),
    )
    return [DaySum(day, redeemable, qualifying, bool(takes)) for day, redeemable, qualifying, takes in rows]


def takes_above(conn: Connection, account: str, stamp: Stamp) -> list[tuple[Day, int, bytes]]:
    """Return (business day, points, record) of each such event that took points and may be a redemption."""
    rows = conn.execute(
        "SELECT e.earned_day, -e.redeemable, j.record FROM entry AS e"
        " JOIN journal AS j ON j.epoch = e.epoch AND j.branch = e.branch AND j.seq = e.seq"
        " WHERE e.account = ? AND (e.epoch, e.branch, e.seq) > (?, ?, ?) AND e.redeemable < 0"
        " AND e.qualifying = 0 AND (e.of_epoch, e.of_branch, e.of_seq) = (e.epoch, e.branch, e.seq)",
        (account, stamp.epoch, stamp.branch, stamp.seq),
    )
    return [(Day(day), points, record) for day, points, record in rows]


def attach(conn: Connection, look_up: str, account: str) -> None:
    """Give what was recorded under an unknown look-up to the member that HQ now says it is."""
    _give_all(conn, look_up, account)
    conn.execute(
        "UPDATE source SET account = ? WHERE account = ? AND account >= 'h:' AND account < 'h;'",
        (account, look_up),
    )


def spell(conn: Connection, look_up: str, account: str) -> None:
    """Note what else an account may be found by that nobody has yet."""
    conn.execute("INSERT OR IGNORE INTO spelling (look_up, account) VALUES (?, ?)", (look_up, account))


def spelled(conn: Connection, look_ups: Sequence[str]) -> list[tuple[str, str]]:
    """Return (look-up, account) of what is kept of somebody whom nobody knew, and may be found by these."""
    return list(
        conn.execute(
            "SELECT s.look_up, s.account FROM json_each(?) CROSS JOIN spelling AS s ON s.look_up = value"
            " WHERE EXISTS (SELECT 1 FROM entry WHERE account = s.account)",
            (msgspec.json.encode(look_ups).decode(),),
        )
    )


def merge(conn: Connection, merged: str, account: str) -> None:
    """Give what was recorded under a member to the one who stands for both by HQ's decision."""
    _give_all(conn, merged, account)
    conn.execute("UPDATE source SET account = ? WHERE account = ?", (account, merged))


def moves_of(conn: Connection, account: str, terminal_id: str) -> list[tuple[EventId, EventId]]:
    """Return (event, whose points it moved) of every movement of an account."""
    rows = conn.execute(
        "SELECT DISTINCT epoch, branch, seq, of_epoch, of_branch, of_seq FROM entry WHERE account = ?",
        (account,),
    ).fetchall()
    return [(EventId(terminal_id, *row[:3]), EventId(terminal_id, *row[3:])) for row in rows]


def give(conn: Connection, account: str, cause: EventId, of: EventId, to: str) -> None:
    """Give what one event moved of another to another account."""
    conn.execute(
        "INSERT INTO entry (account, epoch, branch, seq, of_epoch, of_branch, of_seq, earned_day, redeemable,"
        " qualifying) SELECT ?, epoch, branch, seq, of_epoch, of_branch, of_seq, earned_day, redeemable,"
        " qualifying FROM entry WHERE account = ? AND (epoch, branch, seq) = (?, ?, ?)"
        " AND (of_epoch, of_branch, of_seq) = (?, ?, ?) ON CONFLICT DO UPDATE SET"
        " redeemable = entry.redeemable + excluded.redeemable,"
        " qualifying = entry.qualifying + excluded.qualifying",
        (to, account, cause.epoch, cause.branch, cause.seq, of.epoch, of.branch, of.seq),
    )
    drop(conn, account, cause, of)


def drop(conn: Connection, account: str, cause: EventId, of: EventId) -> None:
    """Forget what one event moved of another."""
    conn.execute(
        "DELETE FROM entry WHERE account = ? AND (epoch, branch, seq) = (?, ?, ?)"
        " AND (of_epoch, of_branch, of_seq) = (?, ?, ?)",
        (account, cause.epoch, cause.branch, cause.seq, of.epoch, of.branch, of.seq),
    )


def _give_all(conn: Connection, account: str, to: str) -> None:
    """Move entries and shown cards; what one event moved for both of them is one movement then."""
    conn.execute(
        "INSERT INTO entry (account, epoch, branch, seq, of_epoch, of_branch, of_seq, earned_day, redeemable,"
        " qualifying) SELECT ?, epoch, branch, seq, of_epoch, of_branch, of_seq, earned_day, redeemable,"
        " qualifying FROM entry WHERE account = ? ON CONFLICT DO UPDATE SET"
        " redeemable = entry.redeemable + excluded.redeemable,"
        " qualifying = entry.qualifying + excluded.qualifying",
        (to, account),
    )
    conn.execute("DELETE FROM entry WHERE account = ?", (account,))
    conn.execute("UPDATE presented SET account = ? WHERE account = ?", (to, account))


def has_account(conn: Connection, account: str) -> bool:
    """Tell whether anything is recorded under an account."""
    row = conn.execute("SELECT 1 FROM entry WHERE account = ? LIMIT 1", (account,)).fetchone()
    return row is not None


def accounts_among(conn: Connection, accounts: Sequence[str]) -> set[str]:
    """Return those of some accounts under which anything is recorded."""
    rows = conn.execute(
        "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM entry WHERE account = value)",
        (msgspec.json.encode(accounts).decode(),),
    )
    return {account for (account,) in rows}
