"""A scripted day at headquarters, by the server's own app: prints each head that it acknowledges.

python -m tests.e2e.power.day_at_hq FOLDER ROUNDS

Three tills join and hand in sales, returns and voids in turn. The log is written back far more often than on
a real day, so that this is cut, too.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from aiohttp.test_utils import TestClient, TestServer

from hq_server.app import build_app
from hq_server.config import load_config
from hq_server.keys import read_key
from hq_server.store.sqlite import connection
from tests.hq.conftest import Hq, StillClock, Tills
from tests.hq.events import back, purchase, visit, void

BACK_BYTES: Final = 150_000


async def day(folder: Path, rounds: int) -> None:
    config = load_config(folder / "hq.toml")
    hq = Hq(config, folder / "hq.toml", read_key(config.key_path), "", StillClock())
    async with TestClient(TestServer(build_app(config, hq.clock))) as client:
        tills = Tills(hq, client)
        shops = [await tills.join() for _ in range(3)]
        for n in range(rounds):
            for place, till in enumerate(shops):
                number = f"{place}-{n}"
                till.record(purchase(number, 1000 * (n + 1), member=f"id:M{n % 2 + 1}"))
                match n % 4:
                    case 1:
                        till.record(void(number))
                    case 2:
                        till.record(back(f"r{number}", of=number, net=500))
                    case 3:
                        till.record(visit())
                head = len(till.records)
                reply = await tills.send(till, till.batch(max(1, head - 3), head))
                assert till.acknowledged(reply)[1] == head
                os.write(1, f"{till.terminal_id} {head}\n".encode())


if __name__ == "__main__":
    connection.WAL_BYTES_MAX = BACK_BYTES  # type: ignore[misc]
    asyncio.run(day(Path(sys.argv[1]), int(sys.argv[2])))
