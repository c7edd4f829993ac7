"""What all handlers of the API share: who asks, and JSON out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from hq_server.store.connection import Transaction
from hq_server.tokens import name_of
from hq_server.web_context import DATABASE
from hq_server.web_errors import WebError

T = TypeVar("T")
_SCHEME = "Bearer "


async def read_for(request: web.Request, work: Callable[[Transaction], T]) -> T:
    """Return what `work` reads, once the request's token has been found valid in the same transaction.

    Raises:
        WebError: `token_missing` or `token_invalid`.
    """
    header = request.headers.get("Authorization", "")
    if not header.startswith(_SCHEME):
        raise WebError("give an API token: Authorization: Bearer ...", code="token_missing")

    def checked(tx: Transaction) -> T:
        if name_of(tx, header.removeprefix(_SCHEME).strip()) is None:
            raise WebError("this API token is not valid here", code="token_invalid")
        return work(tx)

    return await request.app[DATABASE].read(checked)


def json(value: object) -> web.Response:
    """Return a value as JSON."""
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
