"""What a user would write: a hundred sales a request as JSON, marked as sent when the server says so.

`python -m bench.peers.naive SALES FOLDER`; its server is the same with `serve FOLDER`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

from bench.databases import Connection, transaction
from bench.peers.road import events, other, queue, serve, tell, url_in

BATCH: Final = 100


def answer(folder: Path) -> None:
    """Take batches: one row an event, one commit a request; the same again is no second row."""
    conn = events(folder)

    async def handle(request: web.Request) -> web.Response:
        rows = [(seq, json.dumps(body)) for seq, body in await request.json()]
        with transaction(conn):
            conn.executemany("INSERT OR IGNORE INTO event VALUES (?, ?)", rows)
        return web.json_response({"taken": len(rows)})

    serve(folder, handle)


async def send(conn: Connection, url: str) -> int:
    """Send all that waits; return the bytes of the bodies."""
    size = 0
    async with aiohttp.ClientSession() as session:
        while rows := conn.execute(
            "SELECT seq, body FROM queue WHERE sent = 0 ORDER BY seq LIMIT ?", (BATCH,)
        ).fetchall():
            body = json.dumps([(seq, json.loads(text)) for seq, text in rows]).encode()
            size += len(body)
            async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
                response.raise_for_status()
                await response.read()
            with transaction(conn):
                conn.execute("UPDATE queue SET sent = 1 WHERE seq BETWEEN ? AND ?", (rows[0][0], rows[-1][0]))
    return size


def main(sales: Path, folder: Path) -> None:
    """Carry the sales."""
    conn = queue(folder, sales)
    conn.execute("CREATE INDEX waiting ON queue (seq) WHERE sent = 0")
    with other("bench.peers.naive", "serve", str(folder)):
        url = url_in(folder / "address")
        start = time.perf_counter()
        size = asyncio.run(send(conn, url))
        tell(time.perf_counter() - start, size, folder, sales)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        answer(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
