"""The close of a half-year by its command beside bare SQL that writes the same rows, a bucket a transaction.

Everybody has been assessed once before, so that what is held is looked up for each. The bare SQL knows one
ladder and no policy: no grants, merges or grace, nothing said of who may not report yet.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.code import Code
from bench.databases import Connection, connect, rows_in, transaction
from bench.figures import FLOOR, Figure, Goal, figure
from bench.programs import HQ, command, set_up_hq
from bench.sales import STORE
from bench.turns import in_turns
from hq_server.references import bucket_of
from loyalty_core.calendar import Period, day_of, period_of
from loyalty_core.units import Day

BUCKETS = 64
POINTS_MAX = 500
AT_ONCE = 50_000
ASSESS = """
INSERT INTO assessments (bucket, member_id, assessment_no, period_id, cause, kind, held, tier, qualifying,
  programme_version, start_day, from_day, decision, posted_at_ms)
SELECT bucket, member_id, :number, :period, 'close',
  CASE WHEN qualifying >= 300 AND held <> 'GOLD' THEN 'upgrade'
    WHEN qualifying < 300 AND held = 'GOLD' THEN 'downgrade' ELSE 'renewal' END,
  held, CASE WHEN qualifying >= 300 THEN 'GOLD' WHEN qualifying >= 100 THEN 'SILVER' ELSE 'BRONZE' END,
  qualifying, 1, :day, :day, 1, :now
FROM (
  SELECT m.bucket AS bucket, m.member_id AS member_id, coalesce(t.qualifying, 0) AS qualifying,
    (SELECT a.tier FROM assessments AS a WHERE a.bucket = m.bucket AND a.member_id = m.member_id
      ORDER BY a.assessment_no DESC LIMIT 1) AS held
  FROM members AS m LEFT JOIN totals AS t ON t.bucket = m.bucket AND t.member_id = m.member_id
    AND t.period_id = :period
  WHERE m.bucket = :bucket
)
"""
TELL = """
UPDATE changes SET change_no = :number + told.place
FROM (SELECT member_id, row_number() OVER (ORDER BY member_id) AS place FROM assessments
  WHERE bucket = :bucket AND assessment_no = :number) AS told
WHERE changes.bucket = :bucket AND changes.member_id = told.member_id
"""


class Turn(msgspec.Struct, frozen=True):
    """What one close took."""

    seconds: float
    cpu_seconds: float


def measure(codes: Sequence[Code], folder: Path, *, members: int, rounds: int) -> list[Figure]:
    """Return the seconds of a close of so many members, and of bare SQL writing the same rows."""
    folder.mkdir()
    period = _last_period()
    made: dict[str, Path] = {}
    for code in codes:
        made[code.name] = set_up_hq(code, folder / code.name)
        with closing(connect(_database(made[code.name]))) as conn:
            _fill(conn, period, members)

    def by_command(code: Code) -> Callable[[int], Turn]:
        def run(turn: int) -> Turn:
            own = folder / f"turn{turn}"
            shutil.copytree(made[code.name].parent, own)
            taken = _taken(lambda: _close(code, own / made[code.name].name, period))
            _check(own / "data" / "hq.db", members)
            shutil.rmtree(own)
            return taken

        return run

    def by_sql(turn: int) -> Turn:
        own = folder / f"bare{turn}.db"
        shutil.copy(_database(made[codes[0].name]), own)
        with closing(connect(own)) as conn:
            taken = _taken(lambda: _bare(conn, period))
        _check(own, members)
        own.unlink()
        return taken

    turns = in_turns(rounds, {FLOOR: by_sql, **{code.name: by_command(code) for code in codes}})
    what = f"close of a half-year, {members:,} members"
    return [
        figure(
            what,
            "s",
            {name: [one.seconds for one in taken] for name, taken in turns.items()},
            floor_what="bare SQL writing the same rows",
            goal=Goal(limit=3, of="ratio"),
        ),
        figure(
            "the same: processor time",
            "s",
            {name: [one.cpu_seconds for one in taken] for name, taken in turns.items()},
            floor_what="of the bare SQL",
        ),
    ]


def _last_period() -> Period:
    """Return the half-year that is over."""
    today = day_of(datetime.now(UTC).date())
    # The day before the present one began is of the last one; a week before, wherever midnight is.
    return period_of(Day(period_of(Day(today - 7), 6).first - 1), 6)


def _database(config: Path) -> Path:
    return config.parent / "data" / "hq.db"


def _fill(conn: Connection, period: Period, members: int) -> None:
    """Give HQ members with points of the period, a tier from before, and a store that hears of each."""
    conn.execute("DELETE FROM changes")
    for first in range(0, members, AT_ONCE):
        with transaction(conn):
            named = list(_named(first, min(AT_ONCE, members - first)))
            conn.executemany(
                "INSERT INTO members (bucket, member_id, name, home_store) VALUES (?, ?, '', ?)",
                [(bucket, member, STORE) for bucket, member, _ in named],
            )
            conn.executemany(
                "INSERT INTO totals (bucket, member_id, period_id, redeemable, qualifying, credited)"
                " VALUES (?, ?, ?, 1, ?, 1)",
                [(bucket, member, period.id, points) for bucket, member, points in named],
            )
            conn.executemany(
                "INSERT INTO assessments (bucket, member_id, assessment_no, period_id, cause, kind, held,"
                " tier, qualifying, programme_version, start_day, from_day, decision, posted_at_ms)"
                " VALUES (?, ?, 1, '', 'monthly', 'upgrade', 'BRONZE', ?, 0, 1, 1, 1, 0, 0)",
                [(bucket, member, ("SILVER", "GOLD")[points % 2]) for bucket, member, points in named],
            )
            conn.executemany(
                "INSERT INTO changes (bucket, member_id, audience, change_no) VALUES (?, ?, ?, ?)",
                [(bucket, member, STORE, first + n + 2) for n, (bucket, member, _) in enumerate(named)],
            )
    with transaction(conn):
        conn.execute("UPDATE buckets SET change_no = ?", (members + 1,))


def _named(first: int, count: int) -> Iterator[tuple[int, str, int]]:
    """Yield bucket, id and points of members; points come in as many cases as there are."""
    for number in range(first, first + count):
        member = f"B{number:08}"
        yield bucket_of(member, BUCKETS), member, number * 7919 % POINTS_MAX


def _close(code: Code, config: Path, period: Period) -> None:
    command(code, HQ, config, "period", "close", period.id, "--by", "bench")


def _bare(conn: Connection, period: Period) -> None:
    """Do the same in as many transactions."""
    now = int(time.time() * 1000)
    for bucket in range(BUCKETS):
        with transaction(conn):
            (before,) = conn.execute("SELECT change_no FROM buckets WHERE bucket = ?", (bucket,)).fetchone()
            named = {"bucket": bucket, "number": before + 1, "period": period.id}
            rows = conn.execute(ASSESS, {**named, "day": period.last + 16, "now": now}).rowcount
            conn.execute(TELL, named)
            conn.execute(
                "INSERT INTO bucket_closes (bucket, period_id, entry_no) VALUES (?, ?, ?)",
                (bucket, period.id, before),
            )
            conn.execute("UPDATE buckets SET change_no = ? WHERE bucket = ?", (before + 1 + rows, bucket))


def _taken(work: Callable[[], None]) -> Turn:
    start, cpu = time.perf_counter(), _cpu_seconds()
    work()
    return Turn(time.perf_counter() - start, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    """Return the processor time of this process and of those that it waited for."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _check(database: Path, members: int) -> None:
    assessed, closed = rows_in(database, "assessments", "bucket_closes")
    if (assessed, closed) != (2 * members, BUCKETS):
        raise RuntimeError(f"{assessed} assessments of {2 * members} stand, and {closed} buckets are closed")
