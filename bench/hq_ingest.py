"""HQ's answer to a till's recorded requests beside raw SQL that writes the same rows into the same schema."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.client import Load, drive
from bench.code import Code
from bench.databases import connect, received, transaction
from bench.figures import FLOOR, NOW, Figure, Goal, figure
from bench.programs import EDGE, HQ, command, running
from bench.recorded import EXCHANGE, joined, relay, send
from bench.sales import receipts
from bench.turns import in_turns


class Turn(msgspec.Struct, frozen=True):
    """What one whole journal came to."""

    a_second: float
    cpu_us: float


class Replayed:
    """An HQ before a till's first sale, and the requests with which that till hands in all of them."""

    def __init__(self, code: Code, folder: Path, sales: Path, count: int) -> None:
        self.code, self.folder, self.count = code, folder, count
        with relay() as between:
            self._hq, till = joined(code, folder, between)
            shutil.copytree(self._hq.parent, folder / "before")
            command(code, EDGE, till, "take", str(sales))
            self.requests = send(code, self._hq, till, between)

    @property
    def filled(self) -> Path:
        """HQ's database with everything in it."""
        return self._hq.parent / "data" / "hq.db"

    def post(self, turn: int) -> Turn:
        """Post everything to a copy of HQ as it was before."""
        own = self.folder / f"turn{turn}"
        shutil.copytree(self.folder / "before", own)
        with running(self.code, HQ, own / self._hq.name) as served:
            cpu = served.cpu_seconds()
            load = Load(url=served.url + EXCHANGE, headers={}, clients=1, bodies=self.requests)
            driven = drive(own, load)
            cpu = served.cpu_seconds() - cpu
        events, _ = received(own / "data")
        if events < self.count:
            raise RuntimeError(f"HQ kept {events} of {self.count} events")
        shutil.rmtree(own)
        return Turn(events / driven.seconds, cpu / events * 1e6)


def measure(codes: Sequence[Code], folder: Path, *, count: int, rounds: int) -> list[Figure]:
    """Return events a second of accept + spread + post + answer, and of raw SQL writing the same rows."""
    folder.mkdir()
    sales = folder / "sales.jsonl"
    sales.write_bytes(b"\n".join(receipts(count)) + b"\n")
    replayed = {code.name: Replayed(code, folder / code.name, sales, count) for code in codes}
    raw = Raw(replayed[NOW].filled, replayed[NOW].requests)
    runs: dict[str, Callable[[int], Turn]] = {
        FLOOR: lambda turn: raw.write(folder / f"raw{turn}.db"),
        **{name: one.post for name, one in replayed.items()},
    }
    taken = in_turns(rounds, runs)
    return [
        figure(
            f"HQ ingest over HTTP, {count:,} purchases in batches of 1,000",
            "/s",
            {name: [turn.a_second for turn in turns] for name, turns in taken.items()},
            floor_what="raw SQL writing the same rows",
            goal=Goal(limit=0.5, of="ratio", least=True),
        ),
        figure(
            "the same: processor time of HQ each",
            "us",
            {name: [turn.cpu_us for turn in turns] for name, turns in taken.items()},
            floor_what="of the raw SQL",
        ),
    ]


class Raw:
    """The rows of a filled database, and the schema that holds them."""

    def __init__(self, filled: Path, requests: Sequence[bytes]) -> None:
        conn = connect(filled)
        objects = conn.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
        rows = [(kind, name, sql) for kind, name, sql in objects if not name.startswith("sqlite_")]
        self._schema = [sql for _, _, sql in sorted(rows, key=lambda row: row[0] != "table")]
        self._parts: list[tuple[str, list[tuple[Any, ...]]]] = []
        for kind, table, _ in rows:
            values = list(conn.execute(f"SELECT * FROM {table}")) if kind == "table" else []
            if values:
                marks = ", ".join("?" * len(values[0]))
                self._parts.append((f"INSERT INTO {table} VALUES ({marks})", values))
        self._commits = len(requests)
        conn.close()
        self._events, _ = received(filled.parent)

    def write(self, path: Path) -> Turn:
        """Write all rows into an empty database of the same schema, with as many commits."""
        conn = connect(path)
        for statement in self._schema:
            conn.execute(statement)
        start, cpu = time.perf_counter(), time.process_time()
        for turn in range(self._commits):
            with transaction(conn):
                for statement, rows in self._parts:
                    share = -(-len(rows) // self._commits)
                    conn.executemany(statement, rows[turn * share : (turn + 1) * share])
        taken, used = time.perf_counter() - start, time.process_time() - cpu
        conn.close()
        path.unlink()
        return Turn(self._events / taken, used / self._events * 1e6)
