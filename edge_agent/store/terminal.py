"""Who this till is, as HQ told it at enrolment: one row of `terminal`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from edge_agent.store.database import Connection, StoreError
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


def read(conn: Connection) -> Terminal:
    """Return the identity.

    Raises:
        StoreError: `not_enrolled`.
    """
    row = conn.execute(
        "SELECT terminal_id, store_id, hq_url, hq_public_key, store_key, programme_id, timezone,"
        " business_day_starts, epoch, buckets, incarnation_counter, incarnation_random, programme_public_key"
        " FROM terminal"
    ).fetchone()
    if row is None:
        raise not_enrolled()
    return of_row(row)


def not_enrolled() -> StoreError:
    """Return what is said where there is no identity."""
    return StoreError(
        "this till has not joined yet: run edge-agent enrol --hq URL --code CODE", code="not_enrolled"
    )


@lru_cache(maxsize=4)
def of_row(row: tuple[Any, ...]) -> Terminal:
    """Return the identity that the columns of `read`, in their order, say."""
    return Terminal(
        terminal_id=row[0],
        store_id=row[1],
        hq_url=row[2],
        hq_public_key=row[3],
        store_key=row[4],
        programme_id=row[5],
        timezone=row[6],
        place=Place(zone_named(row[6]), Minute(row[7])),
        epoch=row[8],
        buckets=row[9],
        incarnation=Incarnation(row[10], row[11]),
        programme_public_key=row[12],
    )


def is_enrolled(conn: Connection) -> bool:
    """Tell whether this till has joined."""
    return conn.execute("SELECT 1 FROM terminal").fetchone() is not None


def install(conn: Connection, enrolled: Enrolled, hq_url: str) -> None:
    """Keep what HQ said at enrolment. Idempotent; durable with the caller's transaction."""
    from edge_agent.store import hq_keys

    conn.execute(
        "INSERT OR REPLACE INTO terminal (one, terminal_id, store_id, hq_url, hq_public_key, store_key,"
        " programme_id, timezone, business_day_starts, epoch, buckets, incarnation_counter,"
        " incarnation_random, programme_public_key)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            enrolled.terminal_id,
            enrolled.store_id,
            hq_url,
            enrolled.hq_public_key,
            enrolled.store_key,
            enrolled.programme_id,
            enrolled.timezone,
            enrolled.business_day_starts,
            enrolled.epoch,
            enrolled.buckets,
            enrolled.incarnation.counter,
            enrolled.incarnation.random,
            enrolled.programme_public_key,
        ),
    )
    hq_keys.join(conn, enrolled)


def set_hq_url(conn: Connection, hq_url: str) -> None:
    """Talk to HQ at another address from now on."""
    conn.execute("UPDATE terminal SET hq_url = ?", (hq_url,))


def set_programme_id(conn: Connection, programme_id: str) -> None:
    """Note the programme's id, which a till that joined before the first publication does not know."""
    conn.execute("UPDATE terminal SET programme_id = ?", (programme_id,))


def set_epoch(conn: Connection, epoch: int) -> None:
    """Go on in another journal, which begins here."""
    conn.execute("UPDATE terminal SET epoch = ?", (epoch,))


def set_incarnation(conn: Connection, incarnation: Incarnation) -> None:
    """Note which life of HQ's database this till talks with."""
    conn.execute(
        "UPDATE terminal SET incarnation_counter = ?, incarnation_random = ?",
        (incarnation.counter, incarnation.random),
    )


def believe(conn: Connection, kind: Kind, public_key: bytes) -> None:
    """Believe another key of HQ's from now on."""
    if kind == "server":
        conn.execute("UPDATE terminal SET hq_public_key = ?", (public_key,))
    else:
        conn.execute("UPDATE terminal SET programme_public_key = ?", (public_key,))
