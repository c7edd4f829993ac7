"""A till that stands alone, as a real process on a disk of the test's choice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp

from demo.processes import Till
from edge_agent.store.database import connect
from tests.edge.made import config_of, enrol_till, purchase

ENDED_SECONDS = 30


class Shop:
    """A till, what was answered there, and what its database holds."""

    def __init__(self, folder: Path) -> None:
        enrol_till(config_of(folder))
        self.till = Till(folder, "S012")
        self.answered: set[str] = set()
        self.database = self.till.database
        self.wal = self.database.with_name("till.db-wal")

    async def sell(self, number: str, **changed: Any) -> tuple[int, str]:
        """Hand a receipt in; return the status and the code, which is "" where it is recorded."""
        status, said = await self._request("POST", "/v1/receipts", purchase(number, **changed))
        if status == 200:
            self.answered.add(number)
        return status, said.get("code", "")

    async def health(self) -> tuple[int, str]:
        """Return what the agent says of itself: the status, and "ok" or the code."""
        status, said = await self._request("GET", "/healthz", None)
        return status, said.get("code") or said["status"]

    async def finds(self) -> int:
        """Return the status of the answer to a question that writes nothing."""
        status, _ = await self._request("GET", "/v1/members/2000123456782", None)
        return status

    async def _request(self, method: str, path: str, body: object) -> tuple[int, dict[str, Any]]:
        address, headers = self.till.address, {"Authorization": f"Bearer {self.till.token}"}
        if address is None:
            raise aiohttp.ClientConnectionError("the agent has ended")
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, address + path, json=body, headers=headers) as response,
        ):
            return response.status, await response.json(content_type=None)

    async def ended(self) -> int:
        """Return the exit status of the agent, which ends by itself."""
        process = self.till._process
        assert process is not None
        return await asyncio.wait_for(process.wait(), ENDED_SECONDS)

    def kept(self) -> list[str]:
        """Return the numbers of the receipts in the journal, in order."""
        with closing(connect(self.database, read_only=True)) as conn:
            rows = conn.execute("SELECT natural_key FROM source ORDER BY epoch, seq")
            return [key.rpartition("/")[2] for (key,) in rows]

    async def check(self) -> None:
        """Have the till check itself: nothing that was answered is missing, and nothing is there twice."""
        status, said, error = await self.till.run("verify")
        assert status == 0, said + error
        kept = self.kept()
        assert self.answered <= set(kept)
        assert len(kept) == len(set(kept))


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[Shop]:
    """A till that sells on a disk."""
    made = Shop(folder)
    try:
        await made.till.open()
        yield made
    finally:
        await made.till.stop()
