"""Totals and a ladder -> the tier earned, the gap to the next, near-misses.

Gap and near-miss look at the first tier above what the total itself earns, whatever tier is held.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from loyalty_core.programme import Tier
from loyalty_core.units import Points


class Gap(msgspec.Struct, frozen=True):
    """The next tier and how many qualifying points are missing to it."""

    tier: Tier
    missing: Points


def tier_earned(qualifying: int, ladder: tuple[Tier, ...]) -> Tier:
    """Return the tier that a total earns: at the threshold is in. The lowest holds below 0 too."""
    earned = ladder[0]
    for tier in ladder[1:]:
        if qualifying < tier.start:
            break
        earned = tier
    return earned


def tier_after(
    held: str, qualifying: int, ladder: tuple[Tier, ...], downgrade: Literal["earned", "one_step", "keep"]
) -> Tier:
    """Return the tier that a close gives who holds a tier: what the total earns, falling as the policy says.

    A held tier that the ladder no longer has falls, or rises, to what is earned.
    """
    earned = tier_earned(qualifying, ladder)
    codes = [tier.code for tier in ladder]
    if downgrade == "earned" or held not in codes:
        return earned
    place = codes.index(held)
    floor = place if downgrade == "keep" else max(0, place - 1)
    return ladder[max(floor, codes.index(earned.code))]


def gap(qualifying: int, ladder: tuple[Tier, ...]) -> Gap | None:
    """Return the gap to the first tier above what the total earns; None at the top."""
    for tier in ladder[1:]:
        if qualifying < tier.start:
            return Gap(tier, Points(tier.start - qualifying))
    return None


def is_near_miss(qualifying: int, ladder: tuple[Tier, ...], tolerance: int) -> bool:
    """Tell whether at most `tolerance` points are missing to the next tier."""
    missing = gap(qualifying, ladder)
    return missing is not None and missing.missing <= tolerance
