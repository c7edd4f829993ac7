"""What the agent says of itself to machines: that it lives, its figures, and how its face is described."""

from __future__ import annotations

from aiohttp import web

from edge_agent import metrics, openapi
from edge_agent.app_keys import CLOCK, CONFIG, FOLDER_METERS, METERS, READER, RECORDER, SYNC, WRITER
from edge_agent.status import status
from edge_agent.store.database import Connection, StoreError
from edge_agent.version import VERSION
from loyalty_shell.exposition import CONTENT_TYPE, Family, expose
from loyalty_shell.process import of_process


def routes() -> list[web.RouteDef]:
    """Return the addresses."""
    return [
        web.get("/healthz", get_health),
        web.get("/metrics", get_metrics),
        web.get("/openapi.json", get_openapi),
    ]


async def get_health(request: web.Request) -> web.Response:
    """Say that the agent lives, and that the disk takes what it writes.

    Raises:
        StoreError: why the disk refused it last.
    """
    if (trouble := request.app[WRITER].trouble) is not None:
        raise StoreError(str(trouble), code=trouble.code)
    return web.json_response({"status": "ok", "version": VERSION})


async def get_metrics(request: web.Request) -> web.Response:
    """Give the figures."""
    app, config = request.app, request.app[CONFIG]

    def of_store(conn: Connection) -> list[Family]:
        told = status(conn, config, app[CLOCK])
        return metrics.of_till(told) + metrics.of_store(conn)

    families = await app[READER].do(of_store)
    families += metrics.of_writer(app[WRITER], config.database)
    families += [app[RECORDER].taken.family(), *app[METERS].families(), *of_process()]
    if SYNC in app:
        families.append(app[SYNC].exchanges.family())
    families += app[FOLDER_METERS].families()
    return web.Response(body=expose(families).encode(), headers={"Content-Type": CONTENT_TYPE})


async def get_openapi(_: web.Request) -> web.Response:
    """Describe this face."""
    return web.json_response(openapi.document())
