"""What lies on a stick: one signed envelope a file, closed under the key of its till's store.

    file   = msgpack [1, "dangol/stick/1", terminal_id, salt, closed]
    key    = HKDF-SHA256(store_key, salt, "dangol/stick/1")
    closed = ChaCha20-Poly1305(key, nonce of zeros, envelope), bound to the three fields before the salt

The signature inside says who speaks, as on the line; this only keeps whoever finds the stick from reading.
Salts are 32 random bytes, so that a key serves one file.
"""

from __future__ import annotations

from typing import Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from loyalty_core.errors import BadWire
from loyalty_core.events import Identifier
from loyalty_core.messages import Key
from loyalty_core.wire import MESSAGE_BYTES_MAX, Shape, pack, unpack

TO_HQ: Final = ".to-hq"
TO_TILL: Final = ".to-till"
FILE_BYTES_MAX: Final = MESSAGE_BYTES_MAX + 1024
"""The largest file: the largest message, and what is around it."""
SALT_BYTES: Final = 32
_TYPE: Final = "dangol/stick/1"
_NONCE: Final = bytes(12)
_ITEMS_MAX: Final = 16


class Closed(Shape, frozen=True):
    """A file whose content is not read yet; anybody may have written any of it."""

    version: Literal[1]
    type: Literal["dangol/stick/1"]
    terminal_id: Identifier
    salt: Key
    closed: bytes


Place = tuple[int, int]
"""Epoch and seq."""


def file_stem(terminal_id: str, first: Place | None, last: Place | None, nonce: bytes) -> str:
    """Return what a request's file is called before its ending: whose it is, from which record to which.

    Letters, digits, ".", "-" and "_" only, and no two alike but for their case.
    """
    records = "none"
    if first is not None and last is not None:
        records = f"{first[0]}.{first[1]:06}-{last[0]}.{last[1]:06}"
    return f"dangol_{terminal_id}_{records}_{nonce.hex()[:8]}"


def close_file(envelope: bytes, terminal_id: str, store_key: bytes, salt: bytes) -> bytes:
    """Return the bytes of a file. `salt` is fresh chance, `SALT_BYTES` long."""
    closed = _cipher(store_key, salt).encrypt(_NONCE, envelope, _beside(terminal_id))
    return pack(Closed(1, _TYPE, terminal_id, salt, closed))


def parse_file(data: bytes) -> Closed:
    """Return what a file says of itself; nothing of it is proven.

    Raises:
        BadWire: `file_damaged`.
    """
    try:
        return unpack(data, Closed, bytes_max=FILE_BYTES_MAX, items_max=_ITEMS_MAX)
    except BadWire:
        raise _damaged() from None


def open_file(file: Closed, store_key: bytes) -> bytes:
    """Return the envelope in a file that was closed under this key.

    Raises:
        BadWire: `file_damaged`.
    """
    try:
        return _cipher(store_key, file.salt).decrypt(_NONCE, file.closed, _beside(file.terminal_id))
    except InvalidTag:
        raise _damaged() from None


def _cipher(store_key: bytes, salt: bytes) -> ChaCha20Poly1305:
    key = HKDF(algorithm=SHA256(), length=32, salt=salt, info=_TYPE.encode()).derive(store_key)
    return ChaCha20Poly1305(key)


def _beside(terminal_id: str) -> bytes:
    return pack([1, _TYPE, terminal_id])


def _damaged() -> BadWire:
    return BadWire(
        "it is cut short, changed, or of another chain: have it written again", code="file_damaged"
    )
