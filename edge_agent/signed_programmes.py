"""Which programme versions are as HQ signed them: what the disk holds is not believed by itself."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from edge_agent.store import hq_keys, programmes, terminal
from edge_agent.store.database import Connection
from loyalty_core.envelope import key_id, open_sealed
from loyalty_core.errors import LoyaltyError

KEPT: Final = 64
"""Versions of which it is remembered whether they are as they were signed: each request asks for all."""


def keys(conn: Connection) -> dict[bytes, bytes]:
    """Return id -> public key of all that signed programmes which this till believes.

    The present key lies in two places, so that no damage to one of them makes a sound version a damaged one.
    """
    present = terminal.read(conn).programme_public_key
    return hq_keys.believed(conn, "programme") | {key_id(present): present}


def damaged(conn: Connection) -> list[int]:
    """Return the versions that are not as HQ signed them, in order: HQ is asked for them again."""
    believed = tuple(sorted(keys(conn).items()))
    return [version for version, data in programmes.envelopes(conn) if not _is_signed(data, believed)]


def known(conn: Connection) -> int:
    """Return up to which version none is damaged, 0 for none: what HQ need not send."""
    first = min(damaged(conn), default=None)
    below = [version for version, _ in programmes.envelopes(conn) if first is None or version < first]
    return max(below, default=0)


@lru_cache(KEPT)
def _is_signed(data: bytes, believed: tuple[tuple[bytes, bytes], ...]) -> bool:
    try:
        open_sealed(data, "dangol/programme/1", dict(believed))
    except LoyaltyError:
        return False
    return True
