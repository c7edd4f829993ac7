"""One receipt over HTTP, HQ absent: latency for one client, receipts a second for sixty-four."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import msgspec

from bench.figures import Figure
from bench.programs import running, set_up_hq, set_up_till, wait_for_text
from bench.sales import receipts
from edge_agent.store.database import connect, transaction

ROUNDS = 10
EACH = 100
CLIENTS = 64


def measure(folder: Path, *, many: int) -> list[Figure]:
    """Return the figures; `many` receipts are sent by the sixty-four clients."""
    hq = set_up_hq(folder / "hq")
    with running("hq_server", hq, folder / "hq" / "data", ("serve",)) as url:
        till = set_up_till(folder / "till", hq, url)
    floor_address = folder / "floor"
    floor = subprocess.Popen([sys.executable, "-m", "bench.trivial", str(floor_address)])
    try:
        floor_url = wait_for_text(floor_address, floor)
        with running("edge_agent", till, folder / "till" / "data", ("run",)) as address:
            token = (folder / "till" / "data" / "http.token").read_text().strip()
            return asyncio.run(_measure(folder, address, token, floor_url, many))
    finally:
        floor.terminate()
        floor.wait()


async def _measure(folder: Path, address: str, token: str, floor_url: str, many: int) -> list[Figure]:
    url, headers = f"{address}/v1/receipts", {"Authorization": f"Bearer {token}"}
    bodies = receipts(ROUNDS * EACH + many)
    medians: list[float] = []
    floors: list[float] = []
    async with aiohttp.ClientSession() as session:
        await _post_all(session, url, headers, receipts(EACH, first=90_000_000, seed=9))
        for turn in range(ROUNDS):
            part = bodies[turn * EACH : (turn + 1) * EACH]
            trivial = statistics.median(await _post_all(session, floor_url, {}, part))
            floors.append(trivial + statistics.median(_commits(folder / "floor.db", EACH)))
            medians.append(statistics.median(await _post_all(session, url, headers, part)))
        start = time.perf_counter()
        rest = bodies[ROUNDS * EACH :]
        parts = [rest[index::CLIENTS] for index in range(CLIENTS)]
        await asyncio.gather(*(_post_all(session, url, headers, part) for part in parts))
        speed = many / (time.perf_counter() - start)
    one = Figure(
        what="POST /v1/receipts, one client, p50",
        unit="us",
        values=tuple(medians),
        floor_what="trivial aiohttp POST + one FULL commit",
        floor=tuple(floors),
        goal="<= 3 x floor",
    )
    return [
        _judged(one),
        Figure(
            what=f"receipts over HTTP, {CLIENTS} clients, {many:,}",
            unit="/s",
            values=(speed,),
            goal=">= 6,000 /s",
            met=speed >= 6000,
        ),
    ]


def _judged(figure: Figure) -> Figure:
    return msgspec.structs.replace(figure, met=figure.ratio is not None and figure.ratio <= 3)


async def _post_all(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], bodies: Sequence[bytes]
) -> list[float]:
    """Post one after the other; return microseconds each."""
    taken = []
    for body in bodies:
        start = time.perf_counter()
        async with session.post(url, data=body, headers=headers) as response:
            await response.read()
            if response.status != 200:
                raise RuntimeError(f"refused: {await response.text()}")
        taken.append((time.perf_counter() - start) * 1e6)
    return taken


def _commits(path: Path, count: int) -> list[float]:
    """Return microseconds of one-row FULL commits on the same disk."""
    conn = connect(path)
    conn.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER, b BLOB)")
    taken = []
    for number in range(count):
        start = time.perf_counter()
        with transaction(conn):
            conn.execute("INSERT INTO t VALUES (?, ?)", (number, b"x" * 90))
        taken.append((time.perf_counter() - start) * 1e6)
    conn.close()
    return taken
