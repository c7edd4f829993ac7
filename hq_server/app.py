"""Composition root of headquarters: which parts live, and in which order.

Contexts start top to bottom and stop bottom to top, so the database outlives all that uses it. No rules and
no SQL here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import ssl
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from hq_server import till_api
from hq_server.api import house as house_api
from hq_server.api import members as members_api
from hq_server.background import run_chores
from hq_server.config import HqConfig
from hq_server.exchange import Answering
from hq_server.keys import read_key
from hq_server.store.database import Database
from hq_server.web_context import ANSWERING, CONFIG, DATABASE, NOW_MS, PLACES, WallClock
from hq_server.web_errors import problems

_LOG: Final = logging.getLogger(__name__)
GOODBYE_S: Final = 10
"""How long requests may still take when the server is told to stop."""


def build_app(config: HqConfig, now_ms: WallClock | None = None) -> web.Application:
    """Return headquarters, wired but not started."""
    app = web.Application(middlewares=[problems], client_max_size=config.limits.body_bytes_max)
    app[CONFIG] = config
    app[NOW_MS] = now_ms or WallClock()
    app[ANSWERING] = Answering(
        key=read_key(config.key_path),
        snapshot_rows_max=config.limits.snapshot_rows_max,
        next_in_ms=config.limits.next_in_ms,
    )
    app[PLACES] = asyncio.Semaphore(config.limits.exchanges_at_once_max)
    app.cleanup_ctx.extend([database_context, chores_context])
    for routes in (till_api.routes, members_api.routes, house_api.routes):
        app.add_routes(routes)
    return app


async def database_context(app: web.Application) -> AsyncIterator[None]:
    """Open the database, and close it last."""
    app[DATABASE] = Database(app[CONFIG].database_path)
    yield
    await asyncio.to_thread(app[DATABASE].close)


async def chores_context(app: web.Application) -> AsyncIterator[None]:
    """Run the background chores while the server lives; one that fails brings the server down."""
    task = asyncio.create_task(run_chores(app[DATABASE], app[NOW_MS]), name="chores")
    task.add_done_callback(_stop_on_failure)
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def serve(config: HqConfig) -> None:
    """Answer until SIGTERM or SIGINT; the address is written to `data_dir/address` once it is open."""
    runner = web.AppRunner(build_app(config), shutdown_timeout=GOODBYE_S, access_log=None)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    try:
        await runner.setup()
        listen = config.listen
        site = web.TCPSite(runner, listen.host, listen.port, ssl_context=_tls(config))
        await site.start()
        host, port = runner.addresses[0][:2]
        address = f"{'https' if listen.tls_cert else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
        _write_address(config, address)
        _LOG.info("answering at %s", address)
        await stop.wait()
    finally:
        config.address_path.unlink(missing_ok=True)
        await runner.cleanup()


def _write_address(config: HqConfig, address: str) -> None:
    """Write the address whole or not at all, so that whoever waits for the file reads it complete."""
    fresh = config.address_path.with_name("address.new")
    fresh.write_text(address + "\n", "utf-8")
    fresh.replace(config.address_path)


def _tls(config: HqConfig) -> ssl.SSLContext | None:
    if not config.listen.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(config.listen.tls_cert, config.listen.tls_key)
    return context


def _stop_on_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("a background chore failed, the server stops", exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)
