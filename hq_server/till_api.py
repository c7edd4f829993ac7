"""HTTP of the tills: `POST /v1/exchange`, `/v1/enrol` and `/v1/rotate`, signed envelopes both ways."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from hq_server import enrol, rotate
from hq_server.exchange import Outcome, exchange
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
)
from hq_server.web_errors import busy_now

OCTETS: Final = "application/octet-stream"
routes: Final = web.RouteTableDef()


@routes.post("/v1/exchange")
async def take_exchange(request: web.Request) -> web.Response:
    """Answer a till; beyond the bound on requests at once it is told to come back."""
    app = request.app
    _check_room(app)
    async with app[BODIES].whole(request, app[CONFIG].limits.body_bytes_max) as body:
        _check_room(app)
        async with app[PLACES]:
            with app[METERS].at_work():
                reply, outcome = await _exchange(app, body)
            app[METERS].exchanged(outcome)
    return web.Response(body=reply, content_type=OCTETS)


@routes.post("/v1/enrol")
async def take_enrol(request: web.Request) -> web.Response:
    """Let a till join; who has no invite does not get to the writer."""
    _check_room(request.app)
    app, now_s = request.app, asyncio.get_running_loop().time()
    database, now_ms, keys = app[DATABASE], app[NOW_MS](), app[ANSWERING].keys
    async with app[BODIES].whole(request, enrol.ENROL_BYTES_MAX) as body:
        with app[ATTEMPTS].attempt(request.remote, now_s):
            asked = enrol.open_enrol(body)
            await database.read(lambda tx: enrol.find_invite(tx, asked))
            terminal = await database.write(lambda tx: enrol.apply(tx, asked, now_ms))
    answer = await database.read(lambda tx: enrol.answer(tx, asked, terminal, keys.signing(tx)))
    return web.Response(body=answer, content_type=OCTETS)


@routes.post("/v1/rotate")
async def take_rotate(request: web.Request) -> web.Response:
    """Take a till's next key; of its share it counts as any request, and its service may run meanwhile."""
    app, now_s = request.app, asyncio.get_running_loop().time()
    _check_room(app)
    async with app[BODIES].whole(request, rotate.ROTATE_BYTES_MAX) as body:
        rotating = await app[DATABASE].read(lambda tx: rotate.open_rotate(tx, body))
        app[QUOTAS].count(rotating.terminal, len(body), now_s)
    hours, now_ms = app[CONFIG].key_overlap_hours, app[NOW_MS]()
    rotated = await app[DATABASE].write(
        lambda tx: rotate.apply(tx, rotating, overlap_hours=hours, now_ms=now_ms)
    )
    keys = app[ANSWERING].keys
    answer = await app[DATABASE].read(lambda tx: rotate.answer(rotated, keys.signing(tx)))
    return web.Response(body=answer, content_type=OCTETS)


def _check_room(app: web.Application) -> None:
    """Turn a request away that would have to wait: before its body is read, and once it is here."""
    if app[PLACES].locked():
        raise busy_now()


async def _exchange(app: web.Application, body: bytes) -> tuple[bytes, Outcome]:
    with app[QUOTAS].visit(asyncio.get_running_loop().time()) as visit:
        async with app[UNPACKED]:
            return await exchange(app[DATABASE], app[ANSWERING], body, app[NOW_MS](), visit)
