"""Who joined at this till: found by phone and cards until HQ tells of the member, and sealed to HQ for ever.

Nothing here says who it is but the masked name. Each row carries a check sum: one that is not what was
written is nobody's, as a damaged member is, and its seal is not sent. Written by `enrolling`, the installer,
and a repair.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from zlib import crc32

import msgspec

from edge_agent.store.database import Connection
from loyalty_core.events import EventId
from loyalty_core.messages import Sealed

_COLUMNS: Final = (
    "CAST(e.provisional AS BLOB), CAST(e.account AS BLOB), CAST(e.masked_name AS BLOB),"
    " coalesce(CAST(e.epoch AS INTEGER), 0), coalesce(CAST(e.branch AS INTEGER), 0),"
    " coalesce(CAST(e.seq AS INTEGER), 0), coalesce(CAST(e.salt AS BLOB), x''),"
    " coalesce(CAST(e.blob AS BLOB), x''), coalesce(CAST(e.gave_way AS INTEGER), 0), e.crc"
)
"""What `_of_row` takes: texts as their bytes, since damaged ones are none; the check sum last."""
_LOOK_UP: Final = "CAST(l.look_up AS BLOB), CAST(l.provisional AS BLOB), l.crc"
_LOOK_UP_WIDTH: Final = 3


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """One who joined here. `account` is what the till keeps their points under, the first of their look-ups.

    Salt and blob are empty where they were lost. One that `gave_way` is found no more: HQ told who it is.
    """

    provisional: str
    account: str
    masked_name: str
    event: EventId
    salt: bytes
    blob: bytes
    gave_way: bool = False


def put(conn: Connection, one: Enrolment, look_ups: Iterable[str]) -> None:
    """Keep one who joined, to be found by these hashed look-ups. Durable with the caller's transaction."""
    event = one.event
    values = (
        one.provisional,
        one.account,
        one.masked_name,
        event.epoch,
        event.branch,
        event.seq,
        one.salt,
        one.blob,
        int(one.gave_way),
    )
    conn.execute(
        "INSERT OR REPLACE INTO enrolment (provisional, account, masked_name, epoch, branch, seq, salt, blob,"
        " gave_way, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, _check_sum(values)),
    )
    rows = [] if one.gave_way else [(look_up, one.provisional) for look_up in look_ups]
    conn.executemany(
        "INSERT OR REPLACE INTO enrolment_look_up (look_up, provisional, crc) VALUES (?, ?, ?)",
        [(*row, _check_sum(row)) for row in rows],
    )


def find(conn: Connection, look_ups: Sequence[str], terminal_id: str = "") -> Enrolment | None:
    """Return who joined here under the first of these hashed look-ups of whom HQ has not told, or None."""
    for look_up in look_ups:
        row = conn.execute(
            f"SELECT {_LOOK_UP}, {_COLUMNS} FROM enrolment_look_up AS l"  # noqa: S608
            " LEFT JOIN enrolment AS e ON e.provisional = l.provisional WHERE l.look_up = ?",
            (look_up,),
        ).fetchone()
        if row is not None:
            told, found = row[:_LOOK_UP_WIDTH], row[_LOOK_UP_WIDTH:]
            asked = _text(told[0]) == look_up and told[1] == found[0]  # a damaged page may give another row
            return _of_row(found, terminal_id) if asked and _is_sound(told) and _is_sound(found) else None
    return None


def give_way(conn: Connection, look_ups: Sequence[str]) -> list[tuple[str, ...]]:
    """Find those no more who joined under any of these look-ups: HQ has told whose they are.

    Returns of each the look-ups, the one under which their points were kept first.
    """
    gone: list[tuple[str, ...]] = []
    told = msgspec.json.encode(look_ups).decode()
    named = conn.execute(
        "SELECT l.provisional FROM json_each(?) CROSS JOIN enrolment_look_up AS l ON l.look_up = value"
        " UNION SELECT e.provisional FROM json_each(?) CROSS JOIN enrolment AS e ON e.account = value"
        " WHERE NOT e.gave_way",
        (told, told),
    ).fetchall()
    for (provisional,) in named:
        one = read(conn, provisional)
        found = conn.execute("SELECT look_up FROM enrolment_look_up WHERE provisional = ?", (provisional,))
        others = [look_up for (look_up,) in found]
        conn.execute("DELETE FROM enrolment_look_up WHERE provisional = ?", (provisional,))
        if one is not None:
            put(conn, msgspec.structs.replace(one, gave_way=True), ())
            gone.append((one.account, *[look_up for look_up in others if look_up != one.account]))
    return gone


def read(conn: Connection, provisional: str) -> Enrolment | None:
    """Return one who joined here by the provisional id; None where that is not known or damaged."""
    row = conn.execute(
        f"SELECT {_COLUMNS} FROM enrolment AS e WHERE e.provisional = ?",  # noqa: S608
        (provisional,),
    ).fetchone()
    return _of_row(row) if row is not None and _text(row[0]) == provisional and _is_sound(row) else None


def every(conn: Connection) -> Iterator[tuple[Enrolment, bool]]:
    """Yield all who joined here, and whether the row is what was written."""
    for row in conn.execute(f"SELECT {_COLUMNS} FROM enrolment AS e").fetchall():  # noqa: S608
        yield _of_row(row), _is_sound(row)


def is_damaged(conn: Connection) -> bool:
    """Tell whether any look-up is not what was written, or of nobody, or the key is not. Reads all."""
    if sealing_key(conn) is None and conn.execute("SELECT 1 FROM sealing_key").fetchone() is not None:
        return True
    rows = conn.execute(
        f"SELECT {_LOOK_UP}, e.provisional FROM enrolment_look_up AS l"  # noqa: S608
        " LEFT JOIN enrolment AS e ON e.provisional = l.provisional"
    )
    return any(row[-1] is None or not _is_sound(row[:-1]) for row in rows)


def sealed(conn: Connection, epoch: int, first: int, end: int) -> tuple[Sealed, ...]:
    """Return the seals that records from `first` to before `end` of an epoch name, in their order."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM enrolment AS e"  # noqa: S608
        " WHERE e.epoch = ? AND e.branch = 0 AND e.seq >= ? AND e.seq < ? ORDER BY e.seq",
        (epoch, first, end),
    )
    return _sealed(rows)


def untold(conn: Connection, most: int) -> tuple[Sealed, ...]:
    """Return the seals of those of whom HQ has not told, the latest first."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM enrolment AS e"  # noqa: S608
        " WHERE e.provisional IN (SELECT provisional FROM enrolment_look_up)"
        " ORDER BY e.epoch DESC, e.seq DESC LIMIT ?",
        (most,),
    )
    return _sealed(rows)


def sealing_key(conn: Connection) -> bytes | None:
    """Return what personal data is sealed to; None while HQ has told none, or where that is damaged.

    What was sealed to a damaged key nobody could ever open. HQ tells its key in each answer.
    """
    row = conn.execute("SELECT public_key, crc FROM sealing_key").fetchone()
    return row[0] if row is not None and _is_sound(row) else None


def set_sealing_key(conn: Connection, public_key: bytes | None) -> None:
    """Seal to this key from now on; None changes nothing."""
    if public_key is not None and public_key != sealing_key(conn):
        values = (public_key,)
        conn.execute(
            "INSERT OR REPLACE INTO sealing_key (one, public_key, crc) VALUES (1, ?, ?)",
            (*values, _check_sum(values)),
        )


def forget_damaged_key(conn: Connection) -> None:
    """Forget a key that is not what was written: HQ tells it again."""
    if sealing_key(conn) is None:
        conn.execute("DELETE FROM sealing_key")


def _sealed(rows: Iterable[tuple[Any, ...]]) -> tuple[Sealed, ...]:
    return tuple([Sealed(_text(row[0]), row[6], row[7]) for row in rows if row[6] and _is_sound(row)])


def _of_row(row: tuple[Any, ...], terminal_id: str = "") -> Enrolment:
    return Enrolment(
        provisional=_text(row[0]),
        account=_text(row[1]),
        masked_name=_text(row[2]),
        event=EventId(terminal_id, row[3], row[4], row[5]),
        salt=row[6],
        blob=row[7],
        gave_way=bool(row[8]),
    )


def _is_sound(row: tuple[Any, ...]) -> bool:
    return bool(row[-1] == _check_sum(row[:-1]))


def _check_sum(values: tuple[Any, ...]) -> int:
    """Return the check sum of values, texts as their bytes: no flipped bit keeps it."""
    plain = tuple([value.encode() if isinstance(value, str) else value for value in values])
    return crc32(repr(plain).encode())


def _text(data: bytes | None) -> str:
    return "" if data is None else data.decode(errors="replace")
