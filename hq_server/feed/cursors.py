"""How far another system has been told: one number a bucket, and the life of the database that they are of.

Others keep it as an opaque text.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from hq_server.house import House
from loyalty_core.errors import BadInput

_Number = Annotated[int, Meta(ge=0, le=2**62)]


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """`numbers` by bucket; `turn` is the bucket that is read first next, so that none is always the last."""

    counter: int
    random: bytes
    turn: _Number
    numbers: tuple[_Number, ...]


_DECODER: Final = msgspec.msgpack.Decoder(Cursor)


def from_start(house: House) -> Cursor:
    """Return the cursor of who has been told nothing."""
    life = house.incarnation
    return Cursor(life.counter, life.random, 0, (0,) * house.bucket_count)


def text_of(cursor: Cursor) -> str:
    """Return a cursor as it is given away."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).rstrip(b"=").decode()


def read_cursor(text: str, house: House) -> Cursor:
    """Return the cursor of a text, "" being the start.

    Raises:
        BadInput: `cursor_malformed`; `feed_cursor_ended`: it is of before headquarters was restored.
    """
    if not text:
        return from_start(house)
    try:
        cursor = _DECODER.decode(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise _malformed() from None
    if (cursor.counter, cursor.random) != (house.incarnation.counter, house.incarnation.random):
        raise BadInput(
            "headquarters was restored from a backup since: begin again without after, and forget what the "
            "new answers do not tell",
            code="feed_cursor_ended",
        )
    if len(cursor.numbers) != house.bucket_count or cursor.turn >= house.bucket_count:
        raise _malformed()
    return cursor


def _malformed() -> BadInput:
    return BadInput('after is the "after" of an earlier answer, as it came', code="cursor_malformed")
