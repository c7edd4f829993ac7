"""`technicians/actions`: what was done on tills by who looked after them."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from hq_server.api.answers import json, read_for
from hq_server.api.queries import ActionsQuery, read_query
from hq_server.technician_actions import actions
from hq_server.web_context import NOW_MS

routes: Final = web.RouteTableDef()


@routes.get("/api/v1/technicians/actions")
async def get_actions(request: web.Request) -> web.Response:
    """Answer what tills reported in the last days, the newest first, at most 1000."""
    now_ms, query = request.app[NOW_MS](), read_query(request, ActionsQuery)
    return json(await read_for(request, lambda tx: actions(tx, query.terminal, query.days, now_ms)))
