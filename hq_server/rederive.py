"""Member-days to be derived again: a published programme marks them, bounded steps do them."""

from __future__ import annotations

from typing import Final

from hq_server.house import load_house
from hq_server.posting import Work, cover, post
from hq_server.references import bucket_of
from hq_server.store.connection import Transaction
from loyalty_core.units import EpochMs

DAYS_AT_ONCE: Final = 500


def rederive_some(tx: Transaction, now_ms: EpochMs) -> int:
    """Derive the next marked member-days again and post the differences; returns how many there were."""
    house = load_house(tx)
    days = [(member, day) for member, day in tx.all("accounts.dirty_days", count=DAYS_AT_ONCE)]
    post(tx, house, Work(days={key: {} for key in days}), now_ms)
    cover(tx, house, days, now_ms)
    tx.many(
        "accounts.days_are_clean",
        [(bucket_of(member, house.bucket_count), member, day) for member, day in days],
    )
    return len(days)
