"""HTTP of the tills: `POST /v1/exchange` and `POST /v1/enrol`, signed envelopes both ways."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from hq_server import enrol
from hq_server.exchange import exchange
from hq_server.web_context import ANSWERING, BODIES, CONFIG, DATABASE, METERS, NOW_MS, PLACES
from hq_server.web_errors import WebError

OCTETS: Final = "application/octet-stream"
routes: Final = web.RouteTableDef()


@routes.post("/v1/exchange")
async def take_exchange(request: web.Request) -> web.Response:
    """Answer a till; beyond the bound on requests at once it is told to come back."""
    app = request.app
    places = app[PLACES]
    async with app[BODIES].whole(request, app[CONFIG].limits.body_bytes_max) as body:
        if places.locked():
            raise WebError("headquarters is busy: try again in a moment", code="server_busy")
        async with places:
            with app[METERS].at_work():
                reply, outcome = await exchange(app[DATABASE], app[ANSWERING], body, app[NOW_MS]())
            app[METERS].exchanged(outcome)
    return web.Response(body=reply, content_type=OCTETS)


@routes.post("/v1/enrol")
async def take_enrol(request: web.Request) -> web.Response:
    """Let a till join."""
    async with request.app[BODIES].whole(request, enrol.ENROL_BYTES_MAX) as body:
        asked = enrol.open_enrol(body)
    database, now_ms, key = request.app[DATABASE], request.app[NOW_MS](), request.app[ANSWERING].key
    terminal = await database.write(lambda tx: enrol.apply(tx, asked, now_ms))
    answer = await database.read(lambda tx: enrol.answer(tx, asked, terminal, key))
    return web.Response(body=answer, content_type=OCTETS)
