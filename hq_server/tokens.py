"""API tokens of other systems: shown once, kept hashed, each with its scopes.

The hash is a plain SHA-256: a token is 256 random bits, which no guessing reaches.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection

import msgspec

from hq_server.decisions import name_form
from hq_server.staff.rights import Right
from hq_server.store.connection import Transaction, Value
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs


class Token(msgspec.Struct, frozen=True):
    """A valid token: whose it is, and its scopes as they are kept."""

    name: str
    scopes: str


def add_token(
    tx: Transaction,
    name: str,
    random: bytes,
    now_ms: EpochMs,
    *,
    scopes: Collection[Right],
    answers: str = "",
) -> str:
    """Keep a new token under a name and return it; it cannot be read again.

    `answers` is the account that answers for what it does: that person judges no proposal of it.

    Raises:
        BadInput: `token_name_malformed`, `token_exists`.
    """
    if not re.fullmatch(r"[A-Za-z0-9._@-]{1,64}", name):
        raise BadInput(
            'a token\'s name has 1 to 64 letters, digits, ".", "_", "@" or "-"', code="token_name_malformed"
        )
    token = "dgl_" + base64.urlsafe_b64encode(random).rstrip(b"=").decode()
    kept: dict[str, Value] = {
        "name": name,
        "hash": _hash(token),
        "scopes": " ".join(sorted(scopes)),
        "answers": answers,
    }
    of_a_person = tx.one("house.account_of_form", form=name_form(name)) is not None
    if of_a_person or not tx.run("house.add_token", **kept, made_at_ms=now_ms):
        raise BadInput(
            f'there is a token or an account "{name}", or was: names are not used again', code="token_exists"
        )
    return token


def revoke_token(tx: Transaction, name: str, now_ms: EpochMs) -> None:
    """End a token from now on.

    Raises:
        BadInput: `token_not_found`.
    """
    if not tx.run("house.revoke_token", name=name, revoked_at_ms=now_ms):
        raise BadInput(f'there is no valid token "{name}": see hq-server token list', code="token_not_found")


def token_of(tx: Transaction, token: str) -> Token | None:
    """Return whose valid token this is."""
    row = tx.one("house.token_of", hash=_hash(token))
    return None if row is None else Token(*row)


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"dangol/token/1" + token.encode()).digest()
