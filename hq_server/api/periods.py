"""`periods`: how each stands, who is left out of its close, and the close; the token's name decides."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from hq_server.api.answers import body_of, json, read_for, write_for
from hq_server.closes.closing import OVER, begin
from hq_server.closes.excluding import exclude
from hq_server.closes.states import PeriodView, period_view, periods
from hq_server.decisions import DecisionView, decision, decision_view, said
from hq_server.house import House, load_house
from hq_server.periods import PeriodStatus, status
from hq_server.store.connection import Transaction
from hq_server.web_context import NOW_MS
from loyalty_core.calendar import Period, period_named

routes: Final = web.RouteTableDef()


class CloseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a period is closed."""

    reason: str = OVER


class ExclusionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A terminal for which a close is not to wait, and why."""

    terminal_id: str
    reason: str


@routes.get("/api/v1/periods")
async def get_periods(request: web.Request) -> web.Response:
    """Answer every period since the first programme, the latest first."""
    now_ms = request.app[NOW_MS]()

    def work(tx: Transaction) -> list[PeriodView]:
        house = load_house(tx)
        return periods(tx, house, house.today(now_ms))

    return json(await read_for(request, work))


@routes.get("/api/v1/periods/{period_id}")
async def get_period(request: web.Request) -> web.Response:
    """Answer how a period stands."""
    now_ms = request.app[NOW_MS]()

    def work(tx: Transaction) -> PeriodStatus:
        return status(tx, load_house(tx), request.match_info["period_id"], now_ms)

    return json(await read_for(request, work))


@routes.post("/api/v1/periods/{period_id}/close")
async def post_close(request: web.Request) -> web.Response:
    """Decide the close of a period, which the server then does; asked again, answer how far it has come."""
    asked, now_ms = await body_of(request, CloseRequest), request.app[NOW_MS]()

    def work(tx: Transaction, name: str) -> PeriodView:
        house = load_house(tx)
        period = _period(request, house)
        close = begin(tx, house, period, said(name, asked.reason), now_ms)
        return period_view(tx, house, period, close)

    return json(await write_for(request, work))


@routes.post("/api/v1/periods/{period_id}/exclusions")
async def post_exclusion(request: web.Request) -> web.Response:
    """Leave a terminal out of the close of a period; asked again, answer the decision that stands."""
    asked, now_ms = await body_of(request, ExclusionRequest), request.app[NOW_MS]()

    def work(tx: Transaction, name: str) -> DecisionView:
        house = load_house(tx)
        by = said(name, asked.reason)
        number = exclude(tx, house, _period(request, house), asked.terminal_id, by, now_ms)
        return decision_view(decision(tx, number))

    return json(await write_for(request, work), made=True)


def _period(request: web.Request, house: House) -> Period:
    return period_named(request.match_info["period_id"], house.newest.period_months)
