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
from edge_agent.joining.joining import Joining
from edge_agent.pages import site
from edge_agent.pages.forms import said_in
from edge_agent.pages.visit import Visit
from edge_agent.store import terminal
from edge_agent.web_errors import problems, see_other

PATH: Final = "/join"
JOINING: Final = web.AppKey("joining", Joining)
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
    visit: Visit[None] = Visit(request, request.app[ROOMS], request.app[CONFIG].language)
    return visit.page("joining/page.html")


async def _post_join(request: web.Request) -> web.StreamResponse:
    """Join as the form says, and lead to the pages of a till that has; those who come early wait for them."""
    app = request.app
    async with said_in(request, app[CONFIG].http) as said:
        hq_url, code = str(said.get("hq", "")).strip(), str(said.get("code", ""))
    await app[JOINING].join(hq_url, code)
    await app[GIVEN_UP].wait()
    response = see_other("/")
    response.force_close()
    return response


async def _anything_else(request: web.Request) -> web.StreamResponse:
    if is_of_pages(request.path) and request.method in ("GET", "HEAD"):
        return see_other(PATH)
    raise terminal.not_enrolled()
