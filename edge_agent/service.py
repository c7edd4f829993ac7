"""The running service: the HTTP face on its address, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from edge_agent.app import build_app
from edge_agent.app_keys import CLOCK, CONFIG, LOST, READER, WRITER
from edge_agent.clock import MachineClock
from edge_agent.config import EdgeConfig
from edge_agent.disk_state import WORDS, mark_failed, unmark_failed
from edge_agent.joining.app import GIVEN_UP, JOINING, build_joining
from edge_agent.joining.joining import has_to_join
from edge_agent.status import lines, status
from edge_agent.store.database import NOT_KEPT, StoreError
from loyalty_core.errors import BadInput
from loyalty_shell.connections import connection_log
from loyalty_shell.data_dir import check_user, read_anew
from loyalty_shell.notify import Manager

GC_ALLOCATIONS: Final = 20_000
BACKLOG: Final = 256
"""How many connections may wait to be answered."""
LINGER_S: Final = 2
"""How long the rest of a refused body is read, so that its sender gets to see the refusal."""
CONNECTIONS: Final[Mapping[str, Any]] = {
    "lingering_time": LINGER_S,
    "auto_decompress": False,
    "logger": connection_log(),
}
"""How connections are kept. Nothing is decompressed: a stranger's bomb would hold up the sales."""

log = logging.getLogger(__name__)


async def serve(config: EdgeConfig) -> None:
    """Run until told to stop, alone on its folder; then finish what was begun.

    Raises:
        LoyaltyError: what must be there before it can start, in one sentence.
    """
    check_user(config.data_dir)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    with alone(config.data_dir):
        try:
            await _serve(config, stop)
        except StoreError as error:
            if error.code == NOT_KEPT:
                mark_failed(config.data_dir)
            raise


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Let no other agent run on this folder; the lock ends with the process, however that ends."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(data_dir, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                f"another agent runs on {data_dir} already: stop it first", code="already_running"
            ) from None
        yield
    finally:
        os.close(folder)


async def _serve(config: EdgeConfig, stop: asyncio.Event) -> None:
    """Let the till join where it has not, then sell: on the same sockets, which are open all the time."""
    read_anew(config.database)
    clock = MachineClock()
    async with _Face(config) as face:
        if has_to_join(config, clock):
            await _let_join(config, clock, stop, face)
        if not stop.is_set():
            await _sell(config, clock, stop, face)


class _Face:
    """Where the agent listens, and what the service manager is told of what answers there."""

    def __init__(self, config: EdgeConfig) -> None:
        self._config = config
        self._sockets: list[socket.socket] = []
        self._manager = AsyncExitStack()
        self._how: Callable[[], Awaitable[str]]

    async def __aenter__(self) -> _Face:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stops()
        for one in self._sockets:
            one.close()

    async def answers(self, runner: web.AppRunner, how: Callable[[], Awaitable[str]]) -> list[web.SockSite]:
        """Have a runner answer here from now on, and say so; return where it does."""
        first = not self._sockets
        if first:
            self._sockets = await _bound(self._config)
        sites = [web.SockSite(runner, one.dup(), backlog=BACKLOG) for one in self._sockets]
        for site in sites:
            await site.start()
        host, port = self._sockets[0].getsockname()[:2]
        address = f"http://{host}:{port}"
        (self._config.data_dir / "address").write_text(address + "\n", "ascii")
        log.info("agent_ready", extra={"address": address})
        self._how = how
        if first:
            await self._manager.enter_async_context(Manager(os.environ).informed(self._tell))
        return sites

    async def _tell(self) -> str:
        return await self._how()

    async def stops(self) -> None:
        """Tell the service manager that this ends."""
        await self._manager.aclose()


async def _let_join(config: EdgeConfig, clock: MachineClock, stop: asyncio.Event, face: _Face) -> None:
    """Serve the page by which this till joins, until it has or is told to stop."""
    runner = web.AppRunner(build_joining(config, clock), access_log=None, shutdown_timeout=5, **CONNECTIONS)
    await runner.setup()

    async def how() -> str:
        return "This till has not joined: open its page, or run edge-agent enrol."

    try:
        sites = await face.answers(runner, how)
        await _either(stop, runner.app[JOINING].joined)
        for site in sites:
            await site.stop()
        runner.app[GIVEN_UP].set()
    finally:
        if stop.is_set():
            await face.stops()
        await runner.cleanup()


async def _sell(config: EdgeConfig, clock: MachineClock, stop: asyncio.Event, face: _Face) -> None:
    app = build_app(config, clock)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5, **CONNECTIONS)
    await runner.setup()
    try:
        unmark_failed(config.data_dir)
        await face.answers(runner, lambda: _how_it_goes(runner.app))
        _settle_memory()
        await _either(stop, runner.app[LOST])
        log.info("agent_stopping")
    finally:
        await face.stops()
        await runner.cleanup()
    if (lost := runner.app[WRITER].lost) is not None:
        raise lost


async def _either(*events: asyncio.Event) -> None:
    """Return as soon as one of the events is set."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _settle_memory() -> None:
    """Look no more for cycles in what stays as long as the agent lives: it would hold up a sale for 30 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS)


async def _how_it_goes(app: web.Application) -> str:
    """Return the first sentence of `status`, once the writer and the reader have answered.

    A disk that refuses is an answer: beginning anew would not mend it.
    """
    try:
        await app[WRITER].do(lambda _: None)
        told = await app[READER].do(lambda conn: status(conn, app[CONFIG], app[CLOCK], _refuses(app)))
    except StoreError as error:
        return str(error)
    return lines(told)[0]


def _refuses(app: web.Application) -> str | None:
    trouble = app[WRITER].trouble
    return trouble.code if trouble is not None and trouble.code in WORDS else None


async def _bound(config: EdgeConfig) -> list[socket.socket]:
    """Return sockets that listen on every address of the host."""
    sockets: list[socket.socket] = []
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            config.http.host or None,
            config.http.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
        for family, address in dict.fromkeys((one[0], one[4]) for one in found):
            sockets.append(socket.create_server(address, family=family, backlog=BACKLOG))
    except OSError as error:
        for one in sockets:
            one.close()
        where = f"{config.http.host}:{config.http.port}"
        if error.errno == errno.EADDRINUSE:
            raise BadInput(
                f"{where} is in use: stop what answers there, another agent perhaps, or set http.port",
                code="address_in_use",
            ) from None
        why = "no such host" if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise BadInput(
            f"{where} cannot be used ({why}): change http.host or http.port", code="address_unusable"
        ) from None
    return sockets
