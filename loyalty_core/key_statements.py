"""What HQ says of its keys, so that a till which believes one comes to believe the next.

A statement names one key and its number. It is signed by that key and by the one before it of the same kind;
the server's key of the day signs it, too, so that HQ's own books can be checked by that one key alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from loyalty_core.envelope import open_sealed, peek, seal
from loyalty_core.events import AtMs
from loyalty_core.messages import Key
from loyalty_core.wire import Shape, pack, unpack

Kind = Literal["server", "programme"]
"""The server key signs what HQ says, the programme key what it publishes."""


class KeyStatement(Shape, frozen=True):
    """The key of this kind and number. Numbers begin with 1; a higher one takes the place of a lower."""

    kind: Kind
    number: Annotated[int, Meta(ge=1)]
    public_key: Key
    made_at_ms: AtMs


def seal_statement(statement: KeyStatement, *private_keys: bytes) -> bytes:
    """Return the statement, signed by these raw private keys."""
    return seal("dangol/keys/1", pack(statement), *private_keys)


def read_statement(data: bytes, keys: Mapping[bytes, bytes]) -> KeyStatement:
    """Return a statement that one of `keys` (id -> raw public key) signed.

    Raises:
        BadWire: these bytes are none.
        BadEnvelope: none of these keys signed them.
    """
    return unpack(open_sealed(data, "dangol/keys/1", keys), KeyStatement)


def claimed_statement(data: bytes) -> KeyStatement:
    """Return what a statement says, believed by nobody yet but for who sent it.

    Raises:
        BadWire, BadEnvelope: these bytes are none.
    """
    return unpack(peek(data, "dangol/keys/1")[1], KeyStatement)
