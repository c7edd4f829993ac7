"""Composition root of headquarters: which parts live, and in which order.

Contexts start top to bottom and stop bottom to top, so the database outlives all that uses it. No rules and
no SQL here.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from hq_server import till_api
from hq_server.api import decisions as decisions_api
from hq_server.api import figures
from hq_server.api import house as house_api
from hq_server.api import members as members_api
from hq_server.api.answers import strangers
from hq_server.attempts import Attempts
from hq_server.background import run_chores
from hq_server.config import HqConfig
from hq_server.door import Door
from hq_server.exchange import answering_of
from hq_server.metrics import Meters
from hq_server.quotas import Quotas
from hq_server.store.connection import Busy
from hq_server.store.database import Database
from hq_server.store.disk import NotKept, Refused
from hq_server.web_body import Bodies
from hq_server.web_context import (
    ANSWERING,
    ATTEMPTS,
    BODIES,
    CONFIG,
    DATABASE,
    METERS,
    NOW_MS,
    PLACES,
    QUOTAS,
    UNPACKED,
    WallClock,
)
from hq_server.web_errors import problems
from loyalty_core.errors import LoyaltyError
from loyalty_shell.credentials import credential
from loyalty_shell.data_dir import read_anew
from loyalty_shell.logs import connection_log
from loyalty_shell.notify import Manager

log = logging.getLogger(__name__)
GOODBYE_S: Final = 10
"""How long requests may still take when the server is told to stop."""
KEEPALIVE_S: Final = 75
"""How long a connection may say nothing: longer than tills pause between two requests."""
TLS_CERT_CREDENTIAL: Final = "dangol-hq.tls-cert"
TLS_KEY_CREDENTIAL: Final = "dangol-hq.tls-key"
"""What systemd hands over in place of the files that the settings name, which only root may read."""
UNPACKED_MAX: Final = 4
"""Requests that are unpacked at once, of which one may fill 100 MB: as many as keep the writer at work."""
HEARD_MS: Final = 3_600_000
"""Tills that were heard within this are told of to who asks how the service does."""
LINGER_S: Final = 2
"""How long the rest of a refused body is read, so that its sender gets to see the refusal."""
CONNECTIONS: Final[Mapping[str, Any]] = {
    "keepalive_timeout": KEEPALIVE_S,
    "lingering_time": LINGER_S,
    "auto_decompress": False,
    "logger": connection_log(),
}
"""How connections are kept. Nothing of a body that is not verified yet is decompressed."""


class CannotListen(LoyaltyError):
    """`address_in_use`, `address_unusable` or `tls_unusable`: nothing can answer where the settings say."""

    code = "address_unusable"


def build_app(config: HqConfig, now_ms: WallClock | None = None) -> web.Application:
    """Return headquarters, wired but not started."""
    meters = Meters()
    app = web.Application(
        middlewares=[meters.measured, problems, strangers], client_max_size=config.limits.body_bytes_max
    )
    app[CONFIG] = config
    app[METERS] = meters
    app[NOW_MS] = now_ms or WallClock()
    app[ANSWERING] = answering_of(config)
    app[ATTEMPTS] = Attempts(config.limits)
    app[BODIES] = Bodies(config.limits)
    app[PLACES] = asyncio.Semaphore(config.limits.exchanges_at_once_max)
    app[UNPACKED] = asyncio.Semaphore(UNPACKED_MAX)
    app[QUOTAS] = Quotas(config.limits)
    app.cleanup_ctx.extend([database_context, chores_context])
    for rooms in (till_api, members_api, house_api, decisions_api, figures):
        app.add_routes(rooms.routes)
    return app


async def database_context(app: web.Application) -> AsyncIterator[None]:
    """Open the database, and close it last."""
    app[DATABASE] = Database(app[CONFIG].database_path, _end)
    yield
    await asyncio.to_thread(app[DATABASE].close)
    if app[DATABASE].lost:
        raise NotKept


async def chores_context(app: web.Application) -> AsyncIterator[None]:
    """Run the background chores while the server lives; one that fails brings the server down."""
    chores = run_chores(app[DATABASE], app[NOW_MS], app[CONFIG].clock_tolerance_ms)
    task = asyncio.create_task(chores, name="chores")
    task.add_done_callback(_stop_on_failure)
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def serve(config: HqConfig) -> None:
    """Answer until SIGTERM or SIGINT; the address is written to `data_dir/address` once it is open.

    Raises:
        CannotListen: another program is there, or there is nothing of this machine.
    """
    read_anew(config.database_path)
    runner = web.AppRunner(build_app(config), shutdown_timeout=GOODBYE_S, access_log=None, **CONNECTIONS)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    try:
        await runner.setup()
        address = await _listen(runner, config)
        how = partial(_how_it_goes, runner.app, address)
        # What is loaded by now stays: to look for cycles in it would hold up a till for 30 ms.
        gc.collect()
        gc.freeze()
        with _written(config, address):
            async with Manager(os.environ).informed(how):
                await stop.wait()
                log.info("server_stopping")
    finally:
        await runner.cleanup()


async def _how_it_goes(app: web.Application, address: str) -> str:
    """Return how many tills were heard lately, once the writer and a reader have answered.

    Raises:
        Exception: the database takes no writes any more, which only beginning anew can mend.
    """
    # Another command that is writing is no fault of the writer, and a full disk not mended by beginning anew.
    with contextlib.suppress(Busy, Refused):
        await app[DATABASE].write(lambda _: None)
    since_ms = app[NOW_MS]() - HEARD_MS
    row = await app[DATABASE].read(lambda tx: tx.one("arrivals.tills_heard", since_ms=since_ms))
    heard, approved = row or (0, 0)
    return f"Answering at {address}. {heard} of {approved} tills were heard in the last hour."


async def _listen(runner: web.AppRunner, config: HqConfig) -> str:
    """Open the address of the settings and return it as a URL."""
    listen = config.listen
    try:
        await Door(runner, config, _tls(config)).start()
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(f"{listen.host} port {listen.port}", error) from None
    host, port = runner.addresses[0][:2]
    return f"{'https' if listen.tls_cert else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


@contextlib.contextmanager
def _written(config: HqConfig, address: str) -> Iterator[None]:
    """Keep the address in its file, whole or not at all, so that whoever waits for it reads it complete."""
    fresh = config.address_path.with_name("address.new")
    fresh.write_text(address + "\n", "utf-8")
    fresh.replace(config.address_path)
    log.info("server_ready", extra={"address": address})
    try:
        yield
    finally:
        config.address_path.unlink(missing_ok=True)


def _tls(config: HqConfig) -> ssl.SSLContext | None:
    listen = config.listen
    if not listen.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    cert = credential(TLS_CERT_CREDENTIAL) or listen.tls_cert
    key = credential(TLS_KEY_CREDENTIAL) or listen.tls_key
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:
        raise CannotListen(
            f"TLS cannot be set up from {cert} and {key} ({error.strerror or error})",
            code="tls_unusable",
        ) from None
    return context


def _cannot_listen(address: str, error: OSError | UnicodeError) -> CannotListen:
    if isinstance(error, (UnicodeError, socket.gaierror)) or not error.errno:
        why = "no such host"
    elif error.errno == errno.EADDRINUSE:
        return CannotListen(
            f"{address} is in use: stop what answers there, or give another listen.port",
            code="address_in_use",
        )
    else:
        why = os.strerror(error.errno)
    return CannotListen(f"{address} cannot be used ({why}): change listen.host or listen.port")


def _stop_on_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("chores_failed", exc_info=error)
        _end()


def _end() -> None:
    """Have the server stop in order; what is wrong is raised then."""
    os.kill(os.getpid(), signal.SIGTERM)
