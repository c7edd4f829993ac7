"""Sends to webhooks what waits for them, one message after the other to each, several receivers at a time.

Every server that shares a database may do it; who takes a message has it to itself for a while. A receiver
that fails, hangs, redirects or lies costs its own messages time, and nobody else anything.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from hq_server.feed.messages import WAIT_MS_MAX, Fresh, Outcome, due, settle, take_message, waiting
from hq_server.feed.signing import signed_headers
from hq_server.feed.webhooks import WEBHOOKS_MAX, Webhook
from hq_server.life import Life
from hq_server.metrics import Meters
from hq_server.store.connection import Busy
from hq_server.store.database import Database
from hq_server.store.refusals import MAY_PASS, NotKept, Refused, WrongDatabase
from hq_server.version import VERSION
from hq_server.web_errors import is_gone, is_taken
from loyalty_core.units import EpochMs

PAUSE_S: Final = 1
ANSWER_S: Final = 20
"""How long a receiver may take to answer."""
ID_BYTES: Final = 16
_T = TypeVar("_T")
log = logging.getLogger(__name__)


async def run_deliveries(
    database: Database, meters: Meters, now_ms: Callable[[], EpochMs], life: Life | None = None
) -> None:
    """Send what waits again and again, until the life ends: then what is under way is settled."""
    life, sending = life or Life(), dict[str, asyncio.Task[None]]()
    async with session() as own, asyncio.TaskGroup() as group:
        while life.beat("webhooks"):
            for name in await _passing(database.read(lambda tx: due(tx, now_ms())), []):
                if name not in sending or sending[name].done():
                    task = deliver_all(database, own, meters, name, now_ms, life)
                    sending[name] = group.create_task(task, name=f"webhook {name}")
            await life.rest(PAUSE_S)


@asynccontextmanager
async def session() -> AsyncIterator[ClientSession]:
    """Lend what sends requests: nothing of one receiver is kept for the next request, nor unpacked."""
    async with ClientSession(
        connector=TCPConnector(limit=WEBHOOKS_MAX, force_close=True),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=ANSWER_S),
        auto_decompress=False,
    ) as own:
        yield own


async def deliver_all(
    database: Database,
    own: ClientSession,
    meters: Meters,
    name: str,
    now_ms: Callable[[], EpochMs],
    life: Life,
) -> None:
    """Send one webhook's messages until none waits, one fails, or the life ends."""
    while not life.ending.is_set() and await _passing(deliver(database, own, meters, name, now_ms), False):
        pass


async def deliver(
    database: Database, own: ClientSession, meters: Meters, name: str, now_ms: Callable[[], EpochMs]
) -> bool:
    """Send one webhook its next message; returns whether there was one, and it was delivered."""
    found = await database.read(lambda tx: waiting(tx, name, now_ms()))
    if found is None:
        return False
    fresh = found if isinstance(found, Fresh) else None
    taken = partial(take_message, name=name, fresh=fresh, random=os.urandom(ID_BYTES))
    webhook = await database.chore(lambda tx: taken(tx, now_ms=now_ms()))
    if webhook is None:
        return False
    outcome = await send(own, webhook, webhook.message_id, webhook.body or b"", now_ms())
    meters.webhooks.add("delivered" if outcome.delivered else "failed")
    chance = random.random()
    await database.write(lambda tx: settle(tx, webhook, outcome, chance, now_ms()))
    if not outcome.delivered:
        log.warning("webhook_failed")
    return outcome.delivered


async def _passing(work: Awaitable[_T], otherwise: _T) -> _T:
    """Return what comes of work with the database, or something else while that refuses it for now."""
    try:
        return await work
    except Busy:
        return otherwise
    except Refused as error:
        if error.code not in MAY_PASS:
            raise
        log.warning("webhook_waits", extra={"code": error.code})
        return otherwise
    except (NotKept, WrongDatabase):
        return otherwise  # the server ends


async def send(
    own: ClientSession, webhook: Webhook, message_id: str, body: bytes, now_ms: EpochMs
) -> Outcome:
    """Send a message once and return what came of it. Of the answer nothing but its head is read."""
    headers = {
        **signed_headers(webhook.secret, message_id, now_ms // 1000, body),
        "Content-Type": "application/json",
        "User-Agent": f"Dangol/{VERSION}",
    }
    try:
        async with own.post(webhook.url, data=body, headers=headers, allow_redirects=False) as answer:
            words = f"its receiver answered {answer.status}"
            asked = answer.headers.get("Retry-After", "")
            wait_s = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 0
            return Outcome(
                delivered=is_taken(answer.status),
                words=words,
                gone=is_gone(answer.status),
                wait_ms=min(wait_s * 1000, WAIT_MS_MAX),
            )
    except TimeoutError:
        return Outcome(delivered=False, words=f"its receiver did not answer within {ANSWER_S} seconds")
    except (ClientError, OSError, ValueError) as error:
        return Outcome(
            delivered=False,
            words=f"its receiver cannot be reached, or talks nonsense ({type(error).__name__})",
        )
