"""Points that will be lost: what HQ told of a member's lots, with the till's own movements since.

A lot is known by the last day on which it can be spent. Own points join the lot of their day's period; own
redemptions take from the oldest lot that can still be spent. Beyond the lots of which HQ tells, none is known
whole: it is left unsaid. What came back of a redemption counts as points
of its day: which lots they had come from only HQ knows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from loyalty_core.messages import EXPIRING_MAX, Expiring
from loyalty_core.units import Day

_NEVER: Final = Day(2**31)
"""The last day of what does not expire, or not among the first that HQ tells of."""


class Own(msgspec.Struct, frozen=True):
    """The till's own movements on one business day: points given or taken back, and points redeemed."""

    day: Day
    given: int
    redeemed: int


class Left(msgspec.Struct, frozen=True):
    """What can still be spent and until when, the first to go first; and what has expired."""

    expiring: tuple[Expiring, ...]
    expired: int


def left(
    told: Iterable[Expiring],
    balance: int,
    own: Iterable[Own],
    last_day: Callable[[Day], Day | None],
    today: Day,
) -> Left:
    """Return what stands on a business day of a balance that HQ told, of which `told` are the lots that end.

    `last_day` gives the last day of what is earned on a day, None where it stays.
    """
    lots: dict[Day, int] = defaultdict(int)
    taken: list[tuple[Day, int]] = []
    held = list(told)
    for lot in held:
        lots[Day(lot.last_day)] += lot.points
    lots[_NEVER] = balance - sum(lots.values())
    known = max(lots) if len(held) < EXPIRING_MAX else Day(held[-1].last_day)
    for moved in own:
        end = last_day(moved.day) or _NEVER
        lots[end if end <= known else _NEVER] += moved.given
        taken.append((moved.day, moved.redeemed))
    for end, points in lots.items():
        if points < 0:
            taken.append((Day(0), -points))
            lots[end] = 0
    for day, points in sorted(taken):
        owed = points
        for end in sorted(lots):
            if end >= day:
                paid = min(owed, max(0, lots[end]))
                lots[end], owed = lots[end] - paid, owed - paid
    expiring = [
        Expiring(points, end) for end, points in sorted(lots.items()) if today <= end < _NEVER and points > 0
    ]
    return Left(tuple(expiring), sum(points for end, points in lots.items() if end < today))
