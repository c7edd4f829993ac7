"""A file of receipts through the watched folder of a running agent, HQ absent, until all are durable."""

from __future__ import annotations

import json
import time
from pathlib import Path

from bench.figures import Figure
from bench.programs import running, set_up_hq, set_up_till
from bench.sales import receipts
from edge_agent.store import journal
from edge_agent.store.database import connect, transaction

FLOOR_GROUP = 200
WAIT_SECONDS = 0.02


def measure(folder: Path, *, count: int, rounds: int) -> list[Figure]:
    """Return receipts a second, beside reading the same lines and inserting one row each."""
    hq = set_up_hq(folder / "hq")
    with running("hq_server", hq, folder / "hq" / "data", ("serve",)) as url:
        till = set_up_till(
            folder / "till", hq, url, 'folder = {path = "in", settle_ms = 1, rescan_ms = 100}\n'
        )
    speeds, floors = [], []
    data = folder / "till" / "data"
    with running("edge_agent", till, data, ("run",)):
        reader = connect(data / "till.db", read_only=True)
        for turn in range(rounds):
            lines = receipts(count, first=turn * count, seed=turn)
            floors.append(_floor(folder / f"floor{turn}.db", lines))
            there = journal.count(reader)
            (folder / "new").write_bytes(b"\n".join(lines) + b"\n")
            start = time.perf_counter()
            (folder / "new").rename(folder / "till" / "in" / f"{turn}.jsonl")
            while journal.count(reader) < there + count:
                time.sleep(WAIT_SECONDS)
            speeds.append(count / (time.perf_counter() - start))
        reader.close()
    return [
        Figure(
            what=f"{count:,} receipts through the folder, durable",
            unit="/s",
            values=tuple(speeds),
            floor_what=f"json.loads + one row each, {FLOOR_GROUP} a commit",
            floor=tuple(floors),
            goal=">= 10,000 /s",
            met=sorted(speeds)[len(speeds) // 2] >= 10_000,
        )
    ]


def _floor(path: Path, lines: list[bytes]) -> float:
    conn = connect(path)
    conn.execute("CREATE TABLE t (number TEXT PRIMARY KEY, raw BLOB)")
    start = time.perf_counter()
    for first in range(0, len(lines), FLOOR_GROUP):
        with transaction(conn):
            for line in lines[first : first + FLOOR_GROUP]:
                number = json.loads(line)["receipt"]["number"]
                conn.execute("INSERT INTO t VALUES (?, ?)", (number, line))
    conn.close()
    return len(lines) / (time.perf_counter() - start)
