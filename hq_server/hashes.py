"""Hashed phones of unknown members: found again by hashing the phones that HQ knows under the store's key.

A till never sends a phone number, so HQ cannot look a hash up: it tries the phones. The phones known when a
hash comes are tried in the background, once; phones that come later are tried as they come in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from hq_server.deliver import attach, settle_disputes
from hq_server.house import load_house
from hq_server.references import bucket_of, reference_of
from hq_server.store.connection import Transaction
from loyalty_core.lookups import hashed
from loyalty_core.units import EpochMs


def try_hashes(tx: Transaction, now_ms: EpochMs) -> int:
    """Try every known phone on the hashes that came lately; returns how many found their member."""
    house = load_house(tx)
    waiting: dict[str, set[str]] = defaultdict(set)
    for reference, store_id in tx.all("accounts.untried_hashes"):
        waiting[store_id].add(reference)
    pairs: list[tuple[str, str]] = []
    if waiting:
        keys = _look_up_keys(tx, waiting)
        for bucket in range(house.bucket_count):
            pairs += _matches(tx.all("accounts.phone_look_ups", bucket=bucket), keys, waiting)
    tx.many(
        "accounts.hash_was_tried",
        [
            (bucket_of(reference, house.bucket_count), reference)
            for references in waiting.values()
            for reference in references
        ],
    )
    found = attach(tx, house, pairs, now_ms)
    if found:
        settle_disputes(tx, house, now_ms)
    return found


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
    look_ups: Iterable[tuple[str, ...]], keys: dict[str, bytes], waiting: dict[str, set[str]]
) -> list[tuple[str, str]]:
    found = []
    for look_up, member in look_ups:
        for store_id, key in keys.items():
            reference = reference_of(hashed(look_up, key), store_id)
            if reference in waiting[store_id]:
                found.append((reference, member))
    return found
