"""API tokens of staff and other systems: shown once, kept hashed.

The hash is a plain SHA-256: a token is 256 random bits, which no guessing reaches.
"""

from __future__ import annotations

import base64
import hashlib
import re

from hq_server.store.connection import Transaction
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs


def add_token(
    tx: Transaction, name: str, random: bytes, now_ms: EpochMs, *, metrics_only: bool = False
) -> str:
    """Keep a new token under a name and return it; it cannot be read again.

    One with `metrics_only` shows the figures and nothing else.

    Raises:
        BadInput: `token_name_malformed`, `token_exists`.
    """
    if not re.fullmatch(r"[A-Za-z0-9._@-]{1,64}", name):
        raise BadInput(
            'a token\'s name has 1 to 64 letters, digits, ".", "_", "@" or "-"', code="token_name_malformed"
        )
    token = "dgl_" + base64.urlsafe_b64encode(random).rstrip(b"=").decode()
    if not tx.run(
        "house.add_token", name=name, hash=_hash(token), made_at_ms=now_ms, metrics_only=int(metrics_only)
    ):
        raise BadInput(f'there is a token "{name}", or was: names are not used again', code="token_exists")
    return token


def revoke_token(tx: Transaction, name: str, now_ms: EpochMs) -> None:
    """End a token from now on.

    Raises:
        BadInput: `token_not_found`.
    """
    if not tx.run("house.revoke_token", name=name, revoked_at_ms=now_ms):
        raise BadInput(f'there is no valid token "{name}": see hq-server token list', code="token_not_found")


def name_of(tx: Transaction, token: str) -> str | None:
    """Return whose valid token this is, None for one that is for metrics only."""
    row = tx.one("house.token_of", hash=_hash(token))
    return None if row is None or row[1] else str(row[0])


def may_watch(tx: Transaction, token: str) -> bool:
    """Tell whether this is a valid token, which all may see the figures."""
    return tx.one("house.token_of", hash=_hash(token)) is not None


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"dangol/token/1" + token.encode()).digest()
