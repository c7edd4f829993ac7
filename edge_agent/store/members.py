"""The members that HQ let this till know, and what it said of each. Written by `sync.install` only.

Each row carries a check sum. One that is not what was written is nobody's: HQ finds out whose the sale is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from edge_agent.store.database import Connection
from edge_agent.store.member_rows import (
    LOOK_UP,
    LOOK_UP_WIDTH,
    MEMBER,
    is_sound,
    note_if_writing,
    of_row,
    text,
    values_of,
    write_look_ups,
    write_members,
)
from loyalty_core.lookups import hashed
from loyalty_core.messages import MemberRow, Stamp

LOOK_UPS_AT_ONCE: Final = 2
"""A card has as many."""
NEVER = Stamp(0, 0, 0)
"""Below every event: HQ has posted nothing of this till for the member."""


def read(conn: Connection, member_id: str) -> MemberRow | None:
    """Return what HQ last said of a member, None where that is not known or damaged."""
    row = conn.execute(f"SELECT {MEMBER} FROM member AS m WHERE m.member_id = ?", (member_id,)).fetchone()  # noqa: S608
    if row is None:
        return None
    if text(row[0]) != member_id or not is_sound(row):
        note_if_writing(conn)
        return None
    return of_row(row)


def find(conn: Connection, look_ups: Sequence[str]) -> MemberRow | None:
    """Return what HQ last said of the member of the first of these hashed look-ups that is known, or None.

    Whose rows are damaged is not known; nor is it asked then who has one of the later look-ups.
    """
    for start in range(0, len(look_ups), LOOK_UPS_AT_ONCE):
        one, other = (*look_ups[start : start + LOOK_UPS_AT_ONCE], None)[:LOOK_UPS_AT_ONCE]
        rows = conn.execute(
            f"SELECT {LOOK_UP}, {MEMBER} FROM member_look_up AS l"  # noqa: S608
            " LEFT JOIN member AS m ON m.member_id = l.member_id WHERE l.look_up IN (?, ?)",
            (one, other),
        ).fetchall()
        if rows:
            row = min(rows, key=lambda row: text(row[0]) != one)
            told, member = row[:LOOK_UP_WIDTH], row[LOOK_UP_WIDTH:]
            asked = text(row[0]) in {one, other}  # a damaged page may give another row than was sought
            if not asked or member[0] != told[1] or not (is_sound(told) and is_sound(member)):
                note_if_writing(conn)
                return None
            return of_row(member)
    return None


def also(conn: Connection, member_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return who was merged into each of these members who are known, by what is known until now."""
    found = conn.execute(
        f"SELECT {MEMBER} FROM json_each(?) CROSS JOIN member AS m ON m.member_id = value",  # noqa: S608
        (_json(member_ids),),
    )
    return {text(row[0]): of_row(row).also for row in found if is_sound(row)}


def put(conn: Connection, rows: Sequence[MemberRow]) -> None:
    """Take over what HQ says of members. Idempotent; look-ups that stay are not written again."""
    found = conn.execute(
        f"SELECT {LOOK_UP} FROM json_each(?) CROSS JOIN member_look_up AS l ON l.member_id = value",  # noqa: S608
        (_json(row.member_id for row in rows),),
    )
    held = {(text(one[1]), text(one[0])) for one in found if is_sound(one)}
    told = {(row.member_id, look_up): None for row in rows if not row.gone for look_up in row.look_ups}
    conn.executemany(
        "DELETE FROM member_look_up WHERE member_id = ? AND look_up = ?", sorted(held - told.keys())
    )
    conn.executemany("DELETE FROM untold_member WHERE member_id = ?", [(row.member_id,) for row in rows])
    conn.executemany("DELETE FROM member WHERE member_id = ?", [(row.member_id,) for row in rows if row.gone])
    write_members(conn, [values_of(row, NEVER) for row in rows if not row.gone])
    write_look_ups(
        conn, [(look_up, member_id) for member_id, look_up in told if (member_id, look_up) not in held]
    )


def _json(member_ids: Iterable[str]) -> str:
    return msgspec.json.encode(list(member_ids)).decode()


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
    untold = conn.execute(
        f"SELECT {MEMBER} FROM untold_member JOIN member AS m USING (member_id) ORDER BY 1"  # noqa: S608
    )
    stood = [text(row[0]) for row in untold if is_sound(row) and of_row(row).also]
    for table in ("member_look_up", "member"):
        conn.execute(f"DELETE FROM {table} WHERE member_id IN (SELECT member_id FROM untold_member)")  # noqa: S608
    conn.execute("DELETE FROM untold_member")
    return stood


def let_be_found(conn: Connection, store_key: bytes) -> None:
    """Let every member be found by the own id, where that was damaged; cards come with HQ's next word."""
    write_look_ups(
        conn,
        [
            (own, member_id)
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
