"""The floor of a till's queue: what Dangol's road costs without Dangol's rules, ledger and checks of content.

Sales as packed records of a few fields, a thousand to a batch, chained, zlib, signed with Ed25519; over
aiohttp; verified, and one row an event in one FULL commit a batch; the till notes the acknowledgement in a
commit of its own. `python -m bench.peers.bare_road SALES FOLDER`; its server is the same with
`serve FOLDER KEY`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
import zlib
from pathlib import Path
from typing import Final

import aiohttp
import msgpack
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bench.databases import Connection, connect, transaction
from bench.peers.road import events, other, serve, tell, url_in

BATCH: Final = 1000
SIGNATURE_BYTES: Final = 64


def answer(folder: Path, public: bytes) -> None:
    """Take batches: verify, hash the chain on, one row an event."""
    conn, key = events(folder), Ed25519PublicKey.from_public_bytes(public)

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        signed = body[SIGNATURE_BYTES:]
        key.verify(body[:SIGNATURE_BYTES], signed)
        first, at, packed = msgpack.unpackb(signed)
        records = msgpack.unpackb(zlib.decompress(packed))
        for record in records:
            at = hashlib.sha256(at + record).digest()
            msgpack.unpackb(record)
        with transaction(conn):
            conn.executemany("INSERT INTO event VALUES (?, ?)", enumerate(records, first))
        return web.Response(body=at)

    serve(folder, handle)


async def send(conn: Connection, url: str, key: Ed25519PrivateKey) -> int:
    """Send all that waits; return the bytes of the bodies."""
    size, first, at = 0, 1, bytes(32)
    async with aiohttp.ClientSession() as session:
        while rows := conn.execute(
            "SELECT record FROM journal WHERE seq >= ? ORDER BY seq LIMIT ?", (first, BATCH)
        ).fetchall():
            records = [record for (record,) in rows]
            signed = msgpack.packb([first, at, zlib.compress(msgpack.packb(records))])
            body = key.sign(signed) + signed
            async with session.post(url, data=body) as response:
                response.raise_for_status()
                at = await response.read()
            size, first = size + len(body), first + len(rows)
            with transaction(conn):
                conn.execute("UPDATE acknowledged SET seq = ?, hash = ?", (first - 1, at))
    return size


def main(sales: Path, folder: Path) -> None:
    """Carry the sales."""
    key = Ed25519PrivateKey.generate()
    conn = connect(folder / "till.db")
    conn.execute("CREATE TABLE journal (seq INTEGER PRIMARY KEY, record BLOB)")
    conn.execute("CREATE TABLE acknowledged AS SELECT 0 AS seq, x'' AS hash")
    with transaction(conn), sales.open("rb") as lines:
        conn.executemany("INSERT INTO journal (record) VALUES (?)", ((_record(line),) for line in lines))
    public = key.public_key().public_bytes_raw().hex()
    with other("bench.peers.bare_road", "serve", str(folder), public):
        url = url_in(folder / "address")
        start = time.perf_counter()
        size = asyncio.run(send(conn, url, key))
        tell(time.perf_counter() - start, size, folder, sales)


def _record(line: bytes) -> bytes:
    sale = json.loads(line)
    receipt = sale["receipt"]
    packed: bytes = msgpack.packb(
        [
            sale["member"],
            sale["occurred_at"],
            receipt["number"],
            sale["net_minor"],
            sale["tax_minor"],
            [[one["type"], one["amount_minor"]] for one in sale["tenders"]],
        ]
    )
    return packed


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        answer(Path(sys.argv[2]), bytes.fromhex(sys.argv[3]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
