"""Codes of six digits that change every half minute (RFC 6238), and how their secrets are kept.

A secret lies in the database sealed under a key that lies in `data_dir`: who has the database alone makes no
codes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from loyalty_core.errors import LoyaltyError
from loyalty_core.units import EpochMs
from loyalty_shell.credentials import write_secret

STEP_MS: Final = 30_000
DIGITS: Final = 6
SECRET_BYTES: Final = 20
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
WINDOW: Final = 1
"""How many steps a code may be early or late: people type slowly, and telephones' clocks are off."""
KEY_NAME: Final = "staff.key"


class TotpUnreadable(LoyaltyError):
    """The secret of an account's codes cannot be opened here."""

    code = "totp_unreadable"


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a step (RFC 4226, 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    place = digest[-1] & 15
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_at(now_ms: EpochMs) -> int:
    """Return the step of a time."""
    return now_ms // STEP_MS


def step_of(secret: bytes, code: str, now_ms: EpochMs) -> int | None:
    """Return the step, near now, whose code this is; None where there is none."""
    digits = code.replace(" ", "")
    if not (digits.isascii() and len(digits) == DIGITS):
        return None
    now, found = step_at(now_ms), None
    for step in range(max(0, now - WINDOW), now + WINDOW + 1):
        if hmac.compare_digest(code_at(secret, step), digits):
            found = step
    return found


def uri_of(secret: bytes, name: str) -> str:
    """Return what an authenticator takes as text or QR."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return f"otpauth://totp/Dangol:{quote(name)}?secret={text}&issuer=Dangol"


def sealed(key: bytes, name: str, secret: bytes, nonce: bytes) -> bytes:
    """Return a secret as the database keeps it: readable with the key, and for this account only."""
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, secret, _about(name))


def opened(key: bytes | None, name: str, data: bytes) -> bytes:
    """Return a secret.

    Raises:
        TotpUnreadable: the key is another than it was sealed under, or is gone.
    """
    try:
        if key is not None:
            return ChaCha20Poly1305(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _about(name))
    except InvalidTag:
        pass
    raise TotpUnreadable(
        f"the codes of {name} cannot be checked: {KEY_NAME} of data_dir is not the one that was there; bring "
        "it back, or set new codes up: hq-server staff totp"
    )


def read_key(data_dir: str) -> bytes | None:
    """Return the key under which secrets are sealed, None where there is none yet."""
    try:
        return (Path(data_dir) / KEY_NAME).read_bytes()
    except FileNotFoundError:
        return None


def make_key(data_dir: str, random: bytes) -> bytes:
    """Return the key under which secrets are sealed; where there is none, these random bytes become it."""
    try:
        write_secret(Path(data_dir) / KEY_NAME, random)
    except FileExistsError:
        return (Path(data_dir) / KEY_NAME).read_bytes()
    return random


def _about(name: str) -> bytes:
    return b"dangol/totp/1" + name.encode()
