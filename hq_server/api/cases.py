"""`cases`, `grants` and `desk`: appeals, and how alike they are ruled; the token's name is the person."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from hq_server.api.answers import about, body_of, json, key_of, number_of, read_for, write_for
from hq_server.api.queries import AdjustmentsQuery, CasesQuery, read_query
from hq_server.decisions import Decision, DecisionView, decision, decision_view, decisions, said
from hq_server.desk.again import opened_before, proposed_before, ruled_before
from hq_server.desk.case_view import CaseFile, CaseView, case_file, case_view
from hq_server.desk.cases import appeal, cases, evidence_on, open_case
from hq_server.desk.evidence import Evidence
from hq_server.desk.figures import Figures, figures
from hq_server.desk.near_misses import NearMisses, near_misses
from hq_server.desk.rulings import Asked, post_some, propose_grant
from hq_server.desk.settling import refuse_case, withdraw_case
from hq_server.house import load_house
from hq_server.members import find_member, find_present
from hq_server.staff.access import MANY
from hq_server.store.connection import Transaction
from hq_server.verdicts import approve, refuse
from hq_server.web_context import CONFIG, DATABASE, NOW_MS
from hq_server.web_errors import WebError
from loyalty_core.calendar import day_written
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs

routes: Final = web.RouteTableDef()
_Date = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]


class CaseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A member, by id, card or phone, who appeals for the tier just missed in a period, and what they say."""

    member: str
    period: str
    words: str = ""


class GrantRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A proposal: for all who stand alike unless `alone`, to the end of the validity unless `until`."""

    reason_code: str
    reason: str
    alone: bool = False
    until: _Date | None = None


class RefusalRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a case is refused."""

    reason_code: str
    reason: str


class WithdrawalRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a case ends without a ruling."""

    reason: str


@routes.get("/api/v1/cases")
async def get_cases(request: web.Request) -> web.Response:
    """Answer cases in order, at most 1000 at once."""
    query, now_ms, region = read_query(request, CasesQuery), request.app[NOW_MS](), _region(request)

    def work(tx: Transaction) -> list[CaseView]:
        house = load_house(tx)
        named = find_member(tx, house, query.member, region).named if query.member else ""
        found = cases(tx, state=query.state, period_id=query.period, member_id=named, after=query.after)
        return [case_view(tx, house, one, now_ms) for one in found]

    return json(await read_for(request, work))


@routes.post("/api/v1/cases")
async def post_case(request: web.Request) -> web.Response:
    """Open a case with its evidence; the same Idempotency-Key opens it once."""
    asked, key = await body_of(request, CaseRequest), key_of(request)
    now_ms, region = request.app[NOW_MS](), _region(request)

    def gathered(tx: Transaction) -> Evidence | None:
        """Return the evidence, read without keeping the writer; None where it may have been opened before."""
        house = load_house(tx)
        named = find_present(tx, house, asked.member, region).named
        try:
            return appeal(tx, house, named, asked.period, now_ms)
        except BadInput:
            return None

    evidence = await read_for(request, gathered)

    def work(tx: Transaction, name: str) -> CaseFile:
        house = load_house(tx)
        named = find_present(tx, house, asked.member, region).named
        about(request, named, MANY)
        before = opened_before(tx, name, key, named, asked.period, asked.words)
        if before is not None:
            return case_file(tx, house, before.number, now_ms)
        told = evidence or appeal(tx, house, named, asked.period, now_ms)
        number = open_case(tx, house, named, told, asked.words, name, now_ms, key)
        return case_file(tx, house, number, now_ms)

    return json(await write_for(request, work), made=True)


@routes.get("/api/v1/cases/{number}")
async def get_case(request: web.Request) -> web.Response:
    """Answer a case with all its evidence."""
    now_ms = request.app[NOW_MS]()

    def work(tx: Transaction) -> CaseFile:
        file = case_file(tx, load_house(tx), number_of(request, "case"), now_ms)
        about(request, file.case.member_id, MANY)
        return file

    return json(await read_for(request, work))


@routes.post("/api/v1/cases/{number}/propose")
async def post_propose(request: web.Request) -> web.Response:
    """Propose to grant what a case asks for; the same Idempotency-Key proposes it once."""
    asked, key = await body_of(request, GrantRequest), key_of(request)
    now_ms, limits = request.app[NOW_MS](), request.app[CONFIG].grants
    wanted = Asked(
        reason_code=asked.reason_code,
        alone=asked.alone,
        until_day=None if asked.until is None else day_written(asked.until),
    )
    evidence = await _evidence(request, now_ms)

    def work(tx: Transaction, name: str) -> DecisionView:
        house, number, by = load_house(tx), number_of(request, "case"), said(name, asked.reason)
        before = proposed_before(tx, name, key, number, by.reason, wanted)
        if before is None:
            made = propose_grant(tx, house, limits, number, wanted, evidence, by, now_ms, key)
            before = decision(tx, made)
        return _told(request, before)

    return json(await write_for(request, work), made=True)


@routes.post("/api/v1/cases/{number}/refuse")
async def post_refuse_case(request: web.Request) -> web.Response:
    """Refuse a case; the same Idempotency-Key refuses it once."""
    asked, key = await body_of(request, RefusalRequest), key_of(request)
    now_ms, limits = request.app[NOW_MS](), request.app[CONFIG].grants
    evidence = await _evidence(request, now_ms)

    def work(tx: Transaction, name: str) -> DecisionView:
        house, number, by = load_house(tx), number_of(request, "case"), said(name, asked.reason)
        before = ruled_before(tx, name, key, number, "refusal", by.reason, asked.reason_code)
        if before is None:
            made = refuse_case(tx, house, limits, number, asked.reason_code, evidence, by, now_ms, key)
            before = decision(tx, made)
        return _told(request, before)

    return json(await write_for(request, work), made=True)


@routes.post("/api/v1/cases/{number}/withdraw")
async def post_withdraw(request: web.Request) -> web.Response:
    """End a case without a ruling; the same Idempotency-Key ends it once."""
    asked, key, now_ms = await body_of(request, WithdrawalRequest), key_of(request), request.app[NOW_MS]()

    def work(tx: Transaction, name: str) -> DecisionView:
        number, by = number_of(request, "case"), said(name, asked.reason)
        before = ruled_before(tx, name, key, number, "withdrawal", by.reason)
        return _told(request, before or decision(tx, withdraw_case(tx, number, by, now_ms, key)))

    return json(await write_for(request, work), made=True)


@routes.get("/api/v1/grants")
async def get_grants(request: web.Request) -> web.Response:
    """Answer grants in order, at most 1000 at once."""
    query = read_query(request, AdjustmentsQuery)

    def work(tx: Transaction) -> list[DecisionView]:
        return [
            decision_view(one)
            for one in decisions(tx, kinds=("grant",), state=query.state, after=query.after)
        ]

    return json(await read_for(request, work))


@routes.post("/api/v1/grants/{number}/approve")
async def post_approve_grant(request: web.Request) -> web.Response:
    """Let a grant take effect, as another person than who proposed it."""
    now_ms, config, database = request.app[NOW_MS](), request.app[CONFIG], request.app[DATABASE]

    def work(tx: Transaction, name: str) -> DecisionView:
        return _told(request, approve(tx, load_house(tx), config, _grant(tx, request), name, now_ms))

    done = await write_for(request, work)
    # What is cut off here the server's chores go on with.
    while await database.write(lambda tx: post_some(tx, now_ms, done.number)):
        pass
    return json(done)


@routes.post("/api/v1/grants/{number}/refuse")
async def post_refuse_grant(request: web.Request) -> web.Response:
    """End the proposal of a grant without effect, as another person than who made it."""
    now_ms = request.app[NOW_MS]()

    def work(tx: Transaction, name: str) -> DecisionView:
        return _told(request, refuse(tx, _grant(tx, request), name, now_ms))

    return json(await write_for(request, work))


@routes.get("/api/v1/desk/{period_id}")
async def get_near_misses(request: web.Request) -> web.Response:
    """Answer who lacks little to the next tier, and what would do it, or how they were ruled on."""
    now_ms, period_id = request.app[NOW_MS](), request.match_info["period_id"]

    def work(tx: Transaction) -> NearMisses:
        return near_misses(tx, load_house(tx), period_id, now_ms)

    return json(await read_for(request, work))


@routes.get("/api/v1/desk/{period_id}/figures")
async def get_figures(request: web.Request) -> web.Response:
    """Answer how the desk has ruled in a period."""
    now_ms, limits = request.app[NOW_MS](), request.app[CONFIG].grants

    def work(tx: Transaction) -> Figures:
        return figures(tx, load_house(tx), limits, request.match_info["period_id"], now_ms)

    return json(await read_for(request, work))


async def _evidence(request: web.Request, now_ms: EpochMs) -> Evidence:
    """Return what is known on a case, read without keeping the writer."""

    def work(tx: Transaction) -> Evidence:
        return evidence_on(tx, load_house(tx), number_of(request, "case"), now_ms)

    return await read_for(request, work)


def _told(request: web.Request, one: Decision) -> DecisionView:
    """Return a decision in the shape of the API, and say for the access log whom it is about."""
    about(request, one.subject)
    return decision_view(one)


def _region(request: web.Request) -> str:
    return request.app[CONFIG].phone_region


def _grant(tx: Transaction, request: web.Request) -> int:
    number = number_of(request, "decision")
    if decision(tx, number).kind != "grant":
        raise WebError(f"decision {number} is no grant", code="no_proposal")
    return number
