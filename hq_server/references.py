"""Names of members as events carry them, and where in the accounts each of them lives.

A reference is `id:`, `card:` or `h:<store>:<hash>`: a till's hash means something under its store's key
only, so the store is put into it on arrival. A till that knows nobody of the name cannot tell ids from cards:
each may be the other; digits may have lost zeros in front, or got some.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from hq_server.store.connection import Transaction
from loyalty_core.lookups import other_ways


@lru_cache(maxsize=65_536)
def bucket_of(text: str, count: int) -> int:
    """Return the bucket of a member id or reference: the first 8 bytes of its SHA-256, modulo the count."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % count


def reference_of(member: str, store_id: str) -> str:
    """Return the reference for what an event of this store names; one that has its store already keeps it."""
    return f"h:{store_id}:{member[2:]}" if member.startswith("h:") and member.count(":") == 1 else member


def members_of(tx: Transaction, references: Iterable[str], bucket_count: int) -> dict[str, str]:
    """Return reference -> member id for those that are known, be it by another of their forms."""
    wanted = set(references)
    found = _known(tx, wanted, bucket_count)
    ways = {name: other_ways(name) for name in wanted - found.keys()}
    known = _known(tx, {way for some in ways.values() for way in some}, bucket_count)
    found |= first_known(ways, known)
    # What once named a member who was erased is known by its digest only.
    digests = {name: tuple([digest_of(way) for way in (name, *ways[name])]) for name in wanted - found.keys()}
    known = _known(tx, {digest for some in digests.values() for digest in some}, bucket_count)
    return found | first_known(digests, known)


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


def first_known(ways: Mapping[str, tuple[str, ...]], known: Mapping[str, str]) -> dict[str, str]:
    """Return name -> member of the first of the name's ways that is known."""
    found = {name: next((known[way] for way in some if way in known), None) for name, some in ways.items()}
    return {name: member for name, member in found.items() if member is not None}


def _known(tx: Transaction, references: set[str], bucket_count: int) -> dict[str, str]:
    if not references:
        return {}
    return dict(tx.all("accounts.members_of_references", keys=places_json(references, bucket_count)))
