"""Composition root of the edge agent: which parts live, and in which order.

No rules and no SQL here.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from typing import Final

from aiohttp import web

from edge_agent import machine_face
from edge_agent.admin.journal import JournalPages
from edge_agent.admin.pages import AdminPages
from edge_agent.admin.quarantine import QuarantinePages
from edge_agent.admin.tools import ToolPages
from edge_agent.app_keys import (
    CLOCK,
    CONFIG,
    DESK,
    ENROLLING,
    FOLDER_METERS,
    LOST,
    METERS,
    RECORDER,
    REDEEMING,
    ROOMS,
    UNDOING,
)
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.contexts import CONTEXTS
from edge_agent.counter.pages import CounterPages
from edge_agent.counter.undoing import Undoing
from edge_agent.desk import Desk
from edge_agent.enrolling import Enrolling
from edge_agent.guard import guard
from edge_agent.joining import waiting
from edge_agent.metrics import Meters
from edge_agent.pages import site
from edge_agent.pos_adapter import adapters
from edge_agent.pos_adapter.folder_files import path_of
from edge_agent.pos_adapter.folder_meters import Meters as FolderMeters
from edge_agent.pos_adapter.http import TillApi
from edge_agent.pos_adapter.new_members import NewMemberApi
from edge_agent.pos_adapter.redemptions import RedemptionApi
from edge_agent.recorder import Recorder
from edge_agent.redeeming import Redeeming
from edge_agent.store import journal, member_damage, terminal
from edge_agent.store.database import Connection, StoreError, transaction
from edge_agent.store.integrity import is_in_repair
from edge_agent.store.migrations import open_database
from edge_agent.store.terminal import Terminal
from edge_agent.sync import keys
from edge_agent.web_errors import problems

NEWEST_CHECKED: Final = 1000
"""Records whose hashes are verified at each start: about a day's. `edge-agent verify` reads all of them."""

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
    adapters.check(config)
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
    app[FOLDER_METERS] = FolderMeters()
    app[LOST] = asyncio.Event()
    site.install(app)
    app[ROOMS].zone = identity.place.zone
    app[RECORDER] = Recorder(config, clock)
    app[REDEEMING] = Redeeming(config, clock, app[RECORDER])
    app[DESK] = Desk(app[RECORDER], app[REDEEMING])
    app[ENROLLING] = Enrolling(config, app[RECORDER], secrets.token_bytes)
    app.cleanup_ctx.extend(CONTEXTS)
    app.add_routes(TillApi(config, clock, app[RECORDER], app[DESK]).routes())
    app.add_routes(NewMemberApi(config, app[RECORDER], app[DESK], app[ENROLLING]).routes())
    app.add_routes(RedemptionApi(config, app[RECORDER], app[REDEEMING], app[DESK]).routes())
    app[UNDOING] = Undoing(config, clock, app[RECORDER], app[REDEEMING])
    CounterPages(app, app[UNDOING]).install()
    admin = AdminPages(app).install()
    QuarantinePages(app).install(admin)
    JournalPages(app).install(admin)
    ToolPages(app).install(admin)
    app.add_routes(admin.routes)
    app.add_routes([web.get("/", site.get_ways), *waiting.routes()])
    app.add_routes(machine_face.routes())
    return app


def _check_newest(conn: Connection, identity: Terminal) -> None:
    """Say which of the newest records is not what was written; the till sells on all the same."""
    last = journal.last_seq(conn, identity.epoch)
    first = max(1, last - NEWEST_CHECKED + 1)
    damaged = journal.sound_run(conn, identity, identity.epoch, first, NEWEST_CHECKED).damaged
    if damaged is not None:
        log.error("journal_damaged", extra={"epoch": identity.epoch, "seq": damaged})
