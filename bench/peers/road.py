"""What the Python peers share: sales that wait in SQLite, a server process, and how the end is told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from bench.databases import Connection, connect, transaction
from bench.peers import Carried

WAIT_SECONDS: Final = 20
LOOK_SECONDS: Final = 0.01


def queue(folder: Path, sales: Path) -> Connection:
    """Return a till's database in which the sales wait: seq, body, sent."""
    conn = connect(folder / "till.db")
    conn.execute("CREATE TABLE queue (seq INTEGER PRIMARY KEY, body BLOB, sent INTEGER NOT NULL DEFAULT 0)")
    with transaction(conn), sales.open("rb") as lines:
        conn.executemany("INSERT INTO queue (body) VALUES (?)", ((line.rstrip(b"\n"),) for line in lines))
    return conn


def events(folder: Path) -> Connection:
    """Return HQ's database, in which every event becomes a row."""
    conn = connect(folder / "hq.db")
    conn.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    return conn


@contextmanager
def other(module: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run another process of a peer until the block ends."""
    process = subprocess.Popen([sys.executable, "-m", module, *words], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def url_in(path: Path) -> str:
    """Return the address that a server writes once it answers."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"{path} did not appear")


def serve(folder: Path, handle: Callable[[web.Request], Awaitable[web.Response]]) -> None:
    """Answer posts until killed."""

    async def run() -> None:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/", handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        fresh = folder / "address.new"
        fresh.write_text(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        fresh.rename(folder / "address")
        await asyncio.Event().wait()

    asyncio.run(run())


def tell(seconds: float, wire_bytes: int, folder: Path, sales: Path) -> None:
    """Print how it went, once HQ's database holds every sale."""
    conn = connect(folder / "hq.db")
    (held,) = conn.execute("SELECT count(*) FROM event").fetchone()
    conn.close()
    if held != len(sales.read_bytes().splitlines()):
        raise RuntimeError(f"only {held} sales arrived")
    sys.stdout.buffer.write(msgspec.json.encode(Carried(seconds, wire_bytes)) + b"\n")
