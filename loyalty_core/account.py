"""The fold of one member's entries: period totals and balance.

Period caps, period bonuses, lots, redemption and expiry join here: each an entry of its own, never a
change to a day's entry.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from loyalty_core.entries import PointEntry
from loyalty_core.programme import Programme


def not_applied(programme: Programme) -> tuple[str, ...]:
    """Return the ids of the rules, and the tables, of a programme that this release does not apply yet."""
    caps = [cap.id for cap in programme.caps if cap.per == "period"]
    bonuses = [bonus.id for bonus in programme.bonuses if not bonus.in_day]
    redeem = ["[redeem]"] if programme.redeem else []
    expiry = ["[expiry]"] if programme.expiry_after_periods else []
    return (*caps, *bonuses, *redeem, *expiry)


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
