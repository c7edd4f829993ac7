"""Rows of members that are not what was written: found, left out, and told again by HQ."""

from __future__ import annotations

from edge_agent.store.database import Connection
from edge_agent.store.member_rows import (
    ASKED,
    LOOK_UP,
    MEMBER,
    SEEN,
    Row,
    is_sound,
    text,
    told,
    write_look_ups,
    write_members,
)

_MEMBERS = f"SELECT {MEMBER} FROM member AS m"  # noqa: S608
_LOOK_UPS = f"SELECT {LOOK_UP} FROM member_look_up AS l"  # noqa: S608


def is_known(conn: Connection) -> bool:
    """Tell whether damaged rows were found of which HQ has not told again yet."""
    return bool(conn.execute("SELECT members_damaged FROM link").fetchone()[0])


def is_there(conn: Connection) -> bool:
    """Tell whether any row is not what was written. Reads all."""
    return any(not is_sound(row) for rows in (_MEMBERS, _LOOK_UPS) for row in conn.execute(rows))


def mend_seen(conn: Connection) -> bool:
    """Mend what was found to be damaged, once; tell whether anything was."""
    if conn.execute("SELECT members_damaged FROM link").fetchone()[0] != SEEN:
        return False
    mend(conn)
    return True


def was_told(conn: Connection) -> None:
    """Note that HQ has told all that it has to tell, after it was asked for its members again."""
    conn.execute("UPDATE link SET members_damaged = 0 WHERE members_damaged = ?", (ASKED,))


def mend(conn: Connection) -> None:
    """Keep the rows that are what was written, and have HQ tell about all members again.

    Both tables are emptied whole: SQLite finds neither a damaged key nor what an index says of it.
    """
    known = [row for row in conn.execute(_MEMBERS) if is_sound(row)]
    found = [row for row in conn.execute(_LOOK_UPS) if is_sound(row)]
    ids = {row[0] for row in known}
    conn.execute("DELETE FROM member_look_up")
    conn.execute("DELETE FROM member")
    write_members(conn, [told(row) for row in known])
    write_look_ups(conn, [_look_up(row) for row in found if row[1] in ids])
    conn.execute("DELETE FROM change_cursor")
    conn.execute("UPDATE link SET members_damaged = ?", (ASKED,))


def seal(conn: Connection) -> None:
    """Give the rows that an earlier release wrote their check sums."""
    write_members(conn, [told(row) for row in conn.execute(f"{_MEMBERS} WHERE m.crc IS NULL").fetchall()])
    rows = conn.execute(f"{_LOOK_UPS} WHERE l.crc IS NULL").fetchall()
    write_look_ups(conn, [_look_up(row) for row in rows])


def _look_up(row: Row) -> tuple[str, str]:
    return text(row[0]), text(row[1])
