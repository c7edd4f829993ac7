"""The members that HQ let this till know, and what it said of each. Written by `sync.install` only."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import msgspec

from edge_agent.store.database import Connection
from loyalty_core.events import Count, DayNumber
from loyalty_core.messages import Expiring, MemberRow, Page, Stamp, Tally
from loyalty_core.wire import Shape, pack, unpack


class _More(Shape, frozen=True):
    """What is told of a member beside the figures that statements look at."""

    allowance: Count = 0
    held: Count = 0
    expiring: tuple[Expiring, ...] = ()
    tallies: tuple[Tally, ...] = ()
    birthday: DayNumber | None = None
    coupons: tuple[bytes, ...] = ()
    also: tuple[str, ...] = ()


MORE_KEPT: Final = 64
"""Of most members the same few things are told, so that these are unpacked once."""
NEVER = Stamp(0, 0, 0)
"""Below every event: HQ has posted nothing of this till for the member."""


def read(conn: Connection, member_id: str) -> MemberRow | None:
    """Return what HQ last said of a member, or None."""
    row = conn.execute(
        "SELECT masked_name, tier, balance, period_id, qualifying, stamp_epoch, stamp_branch, stamp_seq, more"
        " FROM member WHERE member_id = ?",
        (member_id,),
    ).fetchone()
    if row is None:
        return None
    stamp = Stamp(row[5], row[6], row[7])
    return MemberRow(member_id, False, row[0], (), row[1], row[2], row[3], row[4], stamp, *_more(row[8]))


@lru_cache(MORE_KEPT)
def _more(packed: bytes) -> tuple[Any, ...]:
    """Return what else is told, in the order in which a MemberRow ends."""
    return msgspec.structs.astuple(unpack(packed, _More) if packed else _More())


def find(conn: Connection, look_ups: Iterable[str]) -> str | None:
    """Return the member id of the first of these hashed look-ups that is known, or None."""
    for look_up in look_ups:
        row = conn.execute("SELECT member_id FROM member_look_up WHERE look_up = ?", (look_up,)).fetchone()
        if row is not None:
            return str(row[0])
    return None


def put(conn: Connection, row: MemberRow) -> None:
    """Take over what HQ says of a member. Idempotent."""
    conn.execute("DELETE FROM member_look_up WHERE member_id = ?", (row.member_id,))
    if row.gone:
        conn.execute("DELETE FROM member WHERE member_id = ?", (row.member_id,))
        return
    stamp = row.stamp or NEVER
    more = _More(row.allowance, row.held, row.expiring, row.tallies, row.birthday, row.coupons, row.also)
    conn.execute(
        "INSERT OR REPLACE INTO member (member_id, masked_name, tier, balance, period_id, qualifying,"
        " stamp_epoch, stamp_branch, stamp_seq, more) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
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
        ),
    )
    conn.executemany(
        "INSERT OR REPLACE INTO member_look_up (look_up, member_id) VALUES (?, ?)",
        [(look_up, row.member_id) for look_up in row.look_ups],
    )


def cursors(conn: Connection) -> dict[int, int]:
    """Return the change number up to which each bucket is known here."""
    return dict(conn.execute("SELECT bucket, change_no FROM change_cursor"))


def move_cursor(conn: Connection, page: Page) -> bool:
    """Move a bucket's cursor if the page starts where it stands; tell whether the page is to be applied."""
    row = conn.execute("SELECT change_no FROM change_cursor WHERE bucket = ?", (page.bucket,)).fetchone()
    if (row[0] if row else 0) != page.from_cursor:
        return False
    conn.execute(
        "INSERT OR REPLACE INTO change_cursor (bucket, change_no) VALUES (?, ?)",
        (page.bucket, page.to_cursor),
    )
    return True


def count(conn: Connection) -> int:
    """Return how many members this till knows."""
    (members,) = conn.execute("SELECT count(*) FROM member").fetchone()
    return int(members)


def forget_cursors(conn: Connection) -> None:
    """Have HQ tell about all members again."""
    conn.execute("DELETE FROM change_cursor")
