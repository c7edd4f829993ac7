"""`verify` in the running agent: one at a time, on a thread and a connection of its own, with its progress.

It pauses after every thousand records, so that sales go first, and can be stopped at any of them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

from edge_agent import acting
from edge_agent.acting import Actor
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.recorder import Recorder
from edge_agent.repair.steps import Progress, check
from edge_agent.store import verified
from edge_agent.store.database import Connection
from edge_agent.store.integrity import Fault
from edge_agent.store.migrations import open_to_read
from edge_agent.store.verified import Verified
from edge_agent.store.writer import Reader, Writer
from loyalty_core.errors import BadInput, LoyaltyError

log = logging.getLogger(__name__)

PAUSE_S: Final = 0.002
"""How long sales have the processor to themselves after every thousand records."""
LOOK_STEPS: Final = 100_000
"""After how many of SQLite's own steps it is asked whether to go on: some milliseconds."""
OK: Final = "ok"
CANCELLED: Final = "cancelled"


class _Cancelled(Exception):
    pass


class Verifying:
    """Looks through this till's whole database while it sells."""

    def __init__(
        self, config: EdgeConfig, clock: Clock, reader: Reader, writer: Writer, recorder: Recorder
    ) -> None:
        self._path: Path = config.database
        self._clock, self._reader, self._writer, self._recorder = clock, reader, writer, recorder
        self._stop = threading.Event()
        self._task: asyncio.Task[Verified] | None = None
        self._progress: Progress | None = None
        self._unkept: Verified | None = None

    @property
    def progress(self) -> Progress | None:
        """How far it has come, None where none is under way."""
        return self._progress if self._is_under_way() else None

    def start(self, actor: Actor) -> asyncio.Task[Verified]:
        """Begin; the task ends with what was found, which is kept, and noted in the journal, by then.

        Raises:
            BadInput: `verify_runs`.
        """
        if self._is_under_way():
            raise BadInput(
                "the database is being verified already: wait until it has ended", code="verify_runs"
            )
        self._stop.clear()
        self._progress = Progress("database", 0, 0)
        self._task = asyncio.create_task(self._run(actor), name="verify")
        return self._task

    def cancel(self) -> None:
        """Have it end soon; harmless where none is under way."""
        self._stop.set()

    async def last(self) -> Verified | None:
        """Return what the latest found, whichever process ran it; None where none was."""
        return self._unkept or await self._reader.do(verified.last)

    async def close(self) -> None:
        """End what is under way."""
        self.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _is_under_way(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _run(self, actor: Actor) -> Verified:
        outcome, sentence, epoch, seq = OK, "", None, None
        try:
            fault = await asyncio.to_thread(self._look)
            if fault is not None:
                outcome, sentence, epoch, seq = fault.code, fault.sentence, fault.epoch, fault.seq
        except _Cancelled:
            outcome = CANCELLED
        except LoyaltyError as error:
            outcome, sentence = error.code, str(error)
        found = Verified(
            at_ms=self._clock.wall_ms(),
            by=actor.person,
            outcome=outcome,
            sentence=sentence,
            records=0 if self._progress is None else self._progress.done,
            epoch=epoch,
            seq=seq,
        )
        await self._keep(found, actor)
        return found

    def _look(self) -> Fault | None:
        with closing(open_to_read(self._path)) as conn:
            conn.set_progress_handler(self._stop.is_set, LOOK_STEPS)
            fault = check(conn, self._told)
        if self._stop.is_set():
            raise _Cancelled
        return fault

    def _told(self, progress: Progress) -> None:
        self._progress = progress
        if self._stop.wait(PAUSE_S):
            raise _Cancelled

    async def _keep(self, found: Verified, actor: Actor) -> None:
        """Keep it in the store; where that refuses, as long as this process lives."""

        def keep(conn: Connection) -> None:
            verified.put(conn, found)
            recorder = self._recorder
            acting.note(conn, recorder, recorder.books(conn), actor, "verify", "", found.outcome)

        try:
            await self._writer.do(keep, urgent=False)
            self._unkept = None
        except LoyaltyError as error:
            self._unkept = found
            log.warning("verification_not_kept", extra={"code": error.code})
