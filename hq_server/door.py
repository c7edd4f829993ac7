"""The door of headquarters: where it listens, how many connections may be open, what one more is told.

A connection that says nothing ends after `app.KEEPALIVE_S`, one that takes nothing of its answer after
`TAKE_MS`.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from typing import Final

from aiohttp import web

from hq_server.config import HqConfig
from hq_server.web_context import METERS
from hq_server.web_errors import BUSY, no_room

BACKLOG: Final = 1024
"""Connections that wait to be let in; a herd of tills may knock between two looks."""
HANDSHAKE_S: Final = 10
"""How long TLS may take to be set up."""
TAKE_MS: Final = 30_000
"""How long the system keeps what it has sent to somebody who takes nothing."""
FILES_OF_OUR_OWN: Final = 256
"""Files that are open besides connections, and more than that."""


class Door(web.BaseSite):
    """Listens at the address of the settings; a connection beyond `limits.connections_max` is turned away."""

    def __init__(self, runner: web.AppRunner, config: HqConfig, tls: ssl.SSLContext | None) -> None:
        super().__init__(runner, ssl_context=tls, backlog=BACKLOG)
        self._host, self._port = config.listen.host, config.listen.port
        self._most = connections_that_fit(config.limits.connections_max)
        self._refusals = runner.app[METERS].refusals

    @property
    def name(self) -> str:
        """The address as it was set."""
        return f"{self._host} port {self._port}"

    async def start(self) -> None:
        """Open the door.

        Raises:
            OSError, UnicodeError: nothing can listen there.
        """
        await super().start()
        listening = await asyncio.get_running_loop().create_server(
            self._protocol,
            self._host,
            self._port,
            ssl=self._ssl_context,
            backlog=BACKLOG,
            ssl_handshake_timeout=HANDSHAKE_S if self._ssl_context else None,
        )
        self._server = listening
        for one in listening.sockets:
            # Whoever is let in has it from the socket that listens.
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TAKE_MS)

    def _protocol(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is not None and len(server.connections) < self._most:
            return server()
        self._refusals.add(BUSY)
        return _TurnedAway()


class _TurnedAway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(no_room())
        transport.close()


def connections_that_fit(most: int) -> int:
    """Return how many of as many connections the system lets this process open, having asked it for all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return most
    wanted = most + FILES_OF_OUR_OWN
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(most, soft - FILES_OF_OUR_OWN)
