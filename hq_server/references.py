"""Names of members as events carry them, and where in the accounts each of them lives.

A reference is `id:`, `card:` or `h:<store>:<hash>`: a till's hash means something under its store's key
only, so the store is put into it on arrival.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from hq_server.store.connection import Transaction


@lru_cache(maxsize=65_536)
def bucket_of(text: str, count: int) -> int:
    """Return the bucket of a member id or reference: the first 8 bytes of its SHA-256, modulo the count."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % count


def reference_of(member: str, store_id: str) -> str:
    """Return the reference for what an event of this store names."""
    return f"h:{store_id}:{member[2:]}" if member.startswith("h:") else member


def members_of(tx: Transaction, references: Iterable[str], bucket_count: int) -> dict[str, str]:
    """Return reference -> member id for those that are known. A card that is a member's id names it."""
    wanted = set(references)
    found = _known(tx, wanted, bucket_count)
    by_id = {f"id:{name[5:]}": name for name in wanted - found.keys() if name.startswith("card:")}
    if by_id:
        found |= {by_id[name]: member for name, member in _known(tx, set(by_id), bucket_count).items()}
    return found


def keys_json(keys: Iterable[tuple[str | int, ...]]) -> str:
    """Return keys as the JSON array of arrays that statements take for many rows at once."""
    return msgspec.json.encode(list(keys)).decode()


def _known(tx: Transaction, references: set[str], bucket_count: int) -> dict[str, str]:
    if not references:
        return {}
    keys = keys_json((bucket_of(name, bucket_count), name) for name in references)
    return dict(tx.all("accounts.members_of_references", keys=keys))
