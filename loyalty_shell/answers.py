"""HTTP answers that refuse, and how answers are counted and timed; words and statuses are the programs'."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from loyalty_shell.exposition import Counter, Histogram

NOWHERE: Final = "none"
"""The route of a request that has none."""


class Refusal(web.Response):
    """An answer that is a problem document, and its code."""

    code: str


def measuring(answers: Histogram, refusals: Counter) -> Middleware:
    """Return what times every answer by route and status, and counts each refusal by its code."""

    @web.middleware
    async def measured(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        now_s = asyncio.get_running_loop().time
        began_s = now_s()
        response = await handler(request)
        resource = request.match_info.route.resource
        route = NOWHERE if resource is None else resource.canonical
        answers.observe(now_s() - began_s, route, str(response.status))
        if isinstance(response, Refusal):
            refusals.add(response.code)
        return response

    return measured
