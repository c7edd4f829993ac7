"""Who may talk to the local HTTP face: this machine's own names as Host, no foreign pages, a bearer token.

Pages have a door of their own instead of the token (`edge_agent.pages.door`), and are shown in no other site.
"""

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
PAGES: Final = ("/admin", "/counter", "/static", "/language", "/join")
"""Where pages and their parts are, beside the address that leads to them."""
_READS: Final = frozenset({"GET", "HEAD"})


def guard(allowed_hosts: tuple[str, ...], token: str | None) -> Middleware:
    """Return the middleware that refuses strangers. A till that has not joined has no token to ask for.

    Raises (as problem documents):
        BadInput: `host_refused`, `origin_refused`, `token_wrong`.
    """
    hosts = frozenset(allowed_hosts)
    expected = None if token is None else token.encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _host(request.headers.get("Host", "")) not in hosts:
            raise BadInput("this till does not answer to that Host name", code="host_refused")
        is_page = is_of_pages(request.path)
        if is_page or request.method not in _READS:
            _check_origin(request)
        if expected is not None and request.path not in OPEN_PATHS and not is_page:
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


def is_of_pages(path: str) -> bool:
    """Tell whether an address is for browsers."""
    return path == "/" or path.startswith(tuple(f"{one}/" for one in PAGES)) or path in PAGES


def room_of(path: str) -> str:
    """Return where one finds oneself again after an address of a page that shows nothing."""
    room = "/" + path.split("/")[1]
    return f"{room}/" if room in {"/admin", "/counter"} else "/"


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
        raise BadInput("pages of other sites may not reach into this till", code="origin_refused")
