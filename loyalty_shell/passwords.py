"""Passwords and PINs, kept by argon2id (RFC 9106): cryptography has the library that TLS uses anyway.

Loaded by who needs it: the hash takes 64 MiB and a few tenths of a second, by design. It lets other threads
run meanwhile.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MEMORY_KIB = 64 * 1024
"""What one try takes of memory; RFC 9106's second recommendation, on one lane."""
PASSES = 3
SALT_BYTES: Final = 16


def hashed_password(password: str, salt: bytes) -> str:
    """Return what is kept of a password, with 16 random bytes of salt in it."""
    kdf = Argon2id(salt=salt, length=32, iterations=PASSES, lanes=1, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(_form(password))


def is_password(password: str, kept: str) -> bool:
    """Tell whether this is the password of which that is kept; of what is damaged none is."""
    try:
        Argon2id.verify_phc_encoded(_form(password), kept)
    except (InvalidKey, ValueError):
        return False
    return True


def _form(password: str) -> bytes:
    """Return one form of what is typed in several ways on several keyboards."""
    return unicodedata.normalize("NFKC", password).encode()
