"""A scripted day at a till, on the program's own writer: prints each natural key and seq that it answers.

python -m tests.e2e.power.day_at_a_till FOLDER RECEIPTS

Sales, returns, voids and visits of several counters, pages and acknowledgements from headquarters, days that
close. The log is written back far more often than on a real day, so that this is cut, too.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from edge_agent import closing
from edge_agent.recorder import Recorder
from edge_agent.store import database, journal, members, outbox, terminal
from edge_agent.store import writer as store_writer
from edge_agent.store.database import Connection
from edge_agent.store.writer import Writer
from edge_agent.sync import install
from loyalty_core.messages import Acknowledgement, Page
from tests.edge.made import (
    LIFE,
    HeldClock,
    config_of,
    member,
    purchase,
    recorded,
    returned,
    stamp,
    visit,
    void,
)

COUNTERS: Final = 3
BACK_BYTES: Final = 120_000


async def day(folder: Path, receipts: int) -> None:
    clock, config, chance = HeldClock(), config_of(folder), random.Random(1)
    writer, recorder = Writer(config.database), Recorder(config, clock)
    numbers = iter(range(receipts))

    def sale(receipt: dict[str, Any], key: str) -> Callable[[Connection], tuple[str, int]]:
        return lambda conn: (key, recorded(recorder, conn, receipt).event.seq)

    async def sell() -> None:
        for n in numbers:
            who = f"M{chance.randrange(8)}"
            lines = [
                {"number": k, "net_minor": 1000, "sku": f"S{k}"} for k in range(1, chance.randrange(2, 9))
            ]
            jobs = [(purchase(str(n), member=who, lines=lines, net_minor=1000 * len(lines)), f"purchase/{n}")]
            match n % 7:
                case 1:
                    jobs.append((void(str(n)), f"void/{n}"))
                case 2:
                    back = {"original": purchase(str(n))["receipt"], "lines": lines[:1], "net_minor": 1000}
                    jobs.append((returned(f"r{n}", **back), f"return/r{n}"))
                case 3:
                    jobs.append((visit(f"v{n}", "2026-11-20 12:00", member=who), f"visit/v{n}"))
            for receipt, key in jobs:
                told, seq = await writer.do(sale(receipt, key))
                os.write(1, f"{told} {seq}\n".encode())
            if n % 5 == 0:
                await writer.do(hear, urgent=False)
            if n % 9 == 0:
                await writer.do(lambda conn: closing.close_some(conn, recorder), urgent=False)

    def hear(conn: Connection) -> None:
        head = journal.head(conn, terminal.read(conn))
        outbox.acknowledge(conn, Acknowledgement("S012-T03", 1, 0, head.seq, head.hash, LIFE))
        stands = members.cursors(conn).get(3, 0)
        row = member(f"M{chance.randrange(8)}", stamp=stamp(head.seq), balance=head.seq)
        install._pages(conn, [Page(3, stands, stands + 1, (row,))])

    await asyncio.gather(*[sell() for _ in range(COUNTERS)])
    await asyncio.to_thread(writer.close)


if __name__ == "__main__":
    database.CHECKPOINT_BYTES = store_writer.CHECKPOINT_BYTES = BACK_BYTES  # type: ignore[misc, attr-defined]
    asyncio.run(day(Path(sys.argv[1]), int(sys.argv[2])))
