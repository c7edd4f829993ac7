"""`terminals`, `exceptions`, `programmes`; without a token how it is, and the description."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from hq_server.api.answers import json, read_for
from hq_server.api.openapi import document
from hq_server.api.queries import ExceptionsQuery, read_query
from hq_server.fleet_view import terminals
from hq_server.programme_view import programmes
from hq_server.reconcile import ExceptionView, Wanted, exceptions_page
from hq_server.store.connection import Transaction
from hq_server.web_context import DATABASE, LOOKS, NOW_MS
from hq_server.web_errors import not_ready

routes: Final = web.RouteTableDef()
HOUR_MS: Final = 3_600_000


@routes.get("/api/v1/terminals")
async def get_terminals(request: web.Request) -> web.Response:
    """Answer every terminal."""
    return json(await read_for(request, terminals))


@routes.get("/api/v1/exceptions")
async def get_exceptions(request: web.Request) -> web.Response:
    """Answer a page of exceptions, the oldest first: what is not closed, unless the query says otherwise."""
    now_ms, query = request.app[NOW_MS](), read_query(request, ExceptionsQuery)
    wanted = Wanted(
        kind=query.kind, state=query.state, cause=query.cause, older_than_ms=query.older_than_hours * HOUR_MS
    )

    def work(tx: Transaction) -> list[ExceptionView]:
        return exceptions_page(tx, wanted, now_ms, after=query.after, count=query.limit)

    return json(await read_for(request, work))


@routes.get("/api/v1/programmes")
async def get_programmes(request: web.Request) -> web.Response:
    """Answer every published version, and which tills have it."""
    now_ms = request.app[NOW_MS]()
    return json(await read_for(request, lambda tx: programmes(tx, now_ms)))


@routes.get("/healthz")
async def get_health(_: web.Request) -> web.Response:
    """Answer that the process lives, whatever else is wrong."""
    return json({"status": "ok"})


@routes.get("/readyz")
async def get_readiness(request: web.Request) -> web.Response:
    """Answer whether work is taken, in one line of JSON, for what spreads requests over servers."""
    found = await request.app[LOOKS].look(request.app[DATABASE])
    return json(found) if not found.reasons else not_ready(found.reasons[0].code, found)


@routes.get("/openapi.json")
async def get_document(_: web.Request) -> web.Response:
    """Answer the description of this API."""
    return json(document())
