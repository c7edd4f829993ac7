"""A till with a watched folder, which is looked at when a test says so."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.config import EdgeConfig, Folder
from edge_agent.pos_adapter.folder import WatchedFolder
from edge_agent.pos_adapter.folder_meters import Meters
from edge_agent.recorder import Recorder
from edge_agent.store import journal, quarantine
from edge_agent.store.quarantine import Refused
from edge_agent.store.writer import Writer
from tests.edge.made import HeldClock, purchase

HEADER = (
    "kind,store,till,business_date,number,occurred_at,member,line,sku,category,quantity,net_minor,tender\n"
)


def line(number: str, **changed: Any) -> bytes:
    return json.dumps(purchase(number, **changed)).encode() + b"\n"


def csv_row(number: str, item: str = "1", net: str = "1000") -> str:
    when = "2026-11-20T10:31:00+09:00"
    return f"purchase,S012,T03,2026-11-20,{number},{when},M1,{item},A1,grocery,1,{net},card\n"


class Shop:
    """A till with a watched folder, looked at when the test says so, at the time that the test says."""

    def __init__(self, config: EdgeConfig, clock: HeldClock) -> None:
        assert config.folder is not None
        self.config = config
        self.clock = clock
        self.path = config.folder.path
        self.writer = Writer(config.database)
        self.nudged = 0
        self.start_again()

    def start_again(self, folder: Folder | None = None) -> None:
        """Have the folder looked at by a new agent, which remembers what the store remembers."""
        if folder is not None:
            self.config = msgspec.structs.replace(self.config, folder=folder)
        self.meters = Meters()
        self.recorder = Recorder(self.config, self.clock)
        self.folder = WatchedFolder(
            self.config,
            self.clock,
            self.writer,
            self.recorder,
            self.meters,
            recorded=self._nudge,
        )

    def _nudge(self) -> None:
        self.nudged += 1

    def write(self, name: str, data: bytes | str) -> Path:
        path = self.path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    async def look(self, after_ms: int = 1000) -> bool:
        """Let time pass, look, and tell whether some files still settle."""
        self.clock.go_on(after_ms)
        return await self.folder.scan()

    async def settle(self) -> None:
        """Look until everything has settled."""
        while await self.look():
            pass

    async def count(self) -> int:
        return await self.writer.do(journal.count)

    async def refused(self) -> list[Refused]:
        return await self.writer.do(quarantine.open_rows)

    async def codes(self) -> list[str]:
        return [row.code for row in await self.refused()]


MakeShop = Callable[..., Awaitable[Shop]]
