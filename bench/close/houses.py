"""Headquarters that wait for a close, with SQLite and with PostgreSQL under them, copied for each turn.

Everybody has points of the period and has been assessed once before, so that what is held is looked up.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.code import Code
from bench.databases import connect, transaction
from bench.hq_on_postgresql import server_seconds
from bench.programs import give_port, set_up_hq
from bench.sales import STORE
from hq_server.references import bucket_of
from hq_server.store.connection import writing
from hq_server.store.database import opened
from hq_server.store.postgresql.connection import PostgresqlConnection
from hq_server.store.postgresql.copying import put_rows
from loyalty_core.calendar import Period
from tests.postgresql import Cluster, Session

BUCKETS: Final = 64
POINTS_MAX: Final = 500
AT_ONCE: Final = 50_000
COLUMNS: Final = {
    "members": ["bucket", "member_id", "name", "home_store"],
    "totals": ["bucket", "member_id", "period_id", "redeemable", "qualifying", "credited"],
    "assessments": [
        *("bucket", "member_id", "assessment_no", "period_id", "cause", "kind", "held", "tier", "qualifying"),
        *("programme_version", "start_day", "from_day", "decision", "posted_at_ms"),
    ],
    "changes": ["bucket", "member_id", "audience", "change_no"],
}
Rows = list[tuple[int | str, ...]]


class House(NamedTuple):
    """Its settings, and where its database is."""

    config: Path
    place: Path | str


class OnSqlite:
    """A file, copied with the folder that it is in."""

    def __init__(self, code: Code, folder: Path, period: Period, members: int) -> None:
        self._folder, self._made = folder, set_up_hq(code, folder / "made")
        with closing(connect(_file(self._made))) as conn:
            conn.execute("DELETE FROM changes")
            for tables in _parts(period, members):
                with transaction(conn):
                    for table, rows in tables:
                        names = COLUMNS[table]
                        marks = ", ".join("?" * len(names))
                        conn.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)
            conn.execute("UPDATE buckets SET change_no = ?", (members + 1,))

    @contextmanager
    def copied(self, turn: str) -> Iterator[House]:
        """Lend a copy."""
        own = self._folder / turn
        shutil.copytree(self._made.parent, own)
        yield House(own / self._made.name, _file(own / self._made.name))
        shutil.rmtree(own)

    def server_seconds(self) -> float:
        """Return none: whoever writes does all of it."""
        return 0.0


class OnPostgresql:
    """A database of a cluster, copied there."""

    def __init__(self, code: Code, folder: Path, period: Period, members: int, made: Cluster) -> None:
        self._folder, self._cluster, self._database = folder, made, made.database()
        url = made.url(self._database)
        self._made = set_up_hq(code, folder / "made", url)
        with opened(url) as conn:
            assert isinstance(conn, PostgresqlConnection)
            for tables in _parts(period, members):
                with writing(conn):
                    for table, rows in tables:
                        put_rows(conn, table, COLUMNS[table], rows)
        with closing(Session(url)) as session:
            session.run(f"UPDATE buckets SET change_no = {members + 1}", "VACUUM ANALYZE")

    @contextmanager
    def copied(self, turn: str) -> Iterator[House]:
        """Lend a copy."""
        own = self._folder / turn
        shutil.copytree(self._made.parent, own)
        name = self._cluster.database(self._database)
        url = self._cluster.url(name)
        give_port(own / self._made.name, url)
        yield House(own / self._made.name, url)
        self._cluster.drop(name)
        shutil.rmtree(own)

    def server_seconds(self) -> float:
        """Return the processor time that PostgreSQL has used."""
        return server_seconds(self._cluster)


def _file(config: Path) -> Path:
    return config.parent / "data" / "hq.db"


def _parts(period: Period, members: int) -> Iterator[Sequence[tuple[str, Rows]]]:
    """Yield rows by table, of some members at once: points in as many cases as there are, a tier, a store."""
    for first in range(0, members, AT_ONCE):
        named = list(_named(range(first, min(first + AT_ONCE, members))))
        yield [
            ("members", [(bucket, member, "", STORE) for bucket, member, _ in named]),
            ("totals", [(bucket, member, period.id, 1, points, 1) for bucket, member, points in named]),
            ("assessments", [(bucket, member, *_before(points)) for bucket, member, points in named]),
            ("changes", [(*one[:2], STORE, number + 2) for number, one in enumerate(named, first)]),
        ]


def _named(numbers: Iterable[int]) -> Iterator[tuple[int, str, int]]:
    """Yield bucket, id and points of members."""
    for number in numbers:
        member = f"B{number:08}"
        yield bucket_of(member, BUCKETS), member, number * 7919 % POINTS_MAX


def _before(points: int) -> tuple[int | str, ...]:
    """Return what a member was assessed before."""
    tier = ("SILVER", "GOLD")[points % 2]
    return (1, "", "monthly", "upgrade", "BRONZE", tier, 0, 1, 1, 1, 0, 0)
