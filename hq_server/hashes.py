"""Hashed phones of unknown members: found again by hashing the phones that HQ knows under the store's key.

A till never sends a phone number, so HQ cannot look a hash up: it tries the phones. The phones known when a
hash comes are tried in the background, once: they are read bucket by bucket while tills go on writing, and
only what was found is written. Phones that come later are tried as they come in, on every hash that waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from hq_server.deliver import attach, settle_disputes
from hq_server.house import load_house
from hq_server.references import bucket_of, reference_of
from hq_server.store.connection import Transaction
from loyalty_core.lookups import hashed
from loyalty_core.units import EpochMs

ATTACHED_AT_ONCE: Final = 500
"""Found references in one transaction, so that tills are never kept waiting for long."""


class Untried(msgspec.Struct, frozen=True):
    """Hash references that came lately, by store, and the stores' look-up keys."""

    bucket_count: int
    waiting: Mapping[str, set[str]]
    keys: Mapping[str, bytes]


def untried_hashes(tx: Transaction) -> Untried:
    """Return what is to be tried next."""
    waiting: dict[str, set[str]] = {}
    for reference, store_id in tx.all("accounts.untried_hashes"):
        waiting.setdefault(store_id, set()).add(reference)
    return Untried(load_house(tx).bucket_count, waiting, _look_up_keys(tx, waiting) if waiting else {})


def found_in(tx: Transaction, bucket: int, untried: Untried) -> list[tuple[str, str]]:
    """Return the (hash reference, member id) that the phones of one bucket answer. Reads only."""
    if not untried.waiting:
        return []
    return _matches(tx.each("accounts.phone_look_ups", bucket=bucket), untried.keys, untried.waiting)


def attach_found(tx: Transaction, found: Sequence[tuple[str, str]], now_ms: EpochMs) -> int:
    """Give found members what waits for them; returns how many references held anything."""
    house = load_house(tx)
    attached = attach(tx, house, found, now_ms)
    if attached:
        settle_disputes(tx, house, now_ms)
    return attached


def were_tried(tx: Transaction, untried: Untried) -> None:
    """Mark hashes as tried on every phone that was known when they came."""
    names = [name for references in untried.waiting.values() for name in references]
    tx.many("accounts.hash_was_tried", [(bucket_of(name, untried.bucket_count), name) for name in names])


def hashes_of(tx: Transaction, look_ups: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the waiting (hash reference, member id) that new (phone look-up, member id) answer."""
    stores = [store_id for (store_id,) in tx.all("accounts.held_audiences")]
    if not stores:
        return []
    waiting = {
        store_id: {name for (name,) in tx.all("accounts.held_hashes", audience=store_id)}
        for store_id in stores
    }
    return _matches(list(look_ups), _look_up_keys(tx, stores), waiting)


def _look_up_keys(tx: Transaction, stores: Iterable[str]) -> dict[str, bytes]:
    wanted = set(stores)
    return {row[0]: row[4] for row in tx.all("arrivals.stores") if row[0] in wanted}


def _matches(
    look_ups: Iterable[tuple[str, ...]], keys: Mapping[str, bytes], waiting: Mapping[str, set[str]]
) -> list[tuple[str, str]]:
    found = []
    for look_up, member in look_ups:
        for store_id, key in keys.items():
            reference = reference_of(hashed(look_up, key), store_id)
            if reference in waiting[store_id]:
                found.append((reference, member))
    return found
