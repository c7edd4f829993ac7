"""Names of members as events carry them, and where in the accounts each of them lives.

A reference is `id:`, `card:` or `h:<store>:<hash>`: a till's hash means something under its store's key
only, so the store is put into it on arrival. A till that knows nobody of the name cannot tell ids from cards:
each may be the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from hq_server.store.connection import Transaction
from loyalty_core.lookups import other_way


@lru_cache(maxsize=65_536)
def bucket_of(text: str, count: int) -> int:
    """Return the bucket of a member id or reference: the first 8 bytes of its SHA-256, modulo the count."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % count


def reference_of(member: str, store_id: str) -> str:
    """Return the reference for what an event of this store names; one that has its store already keeps it."""
    return f"h:{store_id}:{member[2:]}" if member.startswith("h:") and member.count(":") == 1 else member


def members_of(tx: Transaction, references: Iterable[str], bucket_count: int) -> dict[str, str]:
    """Return reference -> member id for those that are known, be it as the other of id and card."""
    wanted = set(references)
    found = _known(tx, wanted, bucket_count)
    other_ways = {name: other_way(name) for name in wanted - found.keys()}
    known = _known(tx, {way for way in other_ways.values() if way is not None}, bucket_count)
    found |= {name: known[way] for name, way in other_ways.items() if way in known}
    # What once named a member who was erased is known by its digest only.
    digests = {
        name: [digest_of(way) for way in (name, other_way(name)) if way is not None]
        for name in wanted - found.keys()
    }
    known = _known(tx, {digest for ways in digests.values() for digest in ways}, bucket_count)
    named = {name: [known[way] for way in ways if way in known] for name, ways in digests.items()}
    return found | {name: members[0] for name, members in named.items() if members}


def held_spellings(tx: Transaction, cards: Iterable[str], bucket_count: int) -> set[str]:
    """Return the held references that are one of these `card:` references as somebody typed it."""
    keys = places_json(cards, bucket_count)
    return {name for (name,) in tx.all("accounts.held_spellings", keys=keys)}


def digest_of(reference: str) -> str:
    """Return the form under which a card or hash is kept once its member was erased, and in decisions."""
    return "x:" + hashlib.sha256(b"dangol/erased/1" + reference.encode()).hexdigest()[:32]


def keys_json(keys: Iterable[tuple[str | int, ...]]) -> str:
    """Return keys as the JSON array of arrays that statements take for many rows at once."""
    return msgspec.json.encode(list(keys)).decode()


def places_json(names: Iterable[str], bucket_count: int) -> str:
    """Return members or references, each once and behind its bucket, as the JSON that statements take."""
    return keys_json((bucket_of(name, bucket_count), name) for name in dict.fromkeys(names))


def _known(tx: Transaction, references: set[str], bucket_count: int) -> dict[str, str]:
    if not references:
        return {}
    return dict(tx.all("accounts.members_of_references", keys=places_json(references, bucket_count)))
