"""Who this till is, as HQ told it at enrolment: one row of `terminal`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from edge_agent.store.database import Connection, StoreError, damaged_error
from loyalty_core.calendar import Place, zone_named
from loyalty_core.messages import Enrolled, Incarnation
from loyalty_core.units import Minute

if TYPE_CHECKING:
    from loyalty_core.key_statements import Kind


class Terminal(msgspec.Struct, frozen=True, kw_only=True):
    """This till's identity. `store_key` keys the look-up hashes; it never leaves the till.

    `hq_public_key` and `programme_public_key` are the keys of HQ's that it believes now.
    """

    terminal_id: str
    store_id: str
    hq_url: str
    hq_public_key: bytes
    store_key: bytes
    programme_id: str
    timezone: str
    place: Place
    epoch: int
    buckets: int
    incarnation: Incarnation
    programme_public_key: bytes


_Values = tuple[Any, ...]

COLUMNS: Final = (
    " CAST(t.terminal_id AS BLOB), CAST(t.store_id AS BLOB), CAST(t.hq_url AS BLOB),"
    " CAST(t.hq_public_key AS BLOB), CAST(t.store_key AS BLOB), CAST(t.programme_id AS BLOB),"
    " CAST(t.timezone AS BLOB), coalesce(CAST(t.business_day_starts AS INTEGER), 0),"
    " coalesce(CAST(t.epoch AS INTEGER), 0), coalesce(CAST(t.buckets AS INTEGER), 0),"
    " coalesce(CAST(t.incarnation_counter AS INTEGER), 0), CAST(t.incarnation_random AS BLOB),"
    " CAST(t.programme_public_key AS BLOB), CAST(t.digest AS BLOB)"
)
"""What `of_row` takes: texts as their bytes, since damaged ones are none; the digest last.

A flipped bit of a row's head makes another type of a value, of the same length: the type is not believed.
"""
WIDTH: Final = 14
EPOCH_AT: Final = 8
_READ: Final = "SELECT" + COLUMNS + " FROM terminal AS t"


def read(conn: Connection) -> Terminal:
    """Return the identity.

    Raises:
        StoreError: `not_enrolled`.
    """
    row = conn.execute(_READ).fetchone()
    if row is None:
        raise not_enrolled()
    return of_row(row)


def is_sealed(conn: Connection) -> bool:
    """Tell whether the identity has its digest: one that an earlier release wrote has none."""
    return bool(conn.execute("SELECT digest <> x'' FROM terminal").fetchone()[0])


def is_damaged(conn: Connection) -> bool:
    """Tell whether the identity is not what was written."""
    row = conn.execute(_READ).fetchone()
    return row is not None and bool(row[-1]) and _digest(row[:-1]) != row[-1]


def is_lost(conn: Connection) -> bool:
    """Tell whether the identity is so damaged that what was written is not known."""
    row = conn.execute(_READ).fetchone()
    return row is None or (is_damaged(conn) and _put_back(row[:-1], row[-1]) is None)


def not_enrolled() -> StoreError:
    """Return what is said where there is no identity."""
    return StoreError(
        "this till has not joined yet: run edge-agent enrol --hq URL --code CODE", code="not_enrolled"
    )


@lru_cache(maxsize=4)
def of_row(row: _Values) -> Terminal:
    """Return the identity that the `COLUMNS` say. A flipped bit is put back by the digest beside them.

    What is damaged beyond that is taken as it is, so that no sale stops; `verify` says so.

    Raises:
        StoreError: `store_damaged`: there is less in the row than in any that was written.
    """
    if None in row:
        raise damaged_error()
    values, digest = row[:-1], row[-1]
    if digest and _digest(values) != digest:
        values = _put_back(values, digest) or values
    terminal_id, store_id, hq_url, programme_id, timezone = [
        values[place].decode(errors="replace") for place in (0, 1, 2, 5, 6)
    ]
    return Terminal(
        terminal_id=terminal_id,
        store_id=store_id,
        hq_url=hq_url,
        hq_public_key=values[3],
        store_key=values[4],
        programme_id=programme_id,
        timezone=timezone,
        place=Place(zone_named(timezone), Minute(values[7])),
        epoch=values[8],
        buckets=values[9],
        incarnation=Incarnation(values[10], values[11]),
        programme_public_key=values[12],
    )


def _digest(values: _Values) -> bytes:
    return hashlib.sha256(repr(values).encode()).digest()[:16]


def _put_back(values: _Values, digest: bytes) -> _Values | None:
    """Return the values that were written, if they are, or their digest is, but a bit away."""
    if (int.from_bytes(_digest(values)) ^ int.from_bytes(digest)).bit_count() == 1:
        return values
    for place, value in enumerate(values):
        for other in _bit_away(value):
            tried = (*values[:place], other, *values[place + 1 :])
            if _digest(tried) == digest:
                return tried
    return None


def _bit_away(value: int | bytes) -> Iterator[int | bytes]:
    if isinstance(value, int):
        yield from [value ^ 1 << bit for bit in range(63)]
        return
    if value == b"1":
        yield b""  # of both a row holds the type alone, and the types are a bit apart
    whole = int.from_bytes(value)
    for bit in range(8 * len(value)):
        yield (whole ^ 1 << bit).to_bytes(len(value))


def is_enrolled(conn: Connection) -> bool:
    """Tell whether this till has joined."""
    return conn.execute("SELECT 1 FROM terminal").fetchone() is not None


def install(conn: Connection, enrolled: Enrolled, hq_url: str) -> None:
    """Keep what HQ said at enrolment. Idempotent; durable with the caller's transaction."""
    from edge_agent.store import enrolments, hq_keys

    identity = Terminal(
        terminal_id=enrolled.terminal_id,
        store_id=enrolled.store_id,
        hq_url=hq_url,
        hq_public_key=enrolled.hq_public_key,
        store_key=enrolled.store_key,
        programme_id=enrolled.programme_id,
        timezone=enrolled.timezone,
        place=Place(zone_named(enrolled.timezone), Minute(enrolled.business_day_starts)),
        epoch=enrolled.epoch,
        buckets=enrolled.buckets,
        incarnation=enrolled.incarnation,
        programme_public_key=enrolled.programme_public_key,
    )
    write(conn, identity)
    hq_keys.join(conn, enrolled)
    enrolments.set_sealing_key(conn, enrolled.sealing_public_key)


def write(conn: Connection, identity: Terminal) -> None:
    """Write the identity with its digest. Durable with the caller's transaction."""
    conn.execute(
        "INSERT OR REPLACE INTO terminal (one, terminal_id, store_id, hq_url, hq_public_key, store_key,"
        " programme_id, timezone, business_day_starts, epoch, buckets, incarnation_counter,"
        " incarnation_random, programme_public_key)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            identity.terminal_id,
            identity.store_id,
            identity.hq_url,
            identity.hq_public_key,
            identity.store_key,
            identity.programme_id,
            identity.timezone,
            identity.place.starts,
            identity.epoch,
            identity.buckets,
            identity.incarnation.counter,
            identity.incarnation.random,
            identity.programme_public_key,
        ),
    )
    digest = _digest(conn.execute(_READ).fetchone()[:-1])
    conn.execute("UPDATE terminal SET digest = ?", (digest,))


def set_hq_url(conn: Connection, hq_url: str) -> None:
    """Talk to HQ at another address from now on."""
    write(conn, replace(read(conn), hq_url=hq_url))


def set_programme_id(conn: Connection, programme_id: str) -> None:
    """Note the programme's id, which a till that joined before the first publication does not know."""
    identity = read(conn)
    if identity.programme_id != programme_id:
        write(conn, replace(identity, programme_id=programme_id))


def set_epoch(conn: Connection, epoch: int) -> None:
    """Go on in another journal, which begins here."""
    write(conn, replace(read(conn), epoch=epoch))


def set_incarnation(conn: Connection, incarnation: Incarnation) -> None:
    """Note which life of HQ's database this till talks with."""
    write(conn, replace(read(conn), incarnation=incarnation))


def believe(conn: Connection, kind: Kind, public_key: bytes) -> None:
    """Believe another key of HQ's from now on."""
    if kind == "server":
        write(conn, replace(read(conn), hq_public_key=public_key))
    else:
        write(conn, replace(read(conn), programme_public_key=public_key))
