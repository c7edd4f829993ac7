"""What handlers find in the application: typed keys, and reading a request with bounds."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from hq_server.attempts import Attempts
from hq_server.config import HqConfig
from hq_server.exchange import Answering
from hq_server.life import Life
from hq_server.metrics import Meters
from hq_server.quotas import Quotas
from hq_server.readiness import Looks
from hq_server.store.database import Database
from hq_server.web_body import Bodies
from loyalty_core.units import EpochMs

CONFIG = web.AppKey("config", HqConfig)
DATABASE = web.AppKey("database", Database)
ANSWERING = web.AppKey("answering", Answering)
BODIES = web.AppKey("bodies", Bodies)
PLACES = web.AppKey("places", asyncio.Semaphore)
"""One for each request of a till that is worked on; taken only once all of its body is here."""

UNPACKED = web.AppKey("unpacked", asyncio.Semaphore)
"""One for each of those that is unpacked."""
ATTEMPTS = web.AppKey("attempts", Attempts)
LOGINS = web.AppKey("logins", Attempts)
JUDGES = web.AppKey("judges", asyncio.Semaphore)
"""One for each password that is looked at, which takes 64 MiB."""
QUOTAS = web.AppKey("quotas", Quotas)


class WallClock:
    """The wall clock of this machine; tests put another one in its place."""

    def __call__(self) -> EpochMs:
        """Return the time now."""
        return EpochMs(time.time_ns() // 1_000_000)


METERS = web.AppKey("meters", Meters)
NOW_MS = web.AppKey("now_ms", WallClock)
LIFE = web.AppKey("life", Life)
LOOKS = web.AppKey("looks", Looks)
