"""Passwords: kept by argon2id (RFC 9106), of which cryptography has the library that TLS uses anyway.

Loaded by who needs it: the hash takes 64 MiB and a few tenths of a second, by design.
"""

from __future__ import annotations

import base64
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from loyalty_core.errors import BadInput

LETTERS_MIN: Final = 12
LETTERS_MAX: Final = 200
MEMORY_KIB = 64 * 1024
"""What one try takes of memory; RFC 9106's second recommendation, on one lane."""
PASSES = 3
MADE_BYTES: Final = 15
SALT_BYTES: Final = 16


def hashed_password(password: str, salt: bytes) -> str:
    """Return what is kept of a password, with 16 random bytes of salt in it."""
    kdf = Argon2id(salt=salt, length=32, iterations=PASSES, lanes=1, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(_form(password))


def is_password(password: str, kept: str) -> bool:
    """Tell whether this is the password of which that is kept."""
    try:
        Argon2id.verify_phc_encoded(_form(password), kept)
    except InvalidKey:
        return False
    return True


def checked_password(password: str, name: str) -> str:
    """Return a password that may be kept.

    Raises:
        BadInput: `password_weak`.
    """
    form = unicodedata.normalize("NFKC", password)
    if (
        not LETTERS_MIN <= len(form) <= LETTERS_MAX
        or len(set(form)) < 5
        or name.casefold() in form.casefold()
    ):
        raise BadInput(
            f"a password has {LETTERS_MIN} to {LETTERS_MAX} characters, at least five different ones, and "
            "not the name in it: several words are good",
            code="password_weak",
        )
    return password


def made_password(random: bytes) -> str:
    """Return a password of 15 random bytes, in groups that can be read out."""
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[place : place + 4] for place in range(0, len(text), 4))


def _form(password: str) -> bytes:
    """Return one form of what is typed in several ways on several keyboards."""
    return unicodedata.normalize("NFKC", password).encode()
