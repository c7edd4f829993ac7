"""The first transaction of a new headquarters."""

from __future__ import annotations

from typing import Final

from hq_server.store.connection import Transaction
from loyalty_core.units import EpochMs

BUCKETS: Final = 64
"""How many buckets members are spread over; fixed for the life of a database."""


def found_house(tx: Transaction, *, random: bytes, now_ms: EpochMs, bucket_count: int = BUCKETS) -> None:
    """Make the house and its empty buckets. `random` (8 bytes) tells this database from any other."""
    tx.run("house.make_house", bucket_count=bucket_count, incarnation_random=random, made_at_ms=now_ms)
    tx.many("accounts.add_bucket", [(bucket,) for bucket in range(bucket_count)])
