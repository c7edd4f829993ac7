"""What every request of the till's own software has: a body that comes in time, a key that makes it one."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Final, TypeVar

import msgspec
from aiohttp import hdrs, web

from edge_agent.desk import Keyed
from loyalty_core.errors import BadInput, said

T = TypeVar("T")
_KEY_FORM: Final = re.compile(r"[\x21-\x7e]{1,64}")
_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"})
"""Some software names a character set in this header, or nothing: what it sends can be read all the same."""


async def body_of(request: web.Request, ms_max: int) -> bytes:
    """Return the request's body; one that does not come in time ends in a TimeoutError.

    Raises:
        BadInput: `body_unreadable`: it is compressed.
    """
    if request.headers.get(hdrs.CONTENT_ENCODING, "").lower() in _COMPRESSED:
        raise BadInput("the body is compressed: send the bytes as they are", code="body_unreadable")
    if request.content.is_eof():
        return await request.read()
    async with asyncio.timeout(ms_max / 1000):
        return await request.read()


def idempotency_key(request: web.Request) -> str:
    """Return the key that makes a request one.

    Raises:
        BadInput: `idempotency_key_missing`.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY_FORM.fullmatch(key):
        raise BadInput(
            "the header Idempotency-Key is missing: send 1 to 64 printable characters, new for each request "
            "and the same for a retry",
            code="idempotency_key_missing",
        )
    return key


def keyed_of(request: web.Request, raw: bytes) -> Keyed:
    """Return what makes a request one: its Idempotency-Key, and what it says.

    Raises:
        BadInput: `idempotency_key_missing`.
    """
    return Keyed(
        key=idempotency_key(request),
        content=content_of(request.path, raw),
        raw_sha256=hashlib.sha256(raw).digest(),
    )


def content_of(path: str, raw: bytes) -> bytes:
    """Return 16 bytes that are equal for the same request."""
    return hashlib.sha256(path.encode() + hashlib.sha256(raw).digest()).digest()[:16]


def json_of(raw: bytes, kind: type[T]) -> T:
    """Return what a body says.

    Raises:
        BadInput: `request_invalid`, `json_invalid`.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise BadInput(
            f"the request does not have the expected form: {said(error)}", code="request_invalid"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"this is not JSON: {said(error)}", code="json_invalid") from None


def answered(answer: msgspec.Struct) -> web.Response:
    """Return the answer as JSON."""
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")
