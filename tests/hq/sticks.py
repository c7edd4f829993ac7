"""A stick that is carried between tills and headquarters, in the hands of a test."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edge_agent.sync.usb import Exported, export
from edge_agent.sync.usb_replies import Imported, import_replies
from hq_server.exchange import answering_of
from hq_server.store.database import Database
from hq_server.usb import Stick as AtHeadquarters
from hq_server.usb_requests import Took
from tests.edge.till import Till
from tests.hq.conftest import Hq


class Stick:
    """A folder, and the three things that are done to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def from_till(self, till: Till, *, dry_run: bool = False) -> list[Exported]:
        return list(export(till.config, till.clock, self.folder, dry_run=dry_run))

    def at_hq(self, hq: Hq, *, dry_run: bool = False) -> list[Took]:
        took: list[Took] = []

        async def run() -> None:
            database = Database(hq.config.place)
            try:
                stick = AtHeadquarters(database, answering_of(hq.config), self.folder, hq.clock)
                await stick.run(took.append, dry_run=dry_run, pause_s=0)
            finally:
                database.close()

        asyncio.run(run())
        return took

    def to_till(self, till: Till, *, dry_run: bool = False) -> list[Imported]:
        return list(import_replies(till.config, self.folder, dry_run=dry_run))

    def round(self, till: Till, hq: Hq) -> list[Imported]:
        """Carry what a till has to say to headquarters, and back what that says to it."""
        self.from_till(till)
        self.at_hq(hq)
        return self.to_till(till)

    def files(self, ending: str = "") -> list[Path]:
        return sorted(file for file in self.folder.iterdir() if file.name.endswith(ending))
