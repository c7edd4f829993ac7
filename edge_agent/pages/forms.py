"""What a form says: bounded in bytes and in time, and refused in a sentence where nobody can read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.web_request import FileField

from edge_agent.config import Http
from loyalty_core.errors import BadInput


@asynccontextmanager
async def said_in(
    request: web.Request, bounds: Http, bytes_max: int = 0
) -> AsyncIterator[Mapping[str, str | bytes | bytearray | FileField]]:
    """Give the fields of a form, whose files are gone at the end.

    `bytes_max` is what it may bring, where that is more than others may. One that does not come in time
    ends in a TimeoutError.

    Raises:
        BadInput: `body_unreadable`.
    """
    try:
        async with asyncio.timeout(bounds.body_ms_max / 1000):
            said = await request.clone(client_max_size=max(bytes_max, bounds.body_bytes_max)).post()
        "".join([*said, *[value for value in said.values() if isinstance(value, str)]]).encode()
    except (ValueError, LookupError):  # no text, of an encoding that nobody knows, or in parts that are none
        raise BadInput(
            "this form cannot be read: open the page again, and send it from there", code="body_unreadable"
        ) from None
    try:
        yield said
    finally:
        for value in said.values():
            if isinstance(value, FileField):
                value.file.close()
