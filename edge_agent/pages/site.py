"""What every page needs of the agent: addresses of its files, its language, what it says of a failure."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from edge_agent.app_keys import CONFIG, ROOMS, STREAMS
from edge_agent.guard import is_of_pages, room_of
from edge_agent.pages.forms import said_in
from edge_agent.pages.refusals import meaning
from edge_agent.pages.rooms import LANGUAGES, STATIC, Rooms
from edge_agent.pages.visit import LANGUAGE_COOKIE, Visit
from edge_agent.web_errors import see_other
from loyalty_core.errors import BadInput
from loyalty_shell.pages.live import Streams

LANGUAGE_SECONDS: Final = 365 * 24 * 3600


def install(app: web.Application) -> None:
    """Give the agent what pages need; nothing of it is read before the first page is asked for."""
    app[ROOMS] = Rooms()
    app[STREAMS] = Streams()
    app.on_shutdown.append(app[STREAMS].stop)
    app.add_routes(
        [web.get(STATIC + "/{spelled:.+}", get_static), web.post("/language", post_language)],
    )


async def get_ways(request: web.Request) -> web.Response:
    """Show where the pages are."""
    return _visit(request).page("pages/ways.html")


async def get_static(request: web.Request) -> web.Response:
    """Give a style sheet or the module."""
    found = request.app[ROOMS].static.file(request.match_info["spelled"])
    if found is None:
        raise BadInput("there is no such file: open the page again", code="path_unknown")
    return web.Response(body=found.body, headers=found.headers)


async def post_language(request: web.Request) -> web.Response:
    """Have the browser keep a language, and lead it back to its page."""
    async with said_in(request, request.app[CONFIG].http) as said:
        back, language = str(said.get("back", "/")), str(said.get("language", ""))
    is_own = is_of_pages(back) and not back.startswith("//") and back.isprintable()
    response = see_other(back if is_own else "/")
    if language in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=LANGUAGE_SECONDS, path="/", httponly=True, samesite="Lax"
        )
    return response


def problem_html(request: web.Request, code: str, sentence: str) -> str:
    """Return the page that says why something was not done."""
    visit = _visit(request)
    return visit.part(
        "pages/problem.html",
        code=code,
        sentence=sentence,
        meaning=meaning(code, visit.gettext),
        back=room_of(request.path),
    )


def _visit(request: web.Request) -> Visit[None]:
    return Visit(request, request.app[ROOMS], request.app[CONFIG].language)
