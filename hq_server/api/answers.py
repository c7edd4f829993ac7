"""What all handlers of the API share: who asks, JSON in, and JSON out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from hq_server.decisions import KEY_MAX
from hq_server.store.connection import Transaction
from hq_server.tokens import may_watch, name_of
from hq_server.web_context import BODIES, DATABASE
from hq_server.web_errors import WebError
from loyalty_core.errors import said

T = TypeVar("T")
_SCHEME = "Bearer "
BODY_BYTES_MAX: Final = 64 * 1024


@web.middleware
async def strangers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn away who has no valid token before anything of the request is looked at, and without the writer.

    Raises:
        WebError: `token_missing` or `token_invalid`.
    """
    if request.path.startswith("/api/"):
        await read_for(request, lambda _: None)
    return await handler(request)


async def read_for(request: web.Request, work: Callable[[Transaction], T]) -> T:
    """Return what `work` reads, once the request's token has been found valid in the same transaction.

    Raises:
        WebError: `token_missing` or `token_invalid`.
    """
    token = _token(request)

    def checked(tx: Transaction) -> T:
        _name(tx, token)
        return work(tx)

    return await request.app[DATABASE].read(checked)


async def watch_for(request: web.Request, work: Callable[[Transaction], T]) -> T:
    """Return what `work` reads, for any valid token, also one that is for metrics only.

    Raises:
        WebError: `token_missing` or `token_invalid`.
    """
    token = _token(request)

    def checked(tx: Transaction) -> T:
        if not may_watch(tx, token):
            raise _invalid()
        return work(tx)

    return await request.app[DATABASE].read(checked)


async def write_for(request: web.Request, work: Callable[[Transaction, str], T]) -> T:
    """Return what `work` makes in a write transaction; it is given the token's name, which is the person.

    Raises:
        WebError: `token_missing` or `token_invalid`.
    """
    token = _token(request)
    return await request.app[DATABASE].write(lambda tx: work(tx, _name(tx, token)))


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


def _token(request: web.Request) -> str:
    header = request.headers.get("Authorization", "")
    if not header.startswith(_SCHEME):
        raise WebError("give an API token: Authorization: Bearer ...", code="token_missing")
    return header.removeprefix(_SCHEME).strip()


def _name(tx: Transaction, token: str) -> str:
    name = name_of(tx, token)
    if name is None:
        raise _invalid()
    return name


def _invalid() -> WebError:
    return WebError("this API token is not valid here", code="token_invalid")


def json(value: object, *, made: bool = False) -> web.Response:
    """Return a value as JSON; `made` says that the request made it."""
    status = 201 if made else 200
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
