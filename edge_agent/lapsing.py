"""The end of redemptions that nobody committed or cancelled in time, also of those from before a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from edge_agent.recorder import Recorder
from edge_agent.redeeming import Redeeming
from edge_agent.store.database import Connection
from edge_agent.store.writer import Reader, Writer

LOOK_SECONDS: Final = 5

log = logging.getLogger(__name__)


class Lapsing:
    """Looks for as long as the agent runs; `recorded` is told when there is something to send."""

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        recorder: Recorder,
        redeeming: Redeeming,
        recorded: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._recorder = recorder
        self._redeeming = redeeming
        self._recorded = recorded

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Let lapse what is over, a bounded job after the other."""
        while await self._reader.do(self._any_over):
            lapsed = await self._writer.do(self._lapse, urgent=False)
            log.info("redemptions_lapsed", extra={"count": lapsed})
            self._recorded()

    def _any_over(self, conn: Connection) -> bool:
        return self._redeeming.any_over(conn, self._recorder.books(conn))

    def _lapse(self, conn: Connection) -> int:
        return self._redeeming.lapse(conn, self._recorder.books(conn))
