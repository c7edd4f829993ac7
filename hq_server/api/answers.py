"""What all handlers of the API share: who asks and may, what the access log keeps, JSON in and out."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeVar

import msgspec
from aiohttp import web

from hq_server.decisions import KEY_MAX
from hq_server.house import load_house
from hq_server.members import find_member
from hq_server.staff.access import MANY, keep_access
from hq_server.staff.callers import Caller, caller_of
from hq_server.staff.rights import Right
from hq_server.staff.sessions import use_session
from hq_server.staff.table import OPEN, Need, need_of_route, unsaid
from hq_server.store.connection import Busy, Transaction
from hq_server.store.refusals import Refused
from hq_server.web_context import BODIES, CONFIG, DATABASE, NOW_MS
from hq_server.web_errors import WebError
from loyalty_core.errors import printable, said

T = TypeVar("T")
_SCHEME = "Bearer "
_ABOUT: Final = web.RequestKey("about", dict[str, None])
BODY_BYTES_MAX: Final = 64 * 1024
DIGITS_MAX: Final = 15
"""A number with more digits is none of the database's."""
SAID_MAX: Final = 50


@web.middleware
async def strangers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn away who may not come here before anything of the request is looked at, and without the writer.

    Raises:
        WebError: `token_missing`, `token_invalid`, `not_allowed`.
    """
    need = need_of(request)
    if need is None or need.right is not None:
        token, now_ms = token_of(request), request.app[NOW_MS]()
        caller = await request.app[DATABASE].read(lambda tx: _admitted(tx, request, token))
        if not caller.is_noted:
            # Where it cannot be written down now the session is over the sooner; it is good at this moment.
            with contextlib.suppress(Busy, Refused):
                await request.app[DATABASE].write(lambda tx: use_session(tx, token, now_ms))
    return await handler(request)


async def keep_nowhere(request: web.Request, response: web.StreamResponse) -> None:
    """Have nobody on the way keep what the API answers: members' data, and what opens a session."""
    if request.path.startswith("/api/"):
        response.headers["Cache-Control"] = "no-store"


def need_of(request: web.Request) -> Need | None:
    """Return what the address needs; None for one of the API that nobody is let into.

    What is no address at all is for everybody to be told so, outside the API.
    """
    resource = request.match_info.route.resource
    if resource is None:
        return None if request.path.startswith("/api/") else OPEN
    return need_of_route(request.method, resource.canonical)


async def read_for(request: web.Request, work: Callable[[Transaction], T], *, also: Right | None = None) -> T:
    """Return what `work` reads, for who may see it, found in the same transaction.

    Where it is data of members, the access log has it before it is told: about whom the address names, or
    `about` said, else about many. So it is with what wants a right `also`, beside the one of the address.

    Raises:
        WebError: `token_missing`, `token_invalid`, `not_allowed`.
    """
    token, need = token_of(request), need_of(request)

    def checked(tx: Transaction) -> tuple[Caller, T]:
        caller = _admitted(tx, request, token, also)
        result = work(tx)
        if need is not None and need.personal and "look_up" in request.match_info:
            region, look_up = request.app[CONFIG].phone_region, request.match_info["look_up"]
            found = find_member(tx, load_house(tx), look_up, region)
            about(request, found.named, found.member.member_id)
        return caller, result

    caller, result = await request.app[DATABASE].read(checked)
    if also is not None or (need is not None and need.personal):
        now_ms, what, subjects = request.app[NOW_MS](), what_of(request), request.get(_ABOUT, {MANY: None})
        await request.app[DATABASE].write(
            lambda tx: keep_access(tx, now_ms, caller.who, "api", "read", what, *subjects)
        )
    return result


async def write_for(request: web.Request, work: Callable[[Transaction, str], T]) -> T:
    """Return what `work` makes in a write transaction, for who may make it; it is given that one's name.

    The access log has it in the same transaction.

    Raises:
        WebError: `token_missing`, `token_invalid`, `not_allowed`.
    """
    token, now_ms = token_of(request), request.app[NOW_MS]()

    def checked(tx: Transaction) -> T:
        caller = _admitted(tx, request, token)
        result = work(tx, caller.name)
        subjects = request.get(_ABOUT, {})
        keep_access(tx, now_ms, caller.who, "api", "change", what_of(request), *subjects)
        return result

    return await request.app[DATABASE].write(checked)


def about(request: web.Request, *members: str) -> None:
    """Say for the access log which members a request is about, by their ids; harmless when repeated."""
    request[_ABOUT] = request.get(_ABOUT, {}) | dict.fromkeys(members)


def what_of(request: web.Request) -> str:
    """Return what the access log calls a request: never what somebody typed into its address."""
    resource = request.match_info.route.resource
    return f"{request.method} {'?' if resource is None else resource.canonical}"


def _admitted(tx: Transaction, request: web.Request, token: str, also: Right | None = None) -> Caller:
    """Return who asks, if they may."""
    caller, need = caller_of(tx, token, request.app[NOW_MS]()), need_of(request)
    if caller is None:
        raise _token_invalid()
    for right in (None if need is None else need.right, also):
        if right is not None and right not in caller.rights:
            raise WebError(f"{caller.name} may not do this: it needs the right {right}", code="not_allowed")
    if need is None and request.match_info.route.resource is not None:
        raise WebError(unsaid(what_of(request)), code="not_allowed")
    return caller


def token_of(request: web.Request) -> str:
    """Return the token that a request carries.

    Raises:
        WebError: `token_missing`; `token_invalid` for what no token can be.
    """
    header = request.headers.get("Authorization", "")
    if not header.startswith(_SCHEME):
        raise WebError("give an API token: Authorization: Bearer ...", code="token_missing")
    if not header.isascii():
        raise _token_invalid()
    return header.removeprefix(_SCHEME).strip()


def _token_invalid() -> WebError:
    return WebError("this API token is not valid here", code="token_invalid")


async def body_of(request: web.Request, shape: type[T]) -> T:
    """Return a request's JSON body.

    Raises:
        WebError: `bad_input` with what is wrong in it, or that it is too large or too slow.
    """
    async with request.app[BODIES].whole(request, BODY_BYTES_MAX) as body:
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WebError(f"the body is not as /openapi.json says: {said(error)}") from None


def key_of(request: web.Request) -> str:
    """Return the request's Idempotency-Key.

    Raises:
        WebError: `idempotency_key_missing`.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key.isprintable() or not 1 <= len(key) <= KEY_MAX:
        raise WebError(
            f"the header Idempotency-Key is missing: send 1 to {KEY_MAX} printable characters, new for each "
            "request and the same when it is sent again",
            code="idempotency_key_missing",
        )
    return key


def number_of(request: web.Request, what: Literal["case", "decision"]) -> int:
    """Return the number that the address names.

    Raises:
        WebError: `case_not_found`, `decision_not_found`, where it is none that was ever given.
    """
    text = request.match_info["number"]
    if text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX:
        return int(text)
    raise WebError(f'there is no {what} "{printable(text[:SAID_MAX])}"', code=f"{what}_not_found")


def json(value: object, *, made: bool = False) -> web.Response:
    """Return a value as JSON; `made` says that the request made it."""
    status = 201 if made else 200
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
