"""The parts that live as long as the agent: each is a context that starts it, and stops it in the end.

What runs beside the others begins again after a while should it fail: the till goes on selling meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
from aiohttp import web

from edge_agent.app_keys import (
    CLOCK,
    CONFIG,
    FOLDER_METERS,
    LOG_IN,
    LOST,
    METERS,
    READER,
    RECORDER,
    REDEEMING,
    SYNC,
    UNDOING,
    VERIFYING,
    WRITER,
)
from edge_agent.clock import StepWatch
from edge_agent.closing import Closing
from edge_agent.config import EdgeConfig, Folder
from edge_agent.forgetting import Forgetting
from edge_agent.lapsing import Lapsing
from edge_agent.metrics import Meters
from edge_agent.pos_adapter.folder import WatchedFolder
from edge_agent.printer.spool import make_folder
from edge_agent.printer.state import FOLDER as PRINTED
from edge_agent.store.database import Connection
from edge_agent.store.writer import Reader, Writer
from edge_agent.sync import keys
from edge_agent.sync.exchange import open_session
from edge_agent.sync.loop import SyncLoop
from edge_agent.technicians import LogIn
from edge_agent.verifying import Verifying
from edge_agent.version import VERSION
from loyalty_core.events import Booted, ClockStepped, Event
from loyalty_core.units import Day, EpochMs

CLOCK_LOOK_SECONDS: Final = 5
RESTART_SECONDS: Final = 30
MakeEvent = Callable[[EpochMs, Day], Event]

log = logging.getLogger(__name__)


async def store_context(app: web.Application) -> AsyncIterator[None]:
    """The writer and the reader; the journal notes that the agent started."""
    path, loop = app[CONFIG].database, asyncio.get_running_loop()

    def lost() -> None:
        with suppress(RuntimeError):  # a loop that is gone ends with its process
            loop.call_soon_threadsafe(app[LOST].set)

    app[WRITER] = Writer(path, lost)
    app[READER] = Reader(path)
    clock = app[CLOCK]
    await app[WRITER].do(_own_event(app, _booted(clock.boot_id())))
    yield
    app[READER].close()
    await asyncio.to_thread(app[WRITER].close)


async def log_in_context(app: web.Application) -> AsyncIterator[None]:
    """Who may log in to the pages."""
    log_in = LogIn(app[CONFIG], app[CLOCK], app[READER], app[WRITER], app[RECORDER])
    await log_in.begin()
    app[LOG_IN] = log_in
    yield
    log_in.close()


async def verifying_context(app: web.Application) -> AsyncIterator[None]:
    """Verifies when a technician asks for it."""
    app[VERIFYING] = Verifying(app[CONFIG], app[CLOCK], app[READER], app[WRITER], app[RECORDER])
    yield
    await app[VERIFYING].close()


async def clock_context(app: web.Application) -> AsyncIterator[None]:
    """Watches the wall clock for steps, and notes what time it is at least."""
    async with _task(app, "clock", lambda: _watch_clock(app)):
        yield


async def sync_context(app: web.Application) -> AsyncIterator[None]:
    """The link to HQ."""
    config = app[CONFIG]
    keys.private_key(config.data_dir)  # without one it is said at once
    async with open_session(config.sync) as session:
        app[SYNC] = SyncLoop(config, app[CLOCK], app[WRITER], app[READER], session)
        async with _task(app, "sync", app[SYNC].run):
            yield


async def redemption_context(app: web.Application) -> AsyncIterator[None]:
    """Lets redemptions lapse."""
    lapsing = Lapsing(app[READER], app[WRITER], app[RECORDER], app[REDEEMING], recorded=app[SYNC].nudge)
    async with _task(app, "redemptions", lapsing.run):
        yield


async def closing_context(app: web.Application) -> AsyncIterator[None]:
    """Closes business days."""
    closing = Closing(app[WRITER], app[RECORDER], recorded=app[SYNC].nudge)
    async with _task(app, "closing", closing.run):
        yield


async def undoing_context(app: web.Application) -> AsyncIterator[None]:
    """Commits redemptions of the cashier's page when they can be undone no more."""

    def work() -> Coroutine[None, None, None]:
        return app[UNDOING].run(app[READER], app[WRITER], app[SYNC].nudge)

    async with _task(app, "undoing", work):
        yield


async def forgetting_context(app: web.Application) -> AsyncIterator[None]:
    """Forgets what was set aside long ago."""
    forgetting = Forgetting(app[CONFIG], app[READER], app[WRITER])
    async with _task(app, "forgetting", forgetting.run):
        yield


async def folder_context(app: web.Application) -> AsyncIterator[None]:
    """The watched folder, where there is one."""
    config = app[CONFIG]
    if config.folder is None:
        yield
        return
    async with _task(app, "folder", _watched(app, config).run):
        yield


async def printed_context(app: web.Application) -> AsyncIterator[None]:
    """Takes the copies of what was printed, where there is a printer; what was taken is deleted."""
    config = app[CONFIG]
    if not config.printer:
        yield
        return
    spool = config.data_dir / PRINTED
    make_folder(spool)
    own = config.folder or Folder(path=spool)
    folder = msgspec.structs.replace(own, path=spool, after="delete", settle_ms=1, rescan_ms=1000, endings={})
    async with _task(app, "printed", _watched(app, msgspec.structs.replace(config, folder=folder)).run):
        yield


def _watched(app: web.Application, config: EdgeConfig) -> WatchedFolder:
    return WatchedFolder(
        config, app[CLOCK], app[WRITER], app[RECORDER], app[FOLDER_METERS], recorded=app[SYNC].nudge
    )


@asynccontextmanager
async def _task(
    app: web.Application, name: str, work: Callable[[], Coroutine[None, None, None]]
) -> AsyncIterator[None]:
    """Run `work` beside, and again after a while should it fail: the till goes on selling meanwhile."""
    task = asyncio.create_task(_supervised(app[METERS], name, work), name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _supervised(meters: Meters, name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
    while True:
        try:
            await work()
        except Exception:
            meters.task_failures.add(name)
            log.exception("task_failed", extra={"task": name})
        await asyncio.sleep(RESTART_SECONDS)


async def _watch_clock(app: web.Application) -> None:
    watch = StepWatch(app[CLOCK], app[CONFIG].clock_step_ms)
    while True:
        await asyncio.sleep(CLOCK_LOOK_SECONDS)
        await app[LOG_IN].look()
        if step_ms := watch.step_ms():
            app[METERS].clock_steps.add()
            log.warning("clock_stepped", extra={"step_ms": step_ms})
            await app[WRITER].do(_own_event(app, _stepped(step_ms)), urgent=False)


def _booted(boot_id: str) -> MakeEvent:
    return lambda at, day: Booted(None, at, day, boot_id[:64], VERSION)


def _stepped(step_ms: int) -> MakeEvent:
    return lambda at, day: ClockStepped(None, at, day, step_ms)


def _own_event(app: web.Application, make: MakeEvent) -> Callable[[Connection], None]:
    """Return a job that journals what happened to the terminal itself, at the time its clock tells."""
    recorder = app[RECORDER]

    def job(conn: Connection) -> None:
        books = recorder.books(conn)
        recorder.append(conn, books, make(*recorder.moment(books)))

    return job


CONTEXTS: Final = (
    store_context,
    log_in_context,
    verifying_context,
    clock_context,
    sync_context,
    redemption_context,
    closing_context,
    undoing_context,
    forgetting_context,
    folder_context,
    printed_context,
)
"""They start in this order and stop in the reverse one, so the store outlives all that writes to it."""
