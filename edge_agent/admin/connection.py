"""The connection test that runs while a page looks on: one at a time, its steps kept until the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from edge_agent.app_keys import CLOCK, CONFIG, READER, SYNC
from edge_agent.sync.probe import Step, probe
from loyalty_core.errors import LoyaltyError


class ConnectionTest:
    """Runs beside everything; `steps` are those that are done."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.began_ms: int | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a test is under way."""
        return self._task is not None and not self._task.done()

    def start(self, app: web.Application, ended: Callable[[str], None]) -> bool:
        """Begin a test unless one is under way; tell whether it began. `ended` hears how it went."""
        if self.is_running or SYNC not in app:
            return False
        self.steps, self.began_ms = [], app[CLOCK].wall_ms()
        self._task = asyncio.create_task(self._run(app, ended), name="connection-test")
        return True

    async def stop(self) -> None:
        """End a test that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, app: web.Application, ended: Callable[[str], None]) -> None:
        outcome = "ok"
        try:
            async for step in probe(app[CONFIG].sync, app[CLOCK], app[READER], app[SYNC]):
                self.steps.append(step)
                if step.state == "failed":
                    outcome = f"{step.name}: {step.code}"
        except LoyaltyError as error:
            outcome = error.code
        ended(outcome)
