"""A row of what HQ told of a member, and one of a look-up, each with a check sum over the rest of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final
from zlib import crc32

import msgspec

from edge_agent.store.database import Connection
from loyalty_core.events import Count, DayNumber
from loyalty_core.messages import Expiring, MemberRow, Stamp, Tally, TierStep
from loyalty_core.wire import Message, pack, unpack

Row = tuple[Any, ...]

MEMBER: Final = (
    "CAST(m.member_id AS BLOB), CAST(m.masked_name AS BLOB), CAST(m.tier AS BLOB), m.balance,"
    " CAST(m.period_id AS BLOB), m.qualifying, m.stamp_epoch, m.stamp_branch, m.stamp_seq, m.more, m.crc"
)
"""What `of_row` takes: texts as their bytes, since damaged ones are none; the check sum last."""
LOOK_UP: Final = "CAST(l.look_up AS BLOB), CAST(l.member_id AS BLOB), l.crc"
LOOK_UP_WIDTH: Final = 3
MORE_KEPT: Final = 64
"""Of most members the same few things are told, so that these are unpacked once."""
SEEN: Final = 1
"""Damaged rows were found."""
ASKED: Final = 2
"""They are gone, and HQ tells of all members again."""


class _More(Message, frozen=True):
    """What is told of a member beside the figures that statements look at."""

    allowance: Count = 0
    held: Count = 0
    expiring: tuple[Expiring, ...] = ()
    tallies: tuple[Tally, ...] = ()
    birthday: DayNumber | None = None
    coupons: tuple[bytes, ...] = ()
    also: tuple[str, ...] = ()
    tiers: tuple[TierStep, ...] = ()
    tier_until: DayNumber | None = None


def is_sound(row: Row) -> bool:
    """Tell whether a row is what was written: one that an earlier release wrote has no check sum."""
    return row[-1] is None or row[-1] == _check_sum(row[:-1])


def _check_sum(values: Row) -> int:
    """Return the check sum of values whose texts are bytes: no flipped bit keeps it."""
    return crc32(repr(values).encode())


def note_if_writing(conn: Connection) -> None:
    """Note that rows are damaged, unless this connection only reads: then a sale notes it."""
    if not conn.execute("PRAGMA query_only").fetchone()[0]:
        note(conn)


def note(conn: Connection) -> None:
    """Note that rows are damaged: they are mended with HQ's next answer."""
    conn.execute("UPDATE link SET members_damaged = ? WHERE members_damaged <> ?", (SEEN, SEEN))


def text(data: bytes) -> str:
    """Return a text that was read as its bytes."""
    return data.decode(errors="replace")


def told(row: Row) -> Row:
    """Return what a row of `MEMBER` says, as it is written."""
    member_id, masked_name, tier, balance, period_id, *more, _ = row
    return (text(member_id), text(masked_name), text(tier), balance, text(period_id), *more)


def of_row(row: Row) -> MemberRow:
    """Return what a row of `MEMBER` says."""
    member_id, masked_name, tier, balance, period_id, qualifying, epoch, branch, seq, more = told(row)
    stamp = Stamp(epoch, branch, seq)
    return MemberRow(
        member_id, False, masked_name, (), tier, balance, period_id, qualifying, stamp, *more_of(more)
    )


@lru_cache(MORE_KEPT)
def more_of(packed: bytes) -> Row:
    """Return what else is told, in the order in which a MemberRow ends."""
    return msgspec.structs.astuple(unpack(packed, _More) if packed else _More())


def values_of(row: MemberRow, never: Stamp) -> Row:
    """Return what is written of a member: `never` where HQ has posted nothing of this till for them."""
    stamp = row.stamp or never
    more = _More(
        row.allowance,
        row.held,
        row.expiring,
        row.tallies,
        row.birthday,
        row.coupons,
        row.also,
        row.tiers,
        row.tier_until,
    )
    return (
        row.member_id,
        row.masked_name,
        row.tier,
        row.balance,
        row.period_id,
        row.qualifying,
        stamp.epoch,
        stamp.branch,
        stamp.seq,
        pack(more),
    )


def write_members(conn: Connection, rows: Iterable[Row]) -> None:
    """Write what `values_of` or `told` returned, with its check sum."""
    conn.executemany(
        "INSERT OR REPLACE INTO member (member_id, masked_name, tier, balance, period_id, qualifying,"
        " stamp_epoch, stamp_branch, stamp_seq, more, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*row, _check_sum(_bytes(row))) for row in rows],
    )


def write_look_ups(conn: Connection, rows: Iterable[tuple[str, str]]) -> None:
    """Write (hashed look-up, member id) with their check sums."""
    conn.executemany(
        "INSERT OR REPLACE INTO member_look_up (look_up, member_id, crc) VALUES (?, ?, ?)",
        [(*row, _check_sum(_bytes(row))) for row in rows],
    )


def _bytes(row: Row) -> Row:
    return tuple([value.encode() if isinstance(value, str) else value for value in row])
