"""What a till serves that has not joined: the page that lets it, and to all else that it has not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from aiohttp import web

from edge_agent.app_keys import CONFIG, ROOMS
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.guard import guard, is_of_pages
from edge_agent.joining.joining import PATH, Joining
from edge_agent.joining.refusals import is_of_address, meaning
from edge_agent.pages import site
from edge_agent.pages.forms import said_in
from edge_agent.pages.visit import Visit
from edge_agent.store import terminal
from edge_agent.sync.exchange import LinkError
from edge_agent.web_errors import problem, problems, see_other
from loyalty_core.errors import LoyaltyError

JOINING: Final = web.AppKey("joining", Joining)
_HQ_FAILED: Final = 502
GIVEN_UP: Final = web.AppKey("given_up", asyncio.Event)
"""Set once this application takes no more connections: the next ones wait for the till that has joined."""


def build_joining(config: EdgeConfig, clock: Clock) -> web.Application:
    """Return the application, wired but not started."""
    app = web.Application(
        middlewares=[problems, guard(config.http.allowed_hosts, None)],
        client_max_size=config.http.body_bytes_max,
    )
    app[CONFIG] = config
    app[JOINING] = Joining(config, clock)
    app[GIVEN_UP] = asyncio.Event()
    site.install(app)
    app.cleanup_ctx.append(_watching)
    app.add_routes(
        [
            web.get(PATH, _get_page),
            web.post(PATH, _post_join),
            web.route("*", "/{other:.*}", _anything_else),
        ]
    )
    return app


async def _watching(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[JOINING].watch(), name="joining")
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _get_page(request: web.Request) -> web.StreamResponse:
    return _page(request, "", "", None)


def _page(request: web.Request, hq: str, code: str, error: LoyaltyError | None) -> web.Response:
    """Return the form with what was typed, and what was wrong with it."""
    visit: Visit[None] = Visit(request, request.app[ROOMS], request.app[CONFIG].language)
    detail = "" if error is None else str(error)
    response = visit.page(
        "joining/page.html",
        hq=hq,
        code=code,
        refusal="" if error is None else meaning(error.code, visit.gettext) or detail,
        detail=detail,
        of_address=error is not None and is_of_address(error.code),
    )
    if error is not None:
        response.set_status(_HQ_FAILED if isinstance(error, LinkError) else problem(error).status)
    return response


async def _post_join(request: web.Request) -> web.StreamResponse:
    """Join as the form says, and lead to the page of a till that has; those who come early wait for it."""
    app = request.app
    async with said_in(request, app[CONFIG].http) as said:
        hq, code = str(said.get("hq", "")).strip(), str(said.get("code", "")).strip()
    try:
        await app[JOINING].join(hq, code)
    except LoyaltyError as error:
        return _page(request, hq, code, error)
    await app[GIVEN_UP].wait()
    response = see_other(PATH)
    response.force_close()
    return response


async def _anything_else(request: web.Request) -> web.StreamResponse:
    if is_of_pages(request.path) and request.method in ("GET", "HEAD"):
        return see_other(PATH)
    raise terminal.not_enrolled()
