"""`GET /api/v1/changes`: members that changed, for other systems that come and ask."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec
from aiohttp import web

from hq_server.api.answers import about, json, read_for
from hq_server.api.queries import ChangesQuery, read_query
from hq_server.feed.audience import feed_bucket, unfed
from hq_server.feed.changes import Change, changed, cursor_now, views
from hq_server.feed.cursors import read_cursor, text_of
from hq_server.house import load_house
from hq_server.store.connection import Transaction
from hq_server.web_context import DATABASE, NOW_MS

routes: Final = web.RouteTableDef()
NOW: Final = "now"


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Members that changed; ask again with `after`, at once while there are `more`."""

    changes: tuple[Change, ...]
    after: str
    more: bool


@routes.get("/api/v1/changes")
async def get_changes(request: web.Request) -> web.Response:
    """Answer the next members that changed; who asks first of all has every member told of from then on."""
    query, now_ms = read_query(request, ChangesQuery), request.app[NOW_MS]()
    for bucket in await read_for(request, unfed):
        await request.app[DATABASE].write(partial(feed_bucket, bucket=bucket))

    def work(tx: Transaction) -> Changes:
        house = load_house(tx)
        if query.after == NOW:
            return Changes(changes=(), after=text_of(cursor_now(tx, house)), more=False)
        found = changed(tx, house, read_cursor(query.after, house), query.limit)
        told = views(tx, house, found, now_ms, persons=query.persons)
        about(request, *[one.member_id for one in told])
        return Changes(changes=told, after=text_of(found.cursor), more=found.more)

    return json(await read_for(request, work, also="read:members" if query.persons else None))
