"""HQ's answer to a till's recorded requests with PostgreSQL under it, beside raw SQL that writes its rows."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import asyncpg

from bench.client import Load, drive
from bench.code import Code
from bench.figures import FLOOR, NOW, Figure, Goal, figure
from bench.hq_ingest import Turn
from bench.programs import EDGE, HQ, TICKS, command, give_port, running
from bench.recorded import EXCHANGE, joined, relay, send
from bench.sales import receipts
from bench.turns import in_turns
from hq_server.store.database import create
from tests.postgresql import Cluster, Session, cluster

BACKENDS: Final = (
    "SELECT pid FROM pg_stat_activity "
    "WHERE application_name LIKE 'dangol-hq%' AND datname = current_database()"
)
EVENTS: Final = "SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM batches"
TABLES: Final = """
SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
ORDER BY relname
"""


def measure(code: Code, folder: Path, *, count: int, rounds: int) -> list[Figure]:
    """Return events a second of accept + spread + post + answer, and of raw SQL writing the same rows."""
    folder.mkdir()
    sales = folder / "sales.jsonl"
    sales.write_bytes(b"\n".join(receipts(count)) + b"\n")
    with cluster(durable=True) as made:
        replayed = Replayed(code, folder, sales, count, made)
        raw = Raw(made, replayed.filled, len(replayed.requests))
        taken = in_turns(rounds, {FLOOR: raw.write, NOW: replayed.post})
    return [
        figure(
            f"HQ ingest over HTTP into PostgreSQL, {count:,} purchases in batches of 1,000",
            "/s",
            {name: [turn.a_second for turn in turns] for name, turns in taken.items()},
            floor_what="raw SQL writing the same rows there",
            goal=Goal(limit=0.5, of="ratio", least=True),
        ),
        figure(
            "the same: processor time of HQ and of PostgreSQL's side of its lines each",
            "us",
            {name: [turn.cpu_us for turn in turns] for name, turns in taken.items()},
            floor_what="of the raw SQL, both sides",
        ),
    ]


class Replayed:
    """An HQ before a till's first sale, and the requests with which that till hands in all of them."""

    def __init__(self, code: Code, folder: Path, sales: Path, count: int, made: Cluster) -> None:
        self.code, self.folder, self.count, self._cluster = code, folder, count, made
        self.filled = made.database()
        with relay() as between:
            self._hq, till = joined(code, folder, between, database=made.url(self.filled))
            shutil.copytree(self._hq.parent, folder / "before")
            self._before = made.database(self.filled)
            command(code, EDGE, till, "take", str(sales))
            self.requests: Sequence[bytes] = send(code, self._hq, till, between)

    def post(self, turn: int) -> Turn:
        """Post everything to a copy of HQ as it was before."""
        own = self.folder / f"turn{turn}"
        shutil.copytree(self.folder / "before", own)
        name = self._cluster.database(self._before)
        give_port(own / self._hq.name, self._cluster.url(name))
        with (
            running(self.code, HQ, own / self._hq.name) as served,
            closing(Session(self._cluster.url(name))) as session,
        ):
            load = Load(url=served.url + EXCHANGE, headers={}, clients=1, bodies=self.requests)
            cpu = served.cpu_seconds() + backends_seconds(session)
            driven = drive(own, load)
            cpu = served.cpu_seconds() + backends_seconds(session) - cpu
            events = int(session.run(EVENTS)[0][0])
        if events < self.count:
            raise RuntimeError(f"HQ kept {events} of {self.count} events")
        self._cluster.drop(name)
        shutil.rmtree(own)
        return Turn(events / driven.seconds, cpu / events * 1e6)


class Raw:
    """The rows of a filled database, written again as plain SQL would."""

    def __init__(self, made: Cluster, filled: str, commits: int) -> None:
        self._cluster, self._commits = made, commits
        with closing(Session(made.url(filled))) as session:
            tables = [name for (name,) in session.run(TABLES)]
            rows = {name: session.run(f"SELECT * FROM {name}") for name in tables}
            self._events = int(session.run(EVENTS)[0][0])
        self._rows = {name: found for name, found in rows.items() if found and name != "migrations"}

    def write(self, _: int) -> Turn:
        """Write all rows into an empty database of the same schema, with as many commits."""
        name = self._cluster.database()
        create(self._cluster.url(name)).close()
        turn = asyncio.run(self._written(self._cluster.url(name)))
        self._cluster.drop(name)
        return turn

    async def _written(self, url: str) -> Turn:
        line = await asyncpg.connect(url)
        parts = []
        for table, rows in self._rows.items():
            marks = ", ".join(f"${place}" for place in range(1, len(rows[0]) + 1))
            parts.append((await line.prepare(f"INSERT INTO {table} VALUES ({marks})"), rows))
        pid = line.get_server_pid()
        start, cpu = time.perf_counter(), time.process_time() + seconds_of(pid)
        for turn in range(self._commits):
            async with line.transaction():
                for statement, rows in parts:
                    share = -(-len(rows) // self._commits)
                    await statement.executemany(rows[turn * share : (turn + 1) * share])
        taken, used = time.perf_counter() - start, time.process_time() + seconds_of(pid) - cpu
        await line.close()
        return Turn(self._events / taken, used / self._events * 1e6)


def backends_seconds(session: Session) -> float:
    """Return the processor time that PostgreSQL's side of HQ's lines has used."""
    return sum(seconds_of(pid) for (pid,) in session.run(BACKENDS))


def server_seconds(made: Cluster) -> float:
    """Return the processor time that a cluster has used with all its processes, those that ended too."""
    pid = (made.folder / "data" / "postmaster.pid").read_text().split()[0]
    alive = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(seconds_of(int(one)) for one in [pid, *alive]) + (int(ended[13]) + int(ended[14])) / TICKS


def seconds_of(pid: int) -> float:
    """Return the processor time that a process has used, in seconds, to a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
