"""People who have logged in: a session is a secret that requests carry, kept hashed, and good for a while.

It ends when nobody has used it for half an hour, after twelve hours in any case, and with the account's
password.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

import msgspec

from hq_server.staff.rights import Right, rights_of
from hq_server.store.connection import Transaction
from loyalty_core.units import EpochMs

PREFIX: Final = "dgs_"
IDLE_MS: Final = 30 * 60_000
LIFE_MS: Final = 12 * 3_600_000
NOTED_MS: Final = 60_000
"""A session that was used is noted as used this often: not every look is a write."""
SECRET_BYTES: Final = 32


class Session(msgspec.Struct, frozen=True):
    """A session that is good now. `is_noted` says that its last use is written down closely enough."""

    name: str
    rights: frozenset[Right]
    is_noted: bool


def begin_session(tx: Transaction, name: str, random: bytes, now_ms: EpochMs, *, with_totp: bool) -> str:
    """Keep a new session of a person, of 32 random bytes, and return what its requests carry."""
    tx.run("house.forget_sessions", used_before_ms=now_ms - IDLE_MS, begun_before_ms=now_ms - LIFE_MS)
    secret = PREFIX + base64.urlsafe_b64encode(random).rstrip(b"=").decode()
    tx.run("house.begin_session", hash=_hash(secret), name=name, with_totp=int(with_totp), now_ms=now_ms)
    return secret


def session_of(tx: Transaction, secret: str, now_ms: EpochMs) -> Session | None:
    """Return the session whose secret this is, None where it is over or never was.

    Without codes nobody approves: a password alone may have been seen over a shoulder.
    """
    row = tx.one("house.session", hash=_hash(secret))
    if row is None:
        return None
    name, with_totp, begun_at_ms, used_at_ms, roles = row
    if now_ms - used_at_ms > IDLE_MS or now_ms - begun_at_ms > LIFE_MS:
        return None
    rights = rights_of(roles.split())
    if not with_totp:
        rights -= {"approve"}
    return Session(name, rights, now_ms - used_at_ms < NOTED_MS)


def use_session(tx: Transaction, secret: str, now_ms: EpochMs) -> None:
    """Write down that a session was used."""
    tx.run("house.use_session", hash=_hash(secret), used_at_ms=now_ms)


def end_session(tx: Transaction, secret: str) -> None:
    """End a session from now on."""
    tx.run("house.end_session", hash=_hash(secret))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(b"dangol/session/1" + secret.encode()).digest()
