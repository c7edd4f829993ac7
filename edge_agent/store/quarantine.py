"""What could not be recorded, with the reason and the raw input, until somebody mends or discards it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from edge_agent.store.database import Connection, StoreError


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """One refused input. `place` says where in its source it stood, for a person."""

    quarantine_id: int = 0
    adapter: str
    source: str
    place: str
    code: str
    sentence: str
    raw: bytes
    at_ms: int
    times: int = 1


class Settled(msgspec.Struct, frozen=True):
    """An input that was mended or given up, and the reason."""

    quarantine_id: int
    source: str
    place: str
    code: str
    state: str
    reason: str
    at_ms: int


def put(conn: Connection, refused: Refused, rows_max: int) -> None:
    """Set a refused input aside; the same input again counts up instead of standing twice.

    Raises:
        StoreError: `quarantine_full`.
    """
    (rows,) = conn.execute("SELECT count(*) FROM quarantine WHERE state = 'open'").fetchone()
    if rows >= rows_max and not _stands(conn, refused):
        raise StoreError(
            f"{rows} refused inputs wait already: mend or discard some before more are taken",
            code="quarantine_full",
        )
    conn.execute(
        "INSERT INTO quarantine (adapter, source, place, code, sentence, raw, raw_sha256, at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, place, raw_sha256) DO UPDATE SET"
        " times = times + 1, at_ms = excluded.at_ms, code = excluded.code, sentence = excluded.sentence,"
        " state = 'open', reason = '', raw = excluded.raw",
        (
            refused.adapter,
            refused.source,
            refused.place,
            refused.code,
            refused.sentence,
            refused.raw,
            hashlib.sha256(refused.raw).digest(),
            refused.at_ms,
        ),
    )


def _stands(conn: Connection, refused: Refused) -> bool:
    """Tell whether the same input waits already."""
    row = conn.execute(
        "SELECT 1 FROM quarantine WHERE source = ? AND place = ? AND raw_sha256 = ? AND state = 'open'",
        (refused.source, refused.place, hashlib.sha256(refused.raw).digest()),
    ).fetchone()
    return row is not None


_AT_ONCE: Final = 20
_NAMES: Final = ("quarantine_id", "adapter", "source", "place", "code", "sentence", "raw", "at_ms", "times")
_READ: Final = (
    "SELECT quarantine_id, adapter, source, place, code, sentence, raw, at_ms, times FROM quarantine"
    " WHERE state = 'open'"
)


def open_rows(conn: Connection, limit: int = 1000, after: int = 0, *, with_raw: bool = True) -> list[Refused]:
    """Return what is set aside under numbers above `after`, oldest first; inputs may be large."""
    rows = conn.execute(
        (_READ if with_raw else _READ.replace(" raw,", " x'',"))
        + " AND quarantine_id > ? ORDER BY quarantine_id LIMIT ?",
        (after, limit),
    )
    return [_refused(row) for row in rows]


def all_open(conn: Connection) -> Iterator[Refused]:
    """Yield all that is set aside, oldest first, few at a time; inputs may be large."""
    after = 0
    while rows := open_rows(conn, _AT_ONCE, after):
        yield from rows
        after = rows[-1].quarantine_id


def least_lately(conn: Connection, limit: int) -> list[int]:
    """Return the numbers of what is set aside, what was refused least lately first."""
    rows = conn.execute(
        "SELECT quarantine_id FROM quarantine WHERE state = 'open' ORDER BY at_ms, quarantine_id LIMIT ?",
        (limit,),
    )
    return [number for (number,) in rows]


def find_open(conn: Connection, quarantine_id: int) -> Refused | None:
    """Return one input that is set aside, None where it is not, or no more."""
    row = conn.execute(_READ + " AND quarantine_id = ?", (quarantine_id,)).fetchone()
    return None if row is None else _refused(row)


def settled(conn: Connection, limit: int) -> list[Settled]:
    """Return what became of the inputs that were set aside last, the latest number first."""
    rows = conn.execute(
        "SELECT quarantine_id, source, place, code, state, reason, at_ms FROM quarantine"
        " WHERE state <> 'open' ORDER BY quarantine_id DESC LIMIT ?",
        (limit,),
    )
    return [Settled(*row) for row in rows]


def expire(conn: Connection, before_ms: int) -> int:
    """Give up, and forget the raw input of, what was refused last before an instant; return how many."""
    done = conn.execute(
        "UPDATE quarantine SET state = 'discarded', reason = 'expired', raw = x''"
        " WHERE state = 'open' AND at_ms < ?",
        (before_ms,),
    )
    return done.rowcount


def _refused(row: tuple[Any, ...]) -> Refused:
    return Refused(**dict(zip(_NAMES, row, strict=True)))


def count_open(conn: Connection) -> int:
    """Return how many inputs are set aside."""
    (rows,) = conn.execute("SELECT count(*) FROM quarantine WHERE state = 'open'").fetchone()
    return int(rows)


def settle(conn: Connection, quarantine_id: int, state: str, reason: str) -> bool:
    """Close one (`mended`, `discarded`) with a reason and forget its raw input; tell whether it was open."""
    done = conn.execute(
        "UPDATE quarantine SET state = ?, reason = ?, raw = x'' WHERE quarantine_id = ? AND state = 'open'",
        (state, reason, quarantine_id),
    )
    return done.rowcount == 1


def settle_place(conn: Connection, source: str, place: str) -> None:
    """Close what was refused at a place of a source that has now been recorded from there."""
    conn.execute(
        "UPDATE quarantine SET state = 'mended', reason = 'recorded from the same place', raw = x''"
        " WHERE source = ? AND place = ? AND state = 'open'",
        (source, place),
    )


def has_open(conn: Connection, source: str) -> bool:
    """Tell whether something of this source is set aside."""
    return (
        conn.execute(
            "SELECT 1 FROM quarantine WHERE source = ? AND state = 'open' LIMIT 1", (source,)
        ).fetchone()
        is not None
    )
