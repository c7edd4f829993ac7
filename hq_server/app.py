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
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from hq_server import till_api
from hq_server.api import cases as cases_api
from hq_server.api import decisions as decisions_api
from hq_server.api import exports as exports_api
from hq_server.api import feed as feed_api
from hq_server.api import figures
from hq_server.api import gifts as gifts_api
from hq_server.api import house as house_api
from hq_server.api import login as login_api
from hq_server.api import members as members_api
from hq_server.api import periods as periods_api
from hq_server.api import technicians as technicians_api
from hq_server.api.answers import keep_nowhere, strangers
from hq_server.attempts import Attempts
from hq_server.background import run_chores
from hq_server.config import HqConfig
from hq_server.door import Door
from hq_server.exchange import answering_of
from hq_server.feed.deliveries import run_deliveries
from hq_server.life import Life
from hq_server.metrics import Meters
from hq_server.quotas import Quotas
from hq_server.readiness import Looks
from hq_server.retention.walking import run_retention
from hq_server.store.connection import Busy
from hq_server.store.database import Database
from hq_server.store.refusals import MAY_PASS, NotKept, Refused, WrongDatabase
from hq_server.web_body import Bodies
from hq_server.web_context import (
    ANSWERING,
    ATTEMPTS,
    BODIES,
    CONFIG,
    DATABASE,
    JUDGES,
    LIFE,
    LOGINS,
    LOOKS,
    METERS,
    NOW_MS,
    PLACES,
    QUOTAS,
    UNPACKED,
    WallClock,
)
from hq_server.web_errors import problems
from loyalty_core.errors import LoyaltyError
from loyalty_shell.connections import connection_log
from loyalty_shell.credentials import credential
from loyalty_shell.data_dir import read_anew
from loyalty_shell.notify import Manager

log = logging.getLogger(__name__)
GOODBYE_S: Final = 10
"""How long requests, and then steps of chores, may still take when the server is told to stop."""
KEEPALIVE_S: Final = 75
"""How long a connection may say nothing: longer than tills pause between two requests."""
TLS_CERT_CREDENTIAL: Final = "dangol-hq.tls-cert"
TLS_KEY_CREDENTIAL: Final = "dangol-hq.tls-key"
"""What systemd hands over in place of the files that the settings name, which only root may read."""
UNPACKED_MAX: Final = 4
"""Requests that are unpacked at once, of which one may fill 100 MB: as many as keep the writer at work."""
JUDGED_AT_ONCE: Final = 2
"""Passwords that are looked at at once."""
HEARD_MS: Final = 3_600_000
"""Tills that were heard within this are told of to who asks how the service does."""
ROOMS: Final = (
    till_api,
    login_api,
    members_api,
    house_api,
    decisions_api,
    cases_api,
    periods_api,
    technicians_api,
    gifts_api,
    feed_api,
    exports_api,
    figures,
)
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
    app[LOGINS] = Attempts(config.limits, "login_too_many")
    app[JUDGES] = asyncio.Semaphore(JUDGED_AT_ONCE)
    app[BODIES] = Bodies(config.limits)
    app[PLACES] = asyncio.Semaphore(config.limits.exchanges_at_once_max)
    app[UNPACKED] = asyncio.Semaphore(UNPACKED_MAX)
    app[QUOTAS] = Quotas(config.limits)
    app[LIFE] = Life()
    app[LOOKS] = Looks(config, app[LIFE], app[NOW_MS])
    app.on_response_prepare.extend([keep_nowhere, _say_goodbye])
    app.cleanup_ctx.extend([database_context, chores_context, webhooks_context, retention_context])
    for rooms in ROOMS:
        app.add_routes(rooms.routes)
    return app


async def database_context(app: web.Application) -> AsyncIterator[None]:
    """Open the database, and close it last."""
    loop = asyncio.get_running_loop()

    def fail() -> None:
        loop.call_soon_threadsafe(app[LIFE].fail)

    app[DATABASE] = Database(app[CONFIG].place, fail)
    await app[LOOKS].look(app[DATABASE])
    yield
    await asyncio.to_thread(app[DATABASE].close)
    if app[DATABASE].lost:
        raise NotKept


async def chores_context(app: web.Application) -> AsyncIterator[None]:
    """Run the background chores while the server lives; one that fails brings the server down."""
    config, keys = app[CONFIG], app[ANSWERING].keys
    tolerance_ms, days = config.clock_tolerance_ms, config.staff.access_log_days
    chores = run_chores(app[DATABASE], app[NOW_MS], tolerance_ms, app[LIFE], access_log_days=days, keys=keys)
    async with _beside(app[LIFE], chores, "chores"):
        yield


async def webhooks_context(app: web.Application) -> AsyncIterator[None]:
    """Send changes to other systems while the server lives."""
    sending = run_deliveries(app[DATABASE], app[METERS], app[NOW_MS], app[LIFE])
    async with _beside(app[LIFE], sending, "webhooks"):
        yield


async def retention_context(app: web.Application) -> AsyncIterator[None]:
    """Forget what the settings do not want to be kept, while the server lives."""
    forgetting = run_retention(app[DATABASE], app[NOW_MS], app[CONFIG].retention, app[LIFE])
    async with _beside(app[LIFE], forgetting, "retention"):
        yield


@contextlib.asynccontextmanager
async def _beside(life: Life, work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run a part beside requests; at the end it has `GOODBYE_S` to finish its step. If it fails, all ends."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(partial(_end_on_failure, life))
    yield
    life.end()
    await asyncio.wait({task}, timeout=GOODBYE_S)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def serve(config: HqConfig) -> None:
    """Answer until SIGTERM or SIGINT; the address is written to `data_dir/address` once it is open.

    Told to stop it is not ready any more, takes new connections for `listen.drain_seconds`, and finishes what
    was begun. Told again it ends where it stands, of which nothing that it has answered is lost.

    Raises:
        CannotListen: another program is there, or there is nothing of this machine.
        WrongDatabase: the database was moved, or another release brought it to its own form, while it served.
    """
    if not config.is_postgresql:
        read_anew(config.database_path)
    runner = web.AppRunner(build_app(config), shutdown_timeout=GOODBYE_S, access_log=None, **CONNECTIONS)
    life = runner.app[LIFE]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _told, config, life, number)
    try:
        await runner.setup()
        address = await _listen(runner, config)
        how = partial(_how_it_goes, runner.app, address)
        # What is loaded by now stays: to look for cycles in it would hold up a till for 30 ms.
        gc.collect()
        gc.freeze()
        with _written(config, address):
            async with Manager(os.environ).informed(how):
                await life.ending.wait()
                log.info("server_stopping")
                if not life.failed:
                    await asyncio.sleep(config.listen.drain_seconds)
    finally:
        await runner.cleanup()
    if isinstance(trouble := runner.app[DATABASE].trouble, WrongDatabase):
        raise trouble


async def _how_it_goes(app: web.Application, address: str) -> str:
    """Return how many tills were heard lately, once the writer and a reader have answered.

    Raises:
        Exception: the database takes no writes any more, which only beginning anew can mend.
    """
    # Another command that is writing is no fault of the writer, and a full disk not mended by beginning anew.
    with contextlib.suppress(Busy, Refused):
        await app[DATABASE].write(lambda _: None)
    since_ms = app[NOW_MS]() - HEARD_MS
    try:
        row = await app[DATABASE].read(lambda tx: tx.one("arrivals.tills_heard", since_ms=since_ms))
    except Refused as error:
        if error.code not in MAY_PASS:
            raise
        return str(error)
    heard, approved = row or (0, 0)
    ready = await app[LOOKS].look(app[DATABASE])
    wrong = "".join(f" Not ready: {reason.sentence}." for reason in ready.reasons)
    return f"Answering at {address}. {heard} of {approved} tills were heard in the last hour.{wrong}"


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


def _end_on_failure(life: Life, task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("chores_failed", exc_info=error)
        life.fail()


def _told(config: HqConfig, life: Life, number: int) -> None:
    """Have the server end in order, or at once where it is told a second time."""
    if life.ending.is_set():
        log.warning("server_ends_at_once")
        config.address_path.unlink(missing_ok=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    life.end()


async def _say_goodbye(request: web.Request, response: web.StreamResponse) -> None:
    """Have a server that is to end be asked nothing more by a connection that was open."""
    if request.app[LIFE].ending.is_set():
        response.force_close()
        response.headers["Connection"] = "close"  # Its head is made by now.
