"""Whom the token of a request names, and what that one may: a person who has logged in, or another system."""

from __future__ import annotations

import msgspec

from hq_server.staff.rights import Right, rights_kept
from hq_server.staff.sessions import PREFIX, session_of
from hq_server.store.connection import Transaction
from hq_server.tokens import token_of
from loyalty_core.units import EpochMs


class Caller(msgspec.Struct, frozen=True):
    """Who asks. `name` is what decisions keep, `who` what the access log keeps."""

    name: str
    rights: frozenset[Right]
    who: str
    is_noted: bool = True


def caller_of(tx: Transaction, secret: str, now_ms: EpochMs) -> Caller | None:
    """Return whose secret this is, None where it is nobody's that is good now."""
    if secret.startswith(PREFIX):
        session = session_of(tx, secret, now_ms)
        return (
            None if session is None else Caller(session.name, session.rights, session.name, session.is_noted)
        )
    token = token_of(tx, secret)
    return None if token is None else Caller(token.name, rights_kept(token.scopes), f"token:{token.name}")
