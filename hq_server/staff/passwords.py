"""Which passwords people of headquarters may have, and those that are made for them."""

from __future__ import annotations

import base64
import unicodedata
from typing import Final

from loyalty_core.errors import BadInput

LETTERS_MIN: Final = 12
LETTERS_MAX: Final = 200
MADE_BYTES: Final = 15


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
