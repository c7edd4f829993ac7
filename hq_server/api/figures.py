"""`/metrics` for Prometheus, with the right `metrics`: the fleet's state is nobody else's business."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from hq_server import metrics
from hq_server.api.answers import read_for
from hq_server.web_context import BODIES, CONFIG, DATABASE, LOOKS, METERS, NOW_MS
from loyalty_shell.exposition import CONTENT_TYPE, expose, gauge
from loyalty_shell.process import of_process

routes: Final = web.RouteTableDef()


@routes.get("/metrics")
async def get_metrics(request: web.Request) -> web.Response:
    """Answer the figures."""
    app, now_ms = request.app, request.app[NOW_MS]()
    families = await read_for(request, lambda tx: metrics.of_ledger(tx, now_ms))
    families += metrics.of_server(app[DATABASE], app[CONFIG], app[BODIES].held_bytes)
    ready = await app[LOOKS].look(app[DATABASE])
    families.append(gauge("dangol_hq_ready", "1 while /readyz says so.", int(not ready.reasons)))
    families += [*app[METERS].families(), *of_process()]
    return web.Response(body=expose(families).encode(), headers={"Content-Type": CONTENT_TYPE})
