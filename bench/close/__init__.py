"""The close of a half-year by its command beside bare SQL that writes the same rows, a bucket a transaction.

With SQLite and with PostgreSQL in the same turns; another revision has its turns with SQLite.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from bench.close.bare import close_by_sql
from bench.close.houses import BUCKETS, House, OnPostgresql, OnSqlite
from bench.code import Code
from bench.figures import FLOOR, Figure, Goal, figure
from bench.programs import HQ, command
from bench.turns import in_turns
from bench.year.asking import ask
from hq_server.store.database import opened
from loyalty_core.calendar import Period, day_of, period_of
from loyalty_core.units import Day
from tests.postgresql import cluster

COUNTED = "SELECT (SELECT count(*) FROM assessments), (SELECT count(*) FROM bucket_closes)"


class Turn(msgspec.Struct, frozen=True):
    """What one close took."""

    seconds: float
    cpu_seconds: float


def measure(codes: Sequence[Code], folder: Path, *, members: int, rounds: int) -> list[Figure]:
    """Return the seconds of a close of so many members, and of bare SQL writing the same rows."""
    folder.mkdir()
    period, now = _last_period(), codes[0]
    with cluster(durable=True) as made:
        sqlite = {code.name: OnSqlite(code, folder / code.name, period, members) for code in codes}
        postgresql = OnPostgresql(now, folder / "postgresql", period, members, made)
        closing_of = partial(_turn, period=period, members=members)
        runs: dict[tuple[str, str], Callable[[int], Turn]] = {
            ("SQLite", FLOOR): partial(closing_of, sqlite[now.name], None),
            **{("SQLite", code.name): partial(closing_of, sqlite[code.name], code) for code in codes},
            ("PostgreSQL", FLOOR): partial(closing_of, postgresql, None),
            ("PostgreSQL", now.name): partial(closing_of, postgresql, now),
        }
        turns = in_turns(rounds, {"/".join(name): run for name, run in runs.items()})
    figures: list[Figure] = []
    for database in ("SQLite", "PostgreSQL"):
        taken = {side: turns[f"{database}/{side}"] for kind, side in runs if kind == database}
        figures += _figures(f"close of a half-year on {database}, {members:,} members", taken)
    return figures


def _figures(what: str, taken: Mapping[str, Sequence[Turn]]) -> list[Figure]:
    return [
        figure(
            what,
            "s",
            {name: [one.seconds for one in turns] for name, turns in taken.items()},
            floor_what="bare SQL writing the same rows",
            goal=Goal(limit=3, of="ratio"),
        ),
        figure(
            f"{what}: processor time with the database's",
            "s",
            {name: [one.cpu_seconds for one in turns] for name, turns in taken.items()},
            floor_what="of the bare SQL",
        ),
    ]


def _last_period() -> Period:
    """Return the half-year that is over."""
    today = day_of(datetime.now(UTC).date())
    # The day before the present one began is of the last one; a week before, wherever midnight is.
    return period_of(Day(period_of(Day(today - 7), 6).first - 1), 6)


def _turn(house: OnSqlite | OnPostgresql, code: Code | None, turn: int, period: Period, members: int) -> Turn:
    """Close a copy of a house by the command of a revision, or by bare SQL."""
    with house.copied(f"{'bare' if code is None else 'turn'}{turn}") as own:
        start, cpu = time.perf_counter(), _cpu_seconds() + house.server_seconds()
        if code is None:
            close_by_sql(own.place, period)
        else:
            command(code, HQ, own.config, "period", "close", period.id, "--by", "bench")
        taken = time.perf_counter() - start
        cpu = _cpu_seconds() + house.server_seconds() - cpu
        _check(own, members)
    return Turn(taken, cpu)


def _cpu_seconds() -> float:
    """Return the processor time of this process and of those that it waited for."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _check(house: House, members: int) -> None:
    with opened(house.place) as conn:
        ((assessed, closed),) = ask(conn, COUNTED)
    if (assessed, closed) != (2 * members, BUCKETS):
        raise RuntimeError(f"{assessed} assessments of {2 * members} stand, and {closed} buckets are closed")
