"""Many small tills in one process: real signed requests, the agent's own back-off, and no database.

Run as a process of its own: reads a `Herd` from the file it is told, prints what `Came` of it.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from edge_agent.config import Sync
from edge_agent.sync.backoff import delay_ms
from loyalty_core.envelope import peek, seal
from loyalty_core.events import PurchaseRecorded, ReceiptKey
from loyalty_core.journal import Record, chain, first_hash, pack_record
from loyalty_core.messages import (
    Acknowledgement,
    Batch,
    Clock,
    Cursors,
    Exchange,
    Health,
    Reply,
    pack_records,
)
from loyalty_core.wire import pack, unpack

SYNC: Final = Sync()
KEPT_S: Final = 15
"""After a longer pause the agent's line is closed."""
FILES_OF_OUR_OWN: Final = 64


class Joined(msgspec.Struct, frozen=True):
    """A till that has joined: its key, the members that it sells to, and what HQ has told it of them."""

    terminal_id: str
    store_id: str
    key: bytes
    members: Sequence[str]
    cursors: Mapping[int, int]


class Herd(msgspec.Struct, frozen=True, kw_only=True):
    """Who comes, with how many sales on which business day, and how many of them at once."""

    url: str
    tills: Sequence[Joined]
    sales: int
    day: int
    at_ms: int
    programme_id: str
    at_once: int


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What HQ has told each till by now; when each was done, in seconds from the first.

    Besides: tries, refusals by code, the longest pause.
    """

    cursors: Mapping[str, Mapping[int, int]]
    done_s: Sequence[float]
    tries: int
    refused: Mapping[str, int]
    pause_s: float


class HerdTill:
    """One till: its journal of a day, and how far HQ has heard and told it."""

    def __init__(self, herd: Herd, joined: Joined) -> None:
        self._herd, self._joined = herd, joined
        self._records = [self._record(number) for number in range(herd.sales)]
        before = first_hash(joined.terminal_id, 1)
        self._hashes = [before, *chain(before, self._records)]
        self.cursors = dict(joined.cursors)
        self._heard = 0

    def _record(self, number: int) -> bytes:
        herd, joined = self._herd, self._joined
        at_ms = herd.at_ms + 60_000 * number
        receipt = ReceiptKey(joined.store_id, joined.terminal_id[-5:], herd.day, f"{number:08}")
        member = f"id:{joined.members[number % len(joined.members)]}"
        event = PurchaseRecorded(member, at_ms, herd.day, receipt, 1000 + 10 * number, 0, (), ())
        return pack_record(Record(event=event, adapter="bench", monotonic_ms=number))

    def request(self) -> bytes:
        """Return the signed request with all that HQ has not heard of."""
        joined = self._joined
        head = len(self._records)
        said = Exchange(
            nonce=os.urandom(16),
            terminal_id=joined.terminal_id,
            epoch=1,
            head=head,
            head_hash=self._hashes[head],
            cursors=Cursors(1, tuple(self.cursors.get(bucket, 0) for bucket in range(64))),
            batches=() if self._heard == head else (self._batch(),),
            asks=(),
            health=Health("bench", head - self._heard, 0, 10**9),
        )
        return seal("dangol/exchange/1", pack(said), joined.key)

    def _batch(self) -> bytes:
        batch = Batch(
            programme_id=self._herd.programme_id,
            terminal_id=self._joined.terminal_id,
            epoch=1,
            first_seq=self._heard + 1,
            before=self._hashes[self._heard],
            packed=pack_records(self._records[self._heard :]),
            clock=Clock(self._herd.at_ms, 1, "bench"),
            made_at_ms=self._herd.at_ms,
        )
        return seal("dangol/batch/1", pack(batch), self._joined.key)

    def take(self, body: bytes) -> bool:
        """Take in a reply; tell whether there is more to say at once.

        Raises:
            RuntimeError: HQ refuses a batch, or acknowledges another journal.
        """
        reply = unpack(peek(body, "dangol/reply/1")[1], Reply)
        if reply.refusals:
            raise RuntimeError(f"{self._joined.terminal_id}: {reply.refusals[0].sentence}")
        for receipt in reply.receipts:
            held = unpack(peek(receipt, "dangol/receipt/1")[1], Acknowledgement)
            if self._hashes[held.seq] != held.hash:
                raise RuntimeError(f"HQ acknowledges what {held.terminal_id} never said")
            self._heard = held.seq
        self.cursors |= {page.bucket: page.to_cursor for page in reply.pages}
        return reply.next_in_ms == 0 or self._heard < len(self._records)


class Pasture:
    """The road of all tills to HQ, and what came of it."""

    def __init__(self, herd: Herd) -> None:
        parts = urlsplit(herd.url)
        self._address = parts.hostname or "", parts.port or 80
        self._chance = random.Random(1)
        self._places = asyncio.Semaphore(herd.at_once)
        self.done_s: list[float] = []
        self.tries, self.pause_s = 0, 0.0
        self.refused: Counter[str] = Counter()

    async def come_back(self, till: HerdTill) -> None:
        """Talk with HQ until it has heard all, and wait as the agent does wherever it is away or busy."""
        failures, line, loop = 0, None, asyncio.get_running_loop()
        async with self._places:
            began_s = loop.time()
            more = True
            while more:
                self.tries += 1
                try:
                    async with asyncio.timeout(SYNC.timeout_ms / 1000):
                        line = line or await asyncio.open_connection(*self._address)
                        status, after_ms, body = await _ask(line, till.request())
                except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
                    status, after_ms, body = 0, 0, type(error).__name__.encode()
                if status == 200:
                    more, failures = till.take(body), 0
                    continue
                failures += 1
                code = msgspec.json.decode(body)["code"] if status else f"hq_unreachable ({body.decode()})"
                self.refused[code] += 1
                wait_s = self._wait_s(failures, after_ms)
                if line is not None and (not status or wait_s > KEPT_S):
                    line[1].close()
                    line = None
                await asyncio.sleep(wait_s)
            self.done_s.append(loop.time() - began_s)
            if line is not None:
                line[1].close()

    def _wait_s(self, failures: int, after_ms: int) -> float:
        chance = self._chance.random()
        wait_s = delay_ms(failures, SYNC.retry_first_ms, SYNC.retry_max_ms, chance, after_ms) / 1000
        self.pause_s = max(self.pause_s, wait_s)
        return wait_s


_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _ask(line: _Line, body: bytes) -> tuple[int, int, bytes]:
    """Return the status, for how many ms HQ sends the till away, and the answer."""
    reader, writer = line
    head = f"POST /v1/exchange HTTP/1.1\r\nHost: hq\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    heads = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
    answer = await reader.readexactly(int(heads["content-length"]))
    return int(first.split()[1]), int(heads.get("retry-after", 0)) * 1000, answer


async def _run(herd: Herd) -> Came:
    pasture = Pasture(herd)
    # Made before anybody comes, as a till's journal lies there when the line returns.
    tills = [HerdTill(herd, joined) for joined in herd.tills]
    await asyncio.gather(*[pasture.come_back(till) for till in tills])
    return Came(
        cursors={one.terminal_id: till.cursors for one, till in zip(herd.tills, tills, strict=True)},
        done_s=pasture.done_s,
        tries=pasture.tries,
        refused=pasture.refused,
        pause_s=pasture.pause_s,
    )


def come(herd_file: Path) -> Came:
    """Return what came of a herd that a file tells of."""
    herd = msgspec.msgpack.decode(herd_file.read_bytes(), type=Herd)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(len(herd.tills), herd.at_once) + FILES_OF_OUR_OWN
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))
    return asyncio.run(_run(herd))


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.msgpack.encode(come(Path(sys.argv[1]))))
