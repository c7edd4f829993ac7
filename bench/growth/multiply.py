"""A till's and an HQ's database, grown by copies of what they hold.

Every copy is the same receipts so many days earlier, under keys of its own: on the till further on in the
same journal, whose chain is hashed on and verifies; at HQ from another terminal of the same store. What
they hold in packed form keeps its first date, so an audit of such a database finds differences, as `verify`
does in a till's counts of days; nothing that is measured reads them. Schemas change: a table that holds
many rows and is not named here is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from bench.databases import Connection, connect, transaction
from bench.sales import STORE, TILL

CACHE_KIB: Final = 1 << 20
KEY_OF_SALES: Final = f"purchase/{STORE}/{TILL}/"
DAY_DIGITS: Final = 5
FEW: Final = 2
"""A table with less than an event's row for this many events is none that grows with them."""

TILL_RULES: Final[Mapping[str, Mapping[str, str]]] = {
    "journal": {},
    "source": {
        "natural_key": (
            "substr(natural_key, 1, :key) || (CAST(substr(natural_key, :key + 1, :digits) AS INTEGER)"
            " - copy.n * :days) || substr(natural_key, :key + 1 + :digits)"
        ),
        "seq": "seq + copy.n * :records",
    },
    "entry": {
        "seq": "seq + copy.n * :records",
        "of_seq": "of_seq + copy.n * :records",
        "earned_day": "earned_day - copy.n * :days",
    },
    "day_count": {
        "business_day": "business_day - copy.n * :days",
        "first_seq": "first_seq + copy.n * :records",
        "last_seq": "last_seq + copy.n * :records",
    },
}
_TERMINAL: Final = {"terminal_id": "terminal_id || '-' || copy.n"}
_DAY: Final = {"business_day": "business_day - copy.n * :days"}
_EARNED: Final = {"earned_day": "earned_day - copy.n * :days"}
_DATE: Final = "date((business_day - copy.n * :days) * 86400, 'unixepoch')"
HQ_RULES: Final[Mapping[str, Mapping[str, str]]] = {
    "heads": _TERMINAL,
    "closings": _TERMINAL,
    "batches": _TERMINAL,
    "events": {**_TERMINAL, **_DAY, "receipt_key": "replace(receipt_key, :till, '/C' || copy.n || '/')"},
    "day_counts": {**_TERMINAL, **_DAY},
    "member_receipts": {
        **_DAY,
        "span": "(business_day - copy.n * :days) / 32",
        "receipt_id": "replace(receipt_id, :till, '/C' || copy.n || '/')",
    },
    "entries": {
        **_TERMINAL,
        **_DAY,
        **_EARNED,
        "span": "(earned_day - copy.n * :days) / 32",
        "period_id": f"strftime('%Y', {_DATE}) || iif(strftime('%m', {_DATE}) > '06', '-H2', '-H1')",
    },
}
SUM_TOTALS: Final = """
INSERT INTO totals (bucket, member_id, period_id, redeemable, qualifying, credited)
SELECT bucket, member_id, period_id, sum(redeemable), sum(qualifying), sum(redeemable)
FROM entries WHERE true GROUP BY bucket, member_id, period_id
ON CONFLICT (bucket, member_id, period_id) DO UPDATE SET redeemable = excluded.redeemable,
  qualifying = excluded.qualifying, credited = excluded.credited
"""
NOT_OF_EVENTS: Final = frozenset(
    {
        "member",
        "member_look_up",
        "members",
        "look_ups",
        "member_look_ups",
        "spelling",
        "changes",
        "totals",
        "stamps",
    }
)


class UnknownSchemaError(Exception):
    """This revision keeps its events otherwise than the bench knows how to multiply."""


def multiply_till(path: Path, times: int, days: int) -> None:
    """Make a till's database hold `times` as many receipts, all acknowledged by HQ."""
    with _open(path, TILL_RULES) as conn:
        records = list(conn.execute("SELECT record FROM journal ORDER BY epoch, branch, seq"))
        epoch, head, last = conn.execute(
            "SELECT epoch, seq, hash FROM journal ORDER BY epoch DESC, seq DESC LIMIT 1"
        ).fetchone()
        if head != len(records):
            raise UnknownSchemaError("the journal is not one run of records")
        keys = "SELECT count(*) FROM source WHERE substr(natural_key, 1, ?) <> ?"
        if conn.execute(keys, (len(KEY_OF_SALES), KEY_OF_SALES)).fetchone()[0]:
            raise UnknownSchemaError("sales have other natural keys than the bench knows")

        def chained() -> Iterator[tuple[int, int, bytes, bytes]]:
            at = last
            for seq in range(head, head * times):
                (record,) = records[seq % head]
                at = hashlib.sha256(at + record).digest()
                yield epoch, seq + 1, record, at

        conn.executemany(
            "INSERT INTO journal (epoch, branch, seq, record, hash) VALUES (?, 0, ?, ?, ?)", chained()
        )
        bound = {"key": len(KEY_OF_SALES), "digits": DAY_DIGITS, "records": head, "days": days}
        for table in ("source", "entry", "day_count"):
            _copy(conn, table, TILL_RULES[table], times, bound)
        conn.execute("UPDATE closing SET counted = ?", (head * times,))
        conn.execute("DELETE FROM acknowledged")
        conn.execute(
            "INSERT INTO acknowledged (epoch, branch, seq, hash)"
            " SELECT epoch, branch, seq, hash FROM journal WHERE epoch = ? AND branch = 0 AND seq = ?",
            (epoch, head * times),
        )


def multiply_hq(path: Path, times: int, days: int) -> None:
    """Make an HQ's database hold `times` as many events and entries."""
    with _open(path, HQ_RULES) as conn:
        for table, rules in HQ_RULES.items():
            _copy(conn, table, rules, times, {"till": f"/{TILL}/", "days": days})
        conn.execute(SUM_TOTALS)


@contextmanager
def _open(path: Path, rules: Mapping[str, object]) -> Iterator[Connection]:
    """Open a database that nobody uses for one large write that need not be durable until the end."""
    with closing(connect(path)) as conn:
        _check(conn, rules)
        conn.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        conn.execute("PRAGMA journal_mode=DELETE")
        conn.execute("PRAGMA synchronous=OFF")
        with transaction(conn):
            yield conn
        conn.execute("PRAGMA synchronous=FULL")
        conn.execute("PRAGMA journal_mode=WAL")


def _check(conn: Connection, rules: Mapping[str, object]) -> None:
    """Refuse a schema that keeps events elsewhere than these rules know.

    Raises:
        UnknownSchemaError: a table is missing, or another has grown with the events.
    """
    tables = {name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if missing := set(rules) - tables:
        raise UnknownSchemaError(f"this revision has no table {min(missing)}")
    sizes = {name: conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    many = max(sizes[name] for name in rules) / FEW
    if unknown := {name for name in tables - set(rules) - NOT_OF_EVENTS if sizes[name] > many}:
        raise UnknownSchemaError(f"this revision keeps events in {min(unknown)}, which the bench cannot grow")


def _copy(
    conn: Connection, table: str, rules: Mapping[str, str], times: int, bound: Mapping[str, int | str]
) -> None:
    columns = [name for _, name, *_ in conn.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(rules.get(name, name) for name in columns)
    conn.execute(
        "WITH RECURSIVE copy (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n + 1 < :times)"
        f" INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} CROSS JOIN copy",
        {**bound, "times": times},
    )
