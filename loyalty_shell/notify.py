"""What systemd is told of this service: ready, alive, stopping, and one line on how it goes.

The datagrams of sd_notify to the socket that it names; where it names none, nobody is told. What awaits
nothing loads no asyncio.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

EVERY_S: Final = 20.0
"""How often it is told without a watchdog; with one, three times before it would bite."""
TELLING_S: Final = 0.2
"""How long a manager is waited for that reads nothing."""

log = logging.getLogger(__name__)


class Manager:
    """The service manager, as the environment names it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A name that begins with @ is of Linux's abstract namespace.
        self._address = address.replace("@", "\0", 1) if address.startswith("@") else address
        self.every_s = EVERY_S
        if environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            microseconds = int(environment.get("WATCHDOG_USEC", 0))
            self.every_s = microseconds / 3_000_000 or EVERY_S

    def tell(self, *lines: str) -> None:
        """Send lines of NAME=VALUE. A manager that does not hear them is no reason to end."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, suppress(OSError):
            sender.settimeout(TELLING_S)
            sender.sendto("\n".join(lines).encode(), self._address)

    @asynccontextmanager
    async def informed(self, how: Callable[[], Awaitable[str]]) -> AsyncIterator[None]:
        """Tell that the service is ready, then that it lives and how it goes; at the end, that it stops.

        `how` is awaited before each sign of life: what does not answer it, or raises, gives none.
        """
        if not self._address:
            yield
            return
        import asyncio

        self.tell("READY=1")
        task = asyncio.create_task(self._keep_telling(how), name="notify")
        try:
            yield
        finally:
            self.tell("STOPPING=1", "STATUS=Finishing what was begun.")
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _keep_telling(self, how: Callable[[], Awaitable[str]]) -> None:
        import asyncio

        while True:
            try:
                sentence = " ".join((await how()).split())
                self.tell("WATCHDOG=1", f"STATUS={sentence}")
            except Exception:
                log.exception("sign_of_life_missed")
            await asyncio.sleep(self.every_s)
