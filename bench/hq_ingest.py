"""HQ's ingest beside raw SQL that writes the same rows into the same schema, in one process, in turns."""

from __future__ import annotations

import secrets
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.programs import command, running, set_up_hq, set_up_till
from bench.sales import receipts
from edge_agent.config import Sync
from edge_agent.store import terminal
from edge_agent.store.database import connect as connect_till
from edge_agent.store.database import transaction
from edge_agent.sync.exchange import request
from edge_agent.sync.install import install, open_reply
from edge_agent.sync.keys import private_key
from hq_server.accept import open_exchange
from hq_server.exchange import Answering, answer, apply
from hq_server.house import load_house
from hq_server.store.connection import Connection, reading, writing
from hq_server.store.connection import connect as connect_hq
from hq_server.store.migrate import migrate
from loyalty_core.messages import Clock, Health
from loyalty_core.units import EpochMs


def measure(folder: Path, *, count: int, rounds: int) -> list[Figure]:
    """Return events a second of accept + spread + post + answer, and of raw SQL writing the same rows."""
    hq = set_up_hq(folder / "hq")
    data = folder / "hq" / "data"
    with running("hq_server", hq, data, ("serve",)) as url:
        till = set_up_till(folder / "till", hq, url)
    command("hq_server", hq, "member", "import", str(folder / "hq" / "members.csv"))
    (folder / "sales.jsonl").write_bytes(b"\n".join(receipts(count)) + b"\n")
    command("edge_agent", till, "take", str(folder / "sales.jsonl"))
    ours, raw = [], []
    for turn in range(rounds):
        own = folder / f"turn{turn}"
        shutil.copytree(folder / "till" / "data", own / "till")
        shutil.copytree(data, own / "hq")
        seconds = _ingest(own)
        ours.append(count / seconds)
        raw.append(count / _raw(own))
    figure = Figure(
        what=f"HQ ingest, {count:,} purchases in batches of 1,000",
        unit="/s",
        values=tuple(ours),
        floor_what="raw SQL writing the same rows",
        floor=tuple(raw),
        goal=">= 1/2 of the floor",
        met=statistics.median(ours) / statistics.median(raw) >= 0.5,
    )
    return [figure]


def _ingest(own: Path) -> float:
    """Hand the till's whole journal to HQ; return the seconds that HQ took."""
    conn = connect_till(own / "till" / "till.db")
    identity = terminal.read(conn)
    key = private_key(own / "till")
    hq = connect_hq(own / "hq" / "hq.db")
    answering = Answering(key=(own / "hq" / "hq.key").read_bytes(), snapshot_rows_max=500, next_in_ms=60_000)
    clock, health = Clock(time.time_ns() // 1_000_000, 1, ""), Health("bench", 0, 0, 0)
    seconds, sent = 0.0, 1
    while sent:
        nonce = secrets.token_bytes(16)
        body, sent = request(
            conn, identity, Sync(), key=key, nonce=nonce, clock=clock, health=health, resend_from=None
        )
        start = time.perf_counter()
        reply = _exchange(hq, answering, body)
        seconds += time.perf_counter() - start
        with transaction(conn):
            install(conn, open_reply(reply, identity, nonce))
    conn.close()
    hq.close()
    return seconds


def _exchange(hq: Connection, answering: Answering, body: bytes) -> bytes:
    now_ms = EpochMs(time.time_ns() // 1_000_000)
    with reading(hq) as tx:
        opened = open_exchange(tx, body, load_house(tx).newest.programme_id)
    with writing(hq) as tx:
        outcome = apply(tx, opened, now_ms)
    with reading(hq) as tx:
        return answer(tx, answering, opened, outcome, now_ms)


def _raw(own: Path) -> float:
    """Write the rows that HQ has written into an empty database of the same schema; return the seconds.

    The same commits: one for every exchange of four batches.
    """
    full = connect_hq(own / "hq" / "hq.db")
    empty = connect_hq(own / "raw.db")
    migrate(empty)
    tables = [name for (name,) in full.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    parts: list[tuple[str, list[tuple[Any, ...]]]] = []
    commits = full.execute("SELECT (count(*) + 3) / 4 FROM batches").fetchone()[0]
    for table in tables:
        rows = list(full.execute(f"SELECT * FROM {table}"))
        if rows and empty.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0:
            marks = ", ".join("?" * len(rows[0]))
            parts.append((f"INSERT INTO {table} VALUES ({marks})", rows))
    start = time.perf_counter()
    for turn in range(commits):
        with transaction(empty):
            for statement, rows in parts:
                share = -(-len(rows) // commits)
                empty.executemany(statement, rows[turn * share : (turn + 1) * share])
    seconds = time.perf_counter() - start
    full.close()
    empty.close()
    return seconds
