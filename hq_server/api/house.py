"""`terminals`, `exceptions`, `periods/{id}`, `programmes`; without a token liveness and the description."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from hq_server.api.answers import json, read_for
from hq_server.api.openapi import document
from hq_server.api.queries import ExceptionsQuery, read_query
from hq_server.fleet_view import at_text, terminals
from hq_server.house import load_house
from hq_server.periods import PeriodStatus, status
from hq_server.reconcile import ExceptionView, Wanted, exceptions_page
from hq_server.store.connection import Transaction
from hq_server.web_context import DATABASE, NOW_MS
from hq_server.web_errors import problem
from loyalty_core.calendar import date_of
from loyalty_core.units import Day

routes: Final = web.RouteTableDef()
HOUR_MS: Final = 3_600_000


class ProgrammeView(msgspec.Struct, frozen=True, kw_only=True):
    """One published version, with its text as its owner wrote it."""

    programme: str
    version: int
    effective_from: str
    published_at: str
    text: str


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


@routes.get("/api/v1/periods/{period_id}")
async def get_period(request: web.Request) -> web.Response:
    """Answer how a period stands."""
    now_ms = request.app[NOW_MS]()

    def work(tx: Transaction) -> PeriodStatus:
        return status(tx, load_house(tx), request.match_info["period_id"], now_ms)

    return json(await read_for(request, work))


@routes.get("/api/v1/programmes")
async def get_programmes(request: web.Request) -> web.Response:
    """Answer every published version."""
    return json(await read_for(request, _programmes))


@routes.get("/healthz")
async def get_health(request: web.Request) -> web.Response:
    """Answer that the server lives, reaches its database, and that the disk takes what it writes."""
    database = request.app[DATABASE]
    if (trouble := database.trouble) is not None:
        return problem(trouble.code, str(trouble))
    await database.read(load_house)
    return json({"status": "ok"})


@routes.get("/openapi.json")
async def get_document(_: web.Request) -> web.Response:
    """Answer the description of this API."""
    return json(document())


def _programmes(tx: Transaction) -> list[ProgrammeView]:
    return [
        ProgrammeView(
            programme=programme_id,
            version=version,
            effective_from=date_of(Day(day)).isoformat(),
            published_at=at_text(published),
            text=text,
        )
        for version, programme_id, day, published, text in tx.all("house.programmes")
    ]
