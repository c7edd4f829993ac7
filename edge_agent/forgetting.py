"""The end of raw inputs that were set aside: they may hold names and numbers, and nobody has mended them.

Time is HQ's word alone: a till whose clock jumped ahead forgets nothing, nor does one that HQ never answered.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from edge_agent.config import EdgeConfig
from edge_agent.store import outbox, quarantine
from edge_agent.store.writer import Reader, Writer

LOOK_SECONDS: Final = 3600
DAY_MS: Final = 86_400_000

log = logging.getLogger(__name__)


class Forgetting:
    """Looks once an hour."""

    def __init__(self, config: EdgeConfig, reader: Reader, writer: Writer) -> None:
        self._kept_ms = config.quarantine_days * DAY_MS
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> int:
        """Give up what is older than it may be; return how many inputs that were."""
        hq_time_ms = (await self._reader.do(outbox.link)).hq_time_ms
        if hq_time_ms is None:
            return 0
        before_ms = hq_time_ms - self._kept_ms
        expired = await self._writer.do(lambda conn: quarantine.expire(conn, before_ms), urgent=False)
        if expired:
            log.info("quarantine_expired", extra={"count": expired})
        return expired
