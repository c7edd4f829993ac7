"""Redemptions of the cashier's page: set aside at the press, spent when the time to undo them is over.

The agent commits them itself, also after a restart: a browser that was closed gives nobody points back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.recorder import Recorder
from edge_agent.redeeming import Redeeming
from edge_agent.store import redemptions, undoable
from edge_agent.store.database import Connection
from edge_agent.store.redemptions import Redemption
from edge_agent.store.undoable import Undoable
from edge_agent.store.writer import Reader, Writer
from loyalty_core.errors import BadInput

LOOK_SECONDS: Final = 1.0
SPARE_MS: Final = 5_000
"""So long before it would lapse a redemption is committed at the latest: the customer has what it paid."""
_OVER: Final = frozenset({"redemption_cancelled", "redemption_lapsed", "redemption_unknown"})
"""What became of a redemption by another way: there is nothing left to commit."""

log = logging.getLogger(__name__)


class Undoing:
    """Holds redemptions while they can be undone, and commits them then."""

    def __init__(self, config: EdgeConfig, clock: Clock, recorder: Recorder, redeeming: Redeeming) -> None:
        self._undo_ms = config.counter.undo_ms
        self._clock = clock
        self._recorder = recorder
        self._redeeming = redeeming

    def hold(self, conn: Connection, one: Redemption) -> None:
        """Let a redemption that was just authorised be undone for a while. Again is harmless."""
        if one.state == "authorised":
            now_ms, wall_ms = self._clock.monotonic_ms(), self._clock.wall_ms()
            left_ms = max(0, min(self._undo_ms, one.until_monotonic_ms - SPARE_MS - now_ms))
            boot_id = self._clock.boot_id()
            undoable.put(conn, Undoable(one.redemption_id, boot_id, now_ms + left_ms, wall_ms + left_ms))

    def undo(self, conn: Connection, redemption_id: str) -> None:
        """Give back what was set aside at this page.

        Raises:
            BadInput: `redemption_committed`: the time to undo it is over; `redemption_unknown`.
        """
        books = self._recorder.books(conn)
        one = redemptions.find(conn, redemption_id, books.terminal.terminal_id)
        is_held = any(held.redemption_id == redemption_id for held in undoable.all_of(conn))
        if one is not None and one.state == "authorised" and not is_held:
            raise BadInput("this was set aside elsewhere: cancel it there", code="redemption_unknown")
        self._redeeming.cancel(conn, books, redemption_id)
        undoable.drop(conn, redemption_id)

    def held(self, conn: Connection) -> list[tuple[Undoable, Redemption]]:
        """Return what can be undone now, the latest first."""
        terminal_id = self._recorder.books(conn).terminal.terminal_id
        found = [
            (one, redemptions.find(conn, one.redemption_id, terminal_id))
            for one in undoable.all_of(conn)
            if not self._is_due(one)
        ]
        return [(one, held) for one, held in found if held is not None and held.state == "authorised"]

    async def run(self, reader: Reader, writer: Writer, recorded: Callable[[], None]) -> None:
        """Commit what is due until cancelled; `recorded` is told when there is something to send."""
        while True:
            if await self.look(reader, writer):
                recorded()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, reader: Reader, writer: Writer) -> int:
        """Commit what is due, each in a job of its own; return how many that were."""
        due = await reader.do(self._due)
        for one in due:
            await writer.do(self._committing(one))
        return len(due)

    def _due(self, conn: Connection) -> list[Undoable]:
        return [one for one in undoable.all_of(conn) if self._is_due(one)]

    def _is_due(self, one: Undoable) -> bool:
        return (
            one.boot_id != self._clock.boot_id()
            or self._clock.monotonic_ms() >= one.until_monotonic_ms
            or self._clock.wall_ms() >= one.until_ms
        )

    def _committing(self, one: Undoable) -> Callable[[Connection], None]:
        def job(conn: Connection) -> None:
            try:
                self._redeeming.commit(
                    conn, self._recorder.books(conn), one.redemption_id, None, promised=True
                )
            except BadInput as error:
                if error.code not in _OVER:
                    raise
                log.warning("redemption_not_committed", extra={"code": error.code})
            undoable.drop(conn, one.redemption_id)

        return job
