"""The members that HQ let this till know, and what it said of each. Written by `sync.install` only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec

from edge_agent.store.database import Connection
from loyalty_core.events import Count, DayNumber
from loyalty_core.lookups import hashed
from loyalty_core.messages import Expiring, MemberRow, Stamp, Tally
from loyalty_core.wire import Message, pack, unpack


class _More(Message, frozen=True):
    """What is told of a member beside the figures that statements look at."""

    allowance: Count = 0
    held: Count = 0
    expiring: tuple[Expiring, ...] = ()
    tallies: tuple[Tally, ...] = ()
    birthday: DayNumber | None = None
    coupons: tuple[bytes, ...] = ()
    also: tuple[str, ...] = ()


LOOK_UPS_AT_ONCE: Final = 2
"""A card has as many."""
MORE_KEPT: Final = 64
"""Of most members the same few things are told, so that these are unpacked once."""
NEVER = Stamp(0, 0, 0)
"""Below every event: HQ has posted nothing of this till for the member."""


def read(conn: Connection, member_id: str) -> MemberRow | None:
    """Return what HQ last said of a member, or None."""
    row = conn.execute(
        "SELECT member_id, masked_name, tier, balance, period_id, qualifying, stamp_epoch, stamp_branch,"
        " stamp_seq, more FROM member WHERE member_id = ?",
        (member_id,),
    ).fetchone()
    return None if row is None else _of_row(row)


def _of_row(row: tuple[Any, ...]) -> MemberRow:
    member_id, masked_name, tier, balance, period_id, qualifying, epoch, branch, seq, more = row
    stamp = Stamp(epoch, branch, seq)
    return MemberRow(
        member_id, False, masked_name, (), tier, balance, period_id, qualifying, stamp, *_more(more)
    )


@lru_cache(MORE_KEPT)
def _more(packed: bytes) -> tuple[Any, ...]:
    """Return what else is told, in the order in which a MemberRow ends."""
    return msgspec.structs.astuple(unpack(packed, _More) if packed else _More())


def find(conn: Connection, look_ups: Sequence[str]) -> MemberRow | None:
    """Return what HQ last said of the member of the first of these hashed look-ups that is known, or None."""
    for start in range(0, len(look_ups), LOOK_UPS_AT_ONCE):
        one, other = (*look_ups[start : start + LOOK_UPS_AT_ONCE], None)[:LOOK_UPS_AT_ONCE]
        rows = conn.execute(
            "SELECT l.look_up, m.member_id, m.masked_name, m.tier, m.balance, m.period_id, m.qualifying,"
            " m.stamp_epoch, m.stamp_branch, m.stamp_seq, m.more FROM member_look_up AS l"
            " JOIN member AS m ON m.member_id = l.member_id WHERE l.look_up IN (?, ?)",
            (one, other),
        ).fetchall()
        if rows:
            return _of_row(min(rows, key=lambda row: row[0] != one)[1:])
    return None


def also(conn: Connection, member_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return who was merged into each of these members who are known, by what is known until now."""
    found = conn.execute(
        "SELECT member_id, more FROM json_each(?) CROSS JOIN member ON member_id = value",
        (_json(member_ids),),
    )
    return {member_id: _more(more)[-1] for member_id, more in found}


def put(conn: Connection, rows: Sequence[MemberRow]) -> None:
    """Take over what HQ says of members. Idempotent; look-ups that stay are not written again."""
    held = set(
        conn.execute(
            "SELECT l.member_id, l.look_up FROM json_each(?) CROSS JOIN member_look_up AS l"
            " ON l.member_id = value",
            (_json(row.member_id for row in rows),),
        )
    )
    told = {(row.member_id, look_up): None for row in rows if not row.gone for look_up in row.look_ups}
    conn.executemany(
        "DELETE FROM member_look_up WHERE member_id = ? AND look_up = ?", sorted(held - told.keys())
    )
    conn.executemany("DELETE FROM untold_member WHERE member_id = ?", [(row.member_id,) for row in rows])
    conn.executemany("DELETE FROM member WHERE member_id = ?", [(row.member_id,) for row in rows if row.gone])
    conn.executemany(
        "INSERT OR REPLACE INTO member (member_id, masked_name, tier, balance, period_id, qualifying,"
        " stamp_epoch, stamp_branch, stamp_seq, more) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_values(row) for row in rows if not row.gone],
    )
    conn.executemany(
        "INSERT OR REPLACE INTO member_look_up (member_id, look_up) VALUES (?, ?)",
        [one for one in told if one not in held],
    )


def _json(member_ids: Iterable[str]) -> str:
    return msgspec.json.encode(list(member_ids)).decode()


def _values(row: MemberRow) -> tuple[object, ...]:
    stamp = row.stamp or NEVER
    more = _More(row.allowance, row.held, row.expiring, row.tallies, row.birthday, row.coupons, row.also)
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


def cursors(conn: Connection) -> dict[int, int]:
    """Return the change number up to which each bucket is known here."""
    return dict(conn.execute("SELECT bucket, change_no FROM change_cursor"))


def move_cursors(conn: Connection, to: Mapping[int, int]) -> None:
    """Note up to which change number buckets are known here."""
    conn.executemany(
        "INSERT OR REPLACE INTO change_cursor (bucket, change_no) VALUES (?, ?)", sorted(to.items())
    )


def count(conn: Connection) -> int:
    """Return how many members this till knows."""
    (members,) = conn.execute("SELECT count(*) FROM member").fetchone()
    return int(members)


def begin_anew(conn: Connection) -> None:
    """Have HQ, which is another than before, tell about all members again; those known stand until then."""
    conn.execute("DELETE FROM change_cursor")
    conn.execute("INSERT OR IGNORE INTO untold_member (member_id) SELECT member_id FROM member")


def forget_untold(conn: Connection) -> list[str]:
    """Forget the members of whom HQ, having told all it has to tell, has not spoken since it began anew.

    Returns those of them who stood for others.
    """
    if conn.execute("SELECT 1 FROM untold_member LIMIT 1").fetchone() is None:
        return []
    stood = [
        member_id
        for member_id, more in conn.execute(
            "SELECT member_id, more FROM untold_member JOIN member USING (member_id) ORDER BY member_id"
        )
        if _more(more)[-1]
    ]
    for table in ("member_look_up", "member"):
        conn.execute(f"DELETE FROM {table} WHERE member_id IN (SELECT member_id FROM untold_member)")  # noqa: S608
    conn.execute("DELETE FROM untold_member")
    return stood


def let_be_found(conn: Connection, store_key: bytes) -> None:
    """Let every member be found by the own id, where that was damaged; cards come with HQ's next word."""
    conn.executemany(
        "INSERT OR REPLACE INTO member_look_up (member_id, look_up) VALUES (?, ?)",
        [
            (member_id, own)
            for member_id, found in list(look_ups(conn))
            if (own := hashed(f"id:{member_id}", store_key)) not in found
        ],
    )


def look_ups(conn: Connection) -> Iterator[tuple[str, set[str]]]:
    """Yield each member's id and the hashed look-ups that find the member."""
    rows = conn.execute(
        "SELECT m.member_id, l.look_up FROM member AS m LEFT JOIN member_look_up AS l"
        " ON l.member_id = m.member_id ORDER BY m.member_id"
    )
    for member_id, found in groupby(rows, key=itemgetter(0)):
        yield member_id, {look_up for _, look_up in found}
