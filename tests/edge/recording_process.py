"""A process that records receipts until it is killed, and prints each seq that was answered.

python -m tests.edge.recording_process FOLDER FIRST
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from edge_agent.recorder import Recorder
from edge_agent.store.database import Connection
from edge_agent.store.writer import Writer
from tests.edge.made import HeldClock, config_of, purchase, recorded

TILLS_AT_ONCE = 4


async def record(folder: Path, first: int) -> None:
    config = config_of(folder)
    writer, recorder = Writer(config.database), Recorder(config, HeldClock())
    numbers = iter(range(first, first + 1_000_000))

    async def sell() -> None:
        for number in numbers:
            receipt = purchase(str(number), member=f"M{number}")

            def job(conn: Connection, receipt: dict[str, object] = receipt) -> int:
                return recorded(recorder, conn, receipt).event.seq

            print(number, await writer.do(job), flush=True)

    await asyncio.gather(*[sell() for _ in range(TILLS_AT_ONCE)])


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1]), int(sys.argv[2])))
