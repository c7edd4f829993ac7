"""The fold of one member's entries: period totals and balance.

Period caps, period bonuses, lots, redemption and expiry join here: each an entry of its own, never a
change to a day's entry.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from loyalty_core.entries import PointEntry


class Totals(msgspec.Struct, frozen=True):
    """Sums of one member's entries: the spendable balance, and qualifying points by period id."""

    balance: int
    qualifying: dict[str, int]


def fold_account(entries: Iterable[PointEntry]) -> Totals:
    """Return balance and period totals; the order of the entries does not matter."""
    balance = 0
    qualifying: dict[str, int] = {}
    for entry in entries:
        balance += entry.redeemable
        qualifying[entry.period_id] = qualifying.get(entry.period_id, 0) + entry.qualifying
    return Totals(balance, qualifying)
