"""Who may talk to the local HTTP face: this machine's own names as Host, no foreign pages, a bearer token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from loyalty_core.errors import BadInput

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OPEN_PATHS: Final = frozenset({"/healthz", "/metrics", "/openapi.json"})
_READS: Final = frozenset({"GET", "HEAD"})


def guard(allowed_hosts: tuple[str, ...], token: str) -> Middleware:
    """Return the middleware that refuses strangers.

    Raises (as problem documents):
        BadInput: `host_refused`, `origin_refused`, `token_wrong`.
    """
    hosts = frozenset(allowed_hosts)
    expected = token.encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _host(request.headers.get("Host", "")) not in hosts:
            raise BadInput("this till does not answer to that Host name", code="host_refused")
        if request.method not in _READS:
            _check_origin(request)
        if request.path not in OPEN_PATHS:
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            right = hmac.compare_digest(given.encode(errors="surrogateescape"), expected)
            if not right or scheme.lower() != "bearer":
                raise BadInput(
                    "the bearer token is missing or wrong: send Authorization: Bearer and the token that was "
                    "made at enrolment",
                    code="token_wrong",
                )
        return await handler(request)

    return check


def _host(header: str) -> str:
    name, colon, port = header.rpartition(":")
    return name if colon and port.isdecimal() else header


def _check_origin(request: web.Request) -> None:
    """A browser says where a page came from; the till's own software says nothing.

    Another port of this machine is another site: anybody's program may answer there.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    try:
        own = origin is None or urlsplit(origin).netloc == request.headers.get("Host")
    except ValueError:
        own = False
    if not own or site not in {"none", "same-origin"}:
        raise BadInput("pages of other sites may not write to this till", code="origin_refused")
