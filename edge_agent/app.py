"""Composition root of the edge agent: which parts live, and in which order.

Contexts start top to bottom and stop bottom to top, so the store outlives all that writes to it. No rules
and no SQL here.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiohttp import web

from edge_agent import metrics, openapi
from edge_agent.admin.pages import AdminPages
from edge_agent.admin.quarantine import QuarantinePages
from edge_agent.app_keys import (
    CLOCK,
    CONFIG,
    DESK,
    ENROLLING,
    FOLDER,
    LOG_IN,
    LOST,
    METERS,
    READER,
    RECORDER,
    REDEEMING,
    ROOMS,
    SYNC,
    UNDOING,
    WRITER,
)
from edge_agent.clock import Clock, StepWatch
from edge_agent.closing import Closing
from edge_agent.config import EdgeConfig
from edge_agent.counter.pages import CounterPages
from edge_agent.counter.undoing import Undoing
from edge_agent.desk import Desk
from edge_agent.enrolling import Enrolling
from edge_agent.forgetting import Forgetting
from edge_agent.guard import guard
from edge_agent.lapsing import Lapsing
from edge_agent.metrics import Meters
from edge_agent.pages import site
from edge_agent.pos_adapter.folder import WatchedFolder, path_of
from edge_agent.pos_adapter.http import TillApi
from edge_agent.pos_adapter.new_members import NewMemberApi
from edge_agent.pos_adapter.redemptions import RedemptionApi
from edge_agent.recorder import Recorder
from edge_agent.redeeming import Redeeming
from edge_agent.status import status
from edge_agent.store import journal, member_damage, terminal
from edge_agent.store.database import Connection, StoreError, transaction
from edge_agent.store.integrity import is_in_repair
from edge_agent.store.migrations import open_database
from edge_agent.store.terminal import Terminal
from edge_agent.store.writer import Reader, Writer
from edge_agent.sync import keys
from edge_agent.sync.exchange import open_session
from edge_agent.sync.loop import SyncLoop
from edge_agent.technicians import LogIn
from edge_agent.version import VERSION
from edge_agent.web_errors import problems
from loyalty_core.events import Booted, ClockStepped, Event
from loyalty_core.units import Day, EpochMs
from loyalty_shell.exposition import CONTENT_TYPE, Family, expose
from loyalty_shell.process import of_process

CLOCK_LOOK_SECONDS: Final = 5
RESTART_SECONDS: Final = 30
NEWEST_CHECKED: Final = 1000
"""Records whose hashes are verified at each start: about a day's. `edge-agent verify` reads all of them."""
MakeEvent = Callable[[EpochMs, Day], Event]

log = logging.getLogger(__name__)


def build_app(config: EdgeConfig, clock: Clock) -> web.Application:
    """Return the agent, wired but not started.

    Raises:
        LoyaltyError: what must be there before it can start, in one sentence.
    """
    conn = open_database(config.database)
    try:
        identity = terminal.read(conn)
        if terminal.is_damaged(conn):
            log.error("identity_damaged")
        if is_in_repair(conn):
            log.error("repair_unfinished")
        if not terminal.is_sealed(conn):
            with transaction(conn):
                terminal.write(conn, identity)
        with suppress(StoreError), transaction(conn):  # what cannot be read is found when it is looked for
            member_damage.seal(conn)
        _check_newest(conn, identity)
    finally:
        conn.close()
    if config.folder is not None:
        path_of(config.folder)
    token = keys.token(config.data_dir)
    meters = Meters()
    app = web.Application(
        middlewares=[
            meters.measured,
            problems,
            guard(config.http.allowed_hosts, token),
        ],
        client_max_size=config.http.body_bytes_max,
    )
    app[CONFIG] = config
    app[CLOCK] = clock
    app[METERS] = meters
    app[LOST] = asyncio.Event()
    site.install(app)
    app[ROOMS].zone = identity.place.zone
    app[RECORDER] = Recorder(config, clock)
    app[REDEEMING] = Redeeming(config, clock, app[RECORDER])
    app[DESK] = Desk(app[RECORDER], app[REDEEMING])
    app.cleanup_ctx.extend([store_context, log_in_context, clock_context, sync_context, redemption_context])
    app[ENROLLING] = Enrolling(config, app[RECORDER], secrets.token_bytes)
    app.cleanup_ctx.extend([closing_context, undoing_context, forgetting_context, folder_context])
    app.add_routes(TillApi(config, clock, app[RECORDER], app[DESK]).routes())
    app.add_routes(NewMemberApi(config, app[RECORDER], app[DESK], app[ENROLLING]).routes())
    app.add_routes(RedemptionApi(config, app[RECORDER], app[REDEEMING], app[DESK]).routes())
    app[UNDOING] = Undoing(config, clock, app[RECORDER], app[DESK])
    CounterPages(app, app[UNDOING]).install()
    admin = AdminPages(app).install()
    QuarantinePages(app).install(admin)
    app.add_routes(admin.routes)
    app.add_routes(
        [
            web.get("/", site.get_ways),
            web.get("/join", site.get_joined),
            web.get("/healthz", get_health),
            web.get("/metrics", get_metrics),
            web.get("/openapi.json", get_openapi),
        ]
    )
    return app


def _check_newest(conn: Connection, identity: Terminal) -> None:
    """Say which of the newest records is not what was written; the till sells on all the same."""
    last = journal.last_seq(conn, identity.epoch)
    first = max(1, last - NEWEST_CHECKED + 1)
    damaged = journal.sound_run(conn, identity, identity.epoch, first, NEWEST_CHECKED).damaged
    if damaged is not None:
        log.error("journal_damaged", extra={"epoch": identity.epoch, "seq": damaged})


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
    folder = WatchedFolder(
        config, config.folder, app[CLOCK], app[WRITER], app[RECORDER], recorded=app[SYNC].nudge
    )
    app[FOLDER] = folder
    async with _task(app, "folder", folder.run):
        yield


async def get_health(request: web.Request) -> web.Response:
    """Say that the agent lives, and that the disk takes what it writes.

    Raises:
        StoreError: why the disk refused it last.
    """
    if (trouble := request.app[WRITER].trouble) is not None:
        raise StoreError(str(trouble), code=trouble.code)
    return web.json_response({"status": "ok", "version": VERSION})


async def get_metrics(request: web.Request) -> web.Response:
    """Give the figures."""
    app, config = request.app, request.app[CONFIG]

    def of_store(conn: Connection) -> list[Family]:
        told = status(conn, config, app[CLOCK])
        return metrics.of_till(told) + metrics.of_store(conn)

    families = await app[READER].do(of_store)
    families += metrics.of_writer(app[WRITER], config.database)
    families += [app[RECORDER].taken.family(), *app[METERS].families(), *of_process()]
    if SYNC in app:
        families.append(app[SYNC].exchanges.family())
    if FOLDER in app:
        families += app[FOLDER].families()
    return web.Response(body=expose(families).encode(), headers={"Content-Type": CONTENT_TYPE})


async def get_openapi(_: web.Request) -> web.Response:
    """Describe this face."""
    return web.json_response(openapi.document())


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
