"""`GET /api/v1/exports/members` and the like: all of one kind, streamed as CSV or JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from aiohttp import web

from hq_server.api.answers import read_for
from hq_server.api.queries import ExportQuery, read_query
from hq_server.exports.cells import FORMATS, Text
from hq_server.exports.tables import TABLES, What
from hq_server.web_context import DATABASE

routes: Final = web.RouteTableDef()


def _export(what: What) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    table = TABLES[what]

    async def get_export(request: web.Request) -> web.StreamResponse:
        """Answer a page in a transaction of its own; what is cut off has no last chunk."""
        query = read_query(request, ExportQuery)
        text = Text(table.columns, query.format)
        page = await read_for(request, lambda tx: table.page(tx, ()))
        answer = web.StreamResponse(
            headers={
                "Content-Type": FORMATS[query.format],
                "Content-Disposition": f'attachment; filename="{what}.{query.format}"',
            }
        )
        await answer.prepare(request)
        try:
            await answer.write(text.begin().encode())
            while True:
                await answer.write(text.more(page.rows).encode())
                if page.after is None:
                    break
                page = await request.app[DATABASE].read(partial(table.page, after=page.after))
            await answer.write(text.end().encode())
        except BaseException:
            if request.transport is not None:
                request.transport.abort()
            raise
        await answer.write_eof()
        return answer

    return get_export


for _what in TABLES:
    # To HEAD a stream would be sent as well, and be read as the answer to what is asked next.
    routes.get(f"/api/v1/exports/{_what}", allow_head=False)(_export(_what))
