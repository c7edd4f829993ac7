"""`gifts`: what waits to be handed out, and that it was; the token's name is who handed it out."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from hq_server.api.answers import about, json, read_for, write_for
from hq_server.api.queries import GiftsQuery, read_query
from hq_server.closes.gifts import GiftView, gifts, gifts_of, hand_over
from hq_server.house import load_house
from hq_server.members import find_member
from hq_server.store.connection import Transaction
from hq_server.web_context import CONFIG, NOW_MS

routes: Final = web.RouteTableDef()


@routes.get("/api/v1/gifts")
async def get_gifts(request: web.Request) -> web.Response:
    """Answer gifts in the order of their ids."""
    query = read_query(request, GiftsQuery)
    waiting = query.state == "waiting"

    def work(tx: Transaction) -> list[GiftView]:
        return gifts(tx, waiting=waiting, after=query.after, count=query.limit)

    return json(await read_for(request, work))


@routes.get("/api/v1/members/{look_up}/gifts")
async def get_gifts_of(request: web.Request) -> web.Response:
    """Answer the gifts of a member."""
    region = request.app[CONFIG].phone_region

    def work(tx: Transaction) -> list[GiftView]:
        house = load_house(tx)
        head = find_member(tx, house, request.match_info["look_up"], region).member.member_id
        return gifts_of(tx, house, head)

    return json(await read_for(request, work))


@routes.post("/api/v1/gifts/{gift_id}/hand-over")
async def post_hand_over(request: web.Request) -> web.Response:
    """Note that a gift was handed out."""
    now_ms = request.app[NOW_MS]()

    def work(tx: Transaction, name: str) -> GiftView:
        done = hand_over(tx, load_house(tx), request.match_info["gift_id"], name, now_ms)
        about(request, done.member_id)
        return done

    return json(await write_for(request, work))
