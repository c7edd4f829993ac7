"""`GET /api/v1/members/{id or look-up}` and its `/entries`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from hq_server.account_view import EntryView, Standing, entries, standing
from hq_server.api.answers import json, read_for
from hq_server.house import House, load_house
from hq_server.members import Found, find_member
from hq_server.store.connection import Transaction
from hq_server.web_context import CONFIG, NOW_MS
from loyalty_core.errors import BadInput

routes: Final = web.RouteTableDef()


@routes.get("/api/v1/members/{look_up}")
async def get_member(request: web.Request) -> web.Response:
    """Answer where a member stands."""
    now_ms = request.app[NOW_MS]()

    def work(tx: Transaction) -> Standing:
        house = load_house(tx)
        return standing(tx, house, _found(request, tx, house).member.member_id, now_ms)

    return json(await read_for(request, work))


@routes.get("/api/v1/members/{look_up}/entries")
async def get_entries(request: web.Request) -> web.Response:
    """Answer a member's movements in the order of posting, at most 1000, those after `?after=NUMBER`."""
    after = request.query.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 16):
        raise BadInput("after is the number of the last entry that is known")

    def work(tx: Transaction) -> list[EntryView]:
        house = load_house(tx)
        return entries(tx, house, _found(request, tx, house).member.member_id, after=int(after))

    return json(await read_for(request, work))


def _found(request: web.Request, tx: Transaction, house: House) -> Found:
    """Return whom the address names; a member who was merged is answered for by who stands for them."""
    return find_member(tx, house, request.match_info["look_up"], request.app[CONFIG].phone_region)
