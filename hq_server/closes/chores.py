"""What a running server does for tiers by itself: a close that is under way, monthly upgrades, benefits.

One bucket at a time; whoever runs it, and wherever it was cut off, the next one finds what is left.
"""

from __future__ import annotations

from typing import Literal

from hq_server.closes.benefits import benefits_are_due, give_next
from hq_server.closes.closing import close_next
from hq_server.closes.monthly import upgrade_next, upgrades_are_due
from hq_server.closes.states import close_under_way
from hq_server.house import load_house
from hq_server.key_book import Keyring
from hq_server.store.connection import Transaction
from loyalty_core.units import EpochMs

TierWork = Literal["close", "upgrades", "benefits"]


def tier_work(tx: Transaction, now_ms: EpochMs) -> TierWork | None:
    """Return what is to be done next; None for nothing, as there is without rules."""
    if close_under_way(tx) is not None:
        return "close"
    house = load_house(tx)
    if not house.programmes:
        return None
    if upgrades_are_due(tx, house, now_ms):
        return "upgrades"
    return "benefits" if benefits_are_due(tx, house, now_ms) else None


def do_tier_work(tx: Transaction, work: TierWork, keys: Keyring | None, now_ms: EpochMs) -> int:
    """Do one bucket of it; returns how many buckets were closed, members moved up, or pieces given.

    Raises:
        BadKeyFile: a coupon is to be signed, and the key is not within reach.
    """
    house = load_house(tx)
    if work == "close":
        return int(close_next(tx, house, now_ms))
    if work == "upgrades":
        return upgrade_next(tx, house, now_ms)

    def key() -> bytes:
        assert keys is not None, "who gives benefits has keys"
        return keys.signing(tx).keys[0]

    return give_next(tx, house, key, now_ms)
