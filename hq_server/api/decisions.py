"""`adjustments`, their verdicts, and `coupons`: what staff decide; the token's name is the person."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from hq_server.adjusting import Adjustment, propose
from hq_server.api.answers import about, body_of, json, key_of, number_of, read_for, write_for
from hq_server.api.queries import AdjustmentsQuery, read_query
from hq_server.coupons import CouponView, coupon_of, coupons_of, issue
from hq_server.decisions import (
    Decision,
    DecisionKind,
    DecisionView,
    decided_before,
    decision,
    decision_view,
    decisions,
    key_conflict,
    said,
)
from hq_server.house import House, load_house
from hq_server.members import find_member, find_present
from hq_server.merges import groups_of
from hq_server.store.connection import Transaction
from hq_server.verdicts import approve, refuse
from hq_server.web_context import ANSWERING, CONFIG, NOW_MS
from hq_server.web_errors import WebError
from loyalty_core.calendar import day_written

routes: Final = web.RouteTableDef()
ADJUSTMENTS: Final[tuple[DecisionKind, ...]] = ("adjustment", "goodwill")
_Date = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
_Points = Annotated[int, Meta(ge=-(2**53), le=2**53)]


class AdjustmentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Points to move for a member, by id, card or phone; `date` is today where it is absent."""

    member: str
    kind: Literal["adjustment", "goodwill"] = "adjustment"
    redeemable: _Points = 0
    qualifying: _Points = 0
    reason_code: str
    reason: str
    date: _Date | None = None


class CouponRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}
):
    """A coupon for a reward of the programme in force, taken from one date until another."""

    member: str
    reward: str
    from_: _Date
    until: _Date
    reason: str = "issued"


@routes.get("/api/v1/adjustments")
async def get_adjustments(request: web.Request) -> web.Response:
    """Answer adjustments in order, at most 1000 at once."""
    query = read_query(request, AdjustmentsQuery)

    def work(tx: Transaction) -> list[DecisionView]:
        found = decisions(tx, kinds=ADJUSTMENTS, state=query.state, after=query.after)
        return [decision_view(one) for one in found]

    return json(await read_for(request, work))


@routes.post("/api/v1/adjustments")
async def post_adjustment(request: web.Request) -> web.Response:
    """Propose an adjustment; the same Idempotency-Key proposes it once."""
    asked, key = await body_of(request, AdjustmentRequest), key_of(request)
    now_ms, config = request.app[NOW_MS](), request.app[CONFIG]

    def work(tx: Transaction, name: str) -> DecisionView:
        house = load_house(tx)
        found = find_present(tx, house, asked.member, config.phone_region)
        about(request, found.named)
        adjustment = Adjustment(
            redeemable=asked.redeemable,
            qualifying=asked.qualifying,
            reason_code=asked.reason_code,
            business_day=house.today(now_ms) if asked.date is None else day_written(asked.date),
        )
        by = said(name, asked.reason)
        before = decided_before(tx, name, key)
        if before is not None:
            like = {**msgspec.to_builtins(adjustment), "kind": asked.kind}
            if asked.date is None:
                like["business_day"] = msgspec.json.decode(before.detail).get("business_day")
            return _again(before, found.named, by.reason, like)
        limits = config.adjustments
        number = propose(tx, house, limits, found.named, asked.kind, adjustment, by, now_ms, key)
        return decision_view(decision(tx, number))

    return json(await write_for(request, work), made=True)


@routes.post("/api/v1/adjustments/{number}/approve")
async def post_approve(request: web.Request) -> web.Response:
    """Let an adjustment take effect, as another person than who proposed it."""
    now_ms, config = request.app[NOW_MS](), request.app[CONFIG]

    def work(tx: Transaction, name: str) -> DecisionView:
        done = approve(tx, load_house(tx), config, _number(tx, request), name, now_ms)
        about(request, done.subject)
        return decision_view(done)

    return json(await write_for(request, work))


@routes.post("/api/v1/adjustments/{number}/refuse")
async def post_refuse(request: web.Request) -> web.Response:
    """End an adjustment without effect, as another person than who proposed it."""
    now_ms = request.app[NOW_MS]()

    def work(tx: Transaction, name: str) -> DecisionView:
        done = refuse(tx, _number(tx, request), name, now_ms)
        about(request, done.subject)
        return decision_view(done)

    return json(await write_for(request, work))


@routes.post("/api/v1/coupons")
async def post_coupon(request: web.Request) -> web.Response:
    """Issue a coupon; the same Idempotency-Key issues it once."""
    asked, key = await body_of(request, CouponRequest), key_of(request)
    now_ms, region = request.app[NOW_MS](), request.app[CONFIG].phone_region
    days = (day_written(asked.from_), day_written(asked.until))

    def work(tx: Transaction, name: str) -> CouponView:
        house = load_house(tx)
        found = find_present(tx, house, asked.member, region)
        about(request, found.named)
        by = said(name, asked.reason)
        before = decided_before(tx, name, key)
        if before is not None:
            like = {"kind": "coupon", "reward": asked.reward, "from_day": days[0], "until_day": days[1]}
            _again(before, found.named, by.reason, like)
            number = before.number
        else:
            signing = request.app[ANSWERING].keys.signing(tx).keys[0]
            number = issue(tx, house, found.named, asked.reward, days, by, signing, now_ms, key)
        coupon_id = coupon_of(decision(tx, number)).coupon_id
        issued = coupons_of(tx, house, (found.named,), now_ms)
        return next(one for one in issued if one.coupon_id == coupon_id)

    return json(await write_for(request, work), made=True)


@routes.get("/api/v1/members/{look_up}/coupons")
async def get_coupons(request: web.Request) -> web.Response:
    """Answer a member's coupons and what became of them."""
    now_ms, region = request.app[NOW_MS](), request.app[CONFIG].phone_region

    def work(tx: Transaction) -> list[CouponView]:
        house: House = load_house(tx)
        head = find_member(tx, house, request.match_info["look_up"], region).member.member_id
        return coupons_of(tx, house, groups_of(tx, house.bucket_count, [head]).members[head], now_ms)

    return json(await read_for(request, work))


def _again(before: Decision, subject: str, reason: str, like: dict[str, Any]) -> DecisionView:
    """Return what was decided under this key, which must have asked for the same."""
    stands = {**msgspec.json.decode(before.detail), "kind": before.kind}
    same = all(stands.get(name) == value for name, value in like.items())
    if not same or (before.subject, before.reason) != (subject, reason):
        raise key_conflict()
    return decision_view(before)


def _number(tx: Transaction, request: web.Request) -> int:
    number = number_of(request, "decision")
    if decision(tx, number).kind not in ADJUSTMENTS:
        raise WebError(f"decision {number} is no adjustment", code="no_proposal")
    return number
