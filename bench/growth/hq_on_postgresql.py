"""HQ's growth with PostgreSQL: what a till filled is moved there by the command, and multiplied there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from bench.growth.hq import HqGrowth, Recorded
from bench.growth.multiply import HQ_RULES, SUM_TOTALS
from bench.hq_on_postgresql import backends_seconds
from bench.programs import HQ, command
from bench.sales import TILL, days_of
from tests.postgresql import MASTER, Cluster, Session

KEPT: Final = "SELECT CAST(coalesce(sum(seq), 0) AS BIGINT) FROM heads"
COLUMNS: Final = """
SELECT attname::text FROM pg_attribute
WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_DATE: Final = "(DATE '1970-01-01' + CAST(business_day - copy.n * :days AS INTEGER))"
PERIOD: Final = (
    f"to_char({_DATE}, 'YYYY') || CASE WHEN extract(month FROM {_DATE}) > 6 THEN '-H2' ELSE '-H1' END"
)
RULES: Final[Mapping[str, Mapping[str, str]]] = {
    **HQ_RULES,
    "entries": {**HQ_RULES["entries"], "period_id": PERIOD},
}
QUICKLY: Final = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "ALTER SYSTEM SET max_wal_size = '8GB'",
    "SELECT pg_reload_conf()",
)
DURABLY: Final = ("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()", "CHECKPOINT")


class HqGrowthOnPostgresql(HqGrowth):
    """Headquarters of several sizes, each with a database of its own in one cluster."""

    def __init__(self, recorded: Recorded, made: Cluster) -> None:
        self._cluster = made
        self._sessions: dict[int, Session] = {}
        self._databases: dict[int, str] = {}
        super().__init__(recorded)

    def grown(self, size: int) -> Path:
        """Make one of a size; return its settings file."""
        base = self.recorded.base
        config = self.recorded.copied(size, self.recorded.folder / f"postgresql-{size}")
        database = self._databases[size] = self._cluster.database()
        command(self.recorded.code, HQ, config, "move", "--to", self._cluster.url(database), "--by", "bench")
        with closing(Session(self._cluster.url(database, MASTER))) as session:
            if size > base:
                multiply(session, size // base, days_of(base))
            session.run("VACUUM ANALYZE")
        return config

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run a server on each until the block ends."""
        os.sync()
        with ExitStack() as stack:
            stack.enter_context(super().running())
            for size, name in self._databases.items():
                session = Session(self._cluster.url(name))
                self._sessions[size] = stack.enter_context(closing(session))
            yield

    def events(self, size: int) -> int:
        """Return how many events one has kept."""
        return int(self._sessions[size].run(KEPT)[0][0])

    def cpu_seconds(self, size: int) -> float:
        """Return the processor time that one has used, PostgreSQL's side of its lines included."""
        return self.served[size].cpu_seconds() + backends_seconds(self._sessions[size])


def multiply(session: Session, times: int, days: int) -> None:
    """Make an HQ's database hold `times` as many events and entries; its master's session."""
    session.run(*QUICKLY)
    for table, rules in RULES.items():
        columns = [name for (name,) in session.run(COLUMNS.format(table=table))]
        values = ", ".join(rules.get(name, f"{table}.{name}") for name in columns)
        values = values.replace(":days", str(days)).replace(":till", f"'/{TILL}/'")
        # Copy by copy, so that neighbours in an index are written together.
        session.run(
            f"WITH held AS MATERIALIZED (SELECT * FROM {table})"
            f" INSERT INTO {table} ({', '.join(columns)})"
            f" SELECT {values} FROM generate_series(1, {times - 1}) AS copy (n)"
            f" CROSS JOIN LATERAL (SELECT * FROM held WHERE copy.n > 0 OFFSET 0) AS {table}"
        )
    session.run(SUM_TOTALS, *DURABLY)
