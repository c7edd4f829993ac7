"""A queue of sales from a till to HQ, by real processes: signed, derived, posted, durable on both sides."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from bench.figures import Figure
from bench.programs import command, running, set_up_hq, set_up_till
from bench.sales import receipts
from edge_agent.store import outbox
from edge_agent.store.database import connect

WAIT_SECONDS = 0.02
LINES_IN_A_BASKET = 9


def measure(folder: Path, *, count: int, lines: int) -> list[Figure]:
    """Return events a second from HQ's return to the last acknowledgement, and bytes an event."""
    hq = set_up_hq(folder / "hq")
    data = folder / "till" / "data"
    with running("hq_server", hq, folder / "hq" / "data", ("serve",)) as url:
        till = set_up_till(folder / "till", hq, url)
        port = url.rsplit(":", 1)[1]
    command("hq_server", hq, "member", "import", str(folder / "hq" / "members.csv"))
    (folder / "sales.jsonl").write_bytes(b"\n".join(receipts(count, lines=lines)) + b"\n")
    command("edge_agent", till, "take", str(folder / "sales.jsonl"))
    hq.write_text(f'data_dir = "data"\n[listen]\nport = {port}\n')
    reader = connect(data / "till.db", read_only=True)
    with running("hq_server", hq, folder / "hq" / "data", ("serve",)):
        start = time.perf_counter()
        with running("edge_agent", till, data, ("run",)):
            while outbox.waiting(reader)[0]:
                time.sleep(WAIT_SECONDS)
            speed = count / (time.perf_counter() - start)
    reader.close()
    size = _bytes_an_event(folder / "hq" / "data")
    audit = command("hq_server", hq, "audit")
    if "no difference" not in audit.lower():
        raise RuntimeError(f"the audit does not agree: {audit}")
    name = f"{count:,} purchases" + (f" of {lines} lines" if lines else " without lines")
    goal, bytes_goal = (6000, 30 + 12 * lines) if lines else (15_000, 30)
    return [
        Figure(
            what=f"{name}, till to HQ",
            unit="/s",
            values=(speed,),
            goal=f">= {goal:,} /s",
            met=speed >= goal,
        ),
        Figure(
            what=f"{name}: bytes on the wire each",
            unit="B",
            values=(size,),
            goal=f"<= {bytes_goal} B",
            met=size <= bytes_goal,
        ),
    ]


def _bytes_an_event(data: Path) -> float:
    """Return the size of the received envelopes over the events in them."""
    (database,) = data.glob("*.db")
    conn = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    size, events = conn.execute(
        "SELECT sum(length(envelope)), sum(last_seq - first_seq + 1) FROM batches"
    ).fetchone()
    conn.close()
    return float(size) / float(events)
