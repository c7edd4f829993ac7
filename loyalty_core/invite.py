"""The invite code that lets one till join: half secret, half pin of HQ's key.

A code is 24 letters of Crockford's base32 (no I, L, O, U) in six groups. The first 60 bits are a secret that
HQ keeps hashed and accepts once; the last 60 bits are the start of a hash of HQ's public key, so that a till
knows on first contact that it speaks with the HQ that made the code.
"""

from __future__ import annotations

import hashlib
from typing import Final

from loyalty_core.errors import BadInput

SECRET_BYTES: Final = 8
"""A secret and a pin are 60 bits in 8 bytes: the last four bits are zero."""
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = {letter: value for value, letter in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_HALF: Final = 12
_GROUP: Final = 4


def make_code(secret: bytes, hq_public_key: bytes) -> str:
    """Return the code of a secret (8 random bytes, of which the first 60 bits count) for this HQ."""
    letters = _letters(secret) + _letters(pin_of(hq_public_key))
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))


def read_code(text: str) -> tuple[bytes, bytes]:
    """Return the secret and the pin of a code as a person typed it: case, spaces and hyphens do not matter.

    Raises:
        BadInput: `code_malformed`.
    """
    letters = "".join(text.upper().replace("-", " ").split())
    if len(letters) != 2 * _HALF or any(letter not in _VALUES for letter in letters):
        raise BadInput(
            "the invite code has six groups of four letters or digits: type it as it was printed",
            code="code_malformed",
        )
    return _bytes(letters[:_HALF]), _bytes(letters[_HALF:])


def pin_of(hq_public_key: bytes) -> bytes:
    """Return the pin of HQ's raw public key: 60 bits, as `read_code` returns them."""
    return _sixty_bits(hashlib.sha256(b"dangol/pin/1" + hq_public_key).digest()[:SECRET_BYTES])


def _sixty_bits(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] & 0xF0])


def _letters(half: bytes) -> str:
    bits = int.from_bytes(half[:SECRET_BYTES]) >> 4
    return "".join(ALPHABET[bits >> shift & 31] for shift in range(55, -1, -5))


def _bytes(letters: str) -> bytes:
    bits = 0
    for letter in letters:
        bits = bits << 5 | _VALUES[letter]
    return (bits << 4).to_bytes(SECRET_BYTES)
