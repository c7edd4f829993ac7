"""NATS JetStream with fsync at every message, from a till's list of sales into a consumer's SQLite.

`python -m bench.peers.jetstream EACH SALES FOLDER` sends EACH sales a message. The consumer, the same with
`consume URL FOLDER COUNT`, commits what it fetches and only then acknowledges it.
"""

from __future__ import annotations

import asyncio
import importlib
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from bench.databases import transaction
from bench.peers.road import LOOK_SECONDS, WAIT_SECONDS, events, other, tell
from bench.programs import free_port

SUBJECT: Final = "sales"
UNDER_WAY: Final = 256
"""Messages that are sent and not confirmed yet."""
FETCHED: Final = 1000


async def consume(url: str, folder: Path, count: int) -> None:
    """Take messages until HQ holds all sales; what is fetched together is one commit."""
    conn, held = events(folder), 0
    connection = await _connected(url)
    stream = connection.jetstream()
    taking = await stream.pull_subscribe(SUBJECT, "hq")
    print("consuming", flush=True)
    while held < count:
        messages = await taking.fetch(FETCHED, timeout=WAIT_SECONDS)
        rows = [(line,) for message in messages for line in message.data.split(b"\n")]
        with transaction(conn):
            conn.executemany("INSERT INTO event (body) VALUES (?)", rows)
        for message in messages:
            await message.ack()
        held += len(rows)
    await connection.flush()
    print("consumed", flush=True)
    await connection.close()


async def send(url: str, messages: list[bytes], consumer: subprocess.Popen[bytes]) -> float:
    """Publish everything; return the seconds until the consumer has committed the last of it."""
    connection = await _connected(url)
    stream = connection.jetstream()
    await _told(consumer, b"consuming")
    start = time.perf_counter()
    room = asyncio.Semaphore(UNDER_WAY)

    async def publish(message: bytes) -> None:
        try:
            await stream.publish(SUBJECT, message)
        finally:
            room.release()

    async with asyncio.TaskGroup() as tasks:
        for message in messages:
            await room.acquire()
            tasks.create_task(publish(message))
    await _told(consumer, b"consumed")
    seconds = time.perf_counter() - start
    await connection.close()
    return seconds


async def _told(consumer: subprocess.Popen[bytes], word: bytes) -> None:
    if consumer.stdout is None or word not in await asyncio.to_thread(consumer.stdout.readline):
        raise RuntimeError(f"the consumer ended before it was {word.decode()}")


async def _connected(url: str) -> Any:
    nats = importlib.import_module("nats")
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return await nats.connect(url, allow_reconnect=False)
        except OSError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(LOOK_SECONDS)


async def _prepare(url: str) -> None:
    connection = await _connected(url)
    await connection.jetstream().add_stream(name=SUBJECT, subjects=[SUBJECT])
    await connection.close()


def main(each: int, sales: Path, folder: Path) -> None:
    """Carry the sales."""
    lines = sales.read_bytes().splitlines()
    messages = [b"\n".join(lines[first : first + each]) for first in range(0, len(lines), each)]
    url = f"nats://127.0.0.1:{free_port()}"
    config = folder / "nats.conf"
    config.write_text(
        f'listen: "{url.removeprefix("nats://")}"\nmax_payload: 8MB\n'
        f'jetstream {{ store_dir: "{folder / "stream"}", sync_interval: always }}\n'
    )
    binary = shutil.which("nats-server")
    if binary is None:
        raise RuntimeError("nats-server is not on the path")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([binary, "--config", str(config)], stdout=log, stderr=log)
    try:
        asyncio.run(_prepare(url))
        with other("bench.peers.jetstream", "consume", url, str(folder), str(len(lines))) as consumer:
            seconds = asyncio.run(send(url, messages, consumer))
            tell(seconds, sum(map(len, messages)), folder, sales)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    if sys.argv[1] == "consume":
        asyncio.run(consume(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
    else:
        main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
