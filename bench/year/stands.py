"""What stands at headquarters when all has come, free of what only the order of coming decides.

Events bear the names of their receipts instead of their places in a journal, and entries are netted: what was
posted and corrected later is what it came to. An entry that follows from no event bears no date: it is one
entry whatever day it was posted for, as `loyalty_core.entries.diff` takes it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.year.asking import ask
from hq_server.account_view import standing
from hq_server.audit import Audited, audit
from hq_server.house import House, load_house
from hq_server.reconcile import open_exceptions
from hq_server.store.connection import Connection, Transaction, reading
from hq_server.store.database import opened
from loyalty_core.events import EVENT_NAMES, Event, EventId, ReceiptKey, RedemptionCommitted
from loyalty_core.journal import unpack_record
from loyalty_core.units import EpochMs, Seq

Named = tuple[Any, ...]

BY_NUMBER = frozenset({"redemption_void"})
"""Exceptions that a till's own numbers decide: it numbers the same year otherwise when told it otherwise."""
ROWS: Final = (
    """
    SELECT bucket, span, entry_no, member_id, earned_day, terminal_id, epoch, branch, seq, kind, corrects,
      business_day, period_id, redeemable, qualifying, programme_version, steps, posted_at_ms, rule
    FROM entries
    """,
    """
    SELECT bucket, assessment_no, member_id, period_id, cause, kind, held, tier, qualifying,
      programme_version, start_day, from_day, decision, posted_at_ms
    FROM assessments
    """,
)
"""All of the ledger and of the tiers."""
LAST_TIERS: Final = """
SELECT tier, count(*) FROM assessments AS a WHERE assessment_no = (SELECT max(b.assessment_no)
  FROM assessments AS b WHERE b.bucket = a.bucket AND b.member_id = a.member_id) GROUP BY tier
"""


class Stands(msgspec.Struct, frozen=True, kw_only=True):
    """One ledger. `points` nets (redeemable, qualifying) by member, event, kind, days, period and rule.

    `accounts` holds each member's totals, lots and standing, `exceptions` counts what is open by kind, store
    and subject, without those `BY_NUMBER`, `entries` the rows; `tiers` are the members that hold each at the
    end of the year's closes. `posted` is a digest of every row, the same where all came in the same order.
    """

    entries: int
    points: dict[Named, tuple[int, int]]
    accounts: dict[Named, Any]
    exceptions: dict[Named, int]
    tiers: dict[str, int]
    posted: str
    audited: Audited


def stands_at(place: Path | str, public_key: bytes, now_ms: EpochMs) -> Stands:
    """Return what stands in a database, audited.

    Raises:
        Difference: the audit's first.
    """
    with opened(place) as conn:
        names = dict(_names(conn))
        with reading(conn) as tx:
            house = load_house(tx)
            found = {str(event): name for event, name in names.items()}
            exceptions = Counter(
                (one.kind, one.store_id, "/".join(found.get(part, part) for part in one.subject.split("/")))
                for one in open_exceptions(tx, now_ms)
                if one.kind not in BY_NUMBER
            )
            count, points = _points(conn, names)
            return Stands(
                entries=count,
                points=points,
                accounts=_accounts(conn, tx, house, now_ms),
                exceptions=dict(exceptions),
                tiers=dict(sorted(ask(conn, LAST_TIERS))),
                posted=_digest(conn),
                audited=audit(tx, public_key, lambda _, __: None),
            )


def _digest(conn: Connection) -> str:
    told = hashlib.sha256()
    for sql in ROWS:
        for row in sorted(map(repr, ask(conn, sql))):
            told.update(row.encode())
    return told.hexdigest()


def differences(one: Stands, other: Stands, way: str) -> list[str]:
    """Return a sentence for everything in which two ledgers differ, the other having come `way`."""
    found = []
    for name in ("points", "accounts", "exceptions"):
        here, there = getattr(one, name), getattr(other, name)
        found += [
            f"{name} of {key}: {here.get(key)}, and {there.get(key)} {way}"
            for key in here.keys() | there.keys()
            if here.get(key) != there.get(key)
        ]
    return found


def _names(conn: Connection) -> Iterator[tuple[EventId, str]]:
    """Yield each fact with what its till's software calls it."""
    rows = ask(
        conn,
        "SELECT terminal_id, epoch, branch, seq, record FROM events WHERE record IS NOT NULL"
        " UNION ALL SELECT terminal_id, epoch, branch, seq, record FROM visiting_facts",
    )
    for terminal_id, epoch, branch, seq, record in rows:
        yield EventId(terminal_id, epoch, branch, Seq(seq)), _name(unpack_record(record).event)


def _name(event: Event) -> str:
    """Return what a fact of the plan is called: by its receipt, a redemption by its own name."""
    if isinstance(event, RedemptionCommitted):
        return f"redemption {event.redemption}"
    key: ReceiptKey | None = getattr(event, "receipt", None)
    if key is None:
        raise TypeError(f"{EVENT_NAMES[type(event)]} of the plan bears no receipt key")
    return f"{EVENT_NAMES[type(event)]} {key.store}/{key.till}/{key.business_day}/{key.number}"


def _points(conn: Connection, names: dict[EventId, str]) -> tuple[int, dict[Named, tuple[int, int]]]:
    """Return how many entries there are, and what they come to where that is anything."""
    count = 0
    sums: dict[Named, tuple[int, int]] = {}
    rows = ask(
        conn,
        "SELECT terminal_id, epoch, branch, seq, member_id, coalesce(corrects, kind), earned_day,"
        " business_day, period_id, rule, programme_version, redeemable, qualifying FROM entries",
    )
    for terminal_id, epoch, branch, seq, member, kind, earned, day, period, rule, version, *points in rows:
        count += 1
        caused = names[EventId(terminal_id, epoch, branch, Seq(seq))] if terminal_id else ""
        key = (member, caused, kind, earned, day if terminal_id else 0, period, rule, version)
        redeemable, qualifying = sums.get(key, (0, 0))
        sums[key] = (redeemable + points[0], qualifying + points[1])
    return count, {key: points for key, points in sums.items() if points != (0, 0)}


def _accounts(conn: Connection, tx: Transaction, house: House, now_ms: EpochMs) -> dict[Named, Any]:
    totals = ask(conn, "SELECT member_id, period_id, redeemable, qualifying, credited FROM totals")
    found: dict[Named, Any] = {(*row[:2],): row[2:] for row in totals if any(row[2:])}
    for (member,) in ask(conn, "SELECT member_id FROM members"):
        found[member,] = standing(tx, house, member, now_ms)
    return found
