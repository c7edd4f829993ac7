"""At the threshold is in, one below is out."""

from __future__ import annotations

from typing import Literal

import pytest

from loyalty_core.tiers import gap, is_near_miss, tier_after, tier_earned
from tests.core.programmes import LADDER


@pytest.mark.parametrize(
    ("total", "earned", "next_one", "missing"),
    [
        (-1, "BRONZE", "SILVER", 101),
        (0, "BRONZE", "SILVER", 100),
        (99, "BRONZE", "SILVER", 1),
        (100, "SILVER", "GOLD", 200),
        (187, "SILVER", "GOLD", 113),
        (299, "SILVER", "GOLD", 1),
        (300, "GOLD", "PLATINUM", 500),
        (1_999, "PLATINUM", "DIAMOND", 1),
    ],
)
def test_a_total_earns_its_tier_and_misses_the_next_by_the_difference(
    total: int, earned: str, next_one: str, missing: int
) -> None:
    ahead = gap(total, LADDER)
    assert tier_earned(total, LADDER).code == earned
    assert ahead is not None
    assert (ahead.tier.code, ahead.missing) == (next_one, missing)


@pytest.mark.parametrize("total", [2_000, 2_001, 10**12])
def test_at_the_top_nothing_is_missing(total: int) -> None:
    assert tier_earned(total, LADDER).code == "DIAMOND"
    assert gap(total, LADDER) is None
    assert not is_near_miss(total, LADDER, 10**12)


def test_the_lowest_tier_holds_below_zero_too() -> None:
    assert tier_earned(-5_000, LADDER).code == "BRONZE"
    assert tier_earned(-5_000, LADDER[:1]).code == "BRONZE"


@pytest.mark.parametrize(
    ("total", "tolerance", "near"),
    [(89, 10, False), (90, 10, True), (99, 10, True), (100, 10, False), (99, 0, False), (1_990, 10, True)],
)
def test_a_near_miss_is_a_gap_of_at_most_the_tolerance(total: int, tolerance: int, near: bool) -> None:
    assert is_near_miss(total, LADDER, tolerance) is near


@pytest.mark.parametrize(
    ("held", "total", "downgrade", "after"),
    [
        ("BRONZE", 300, "earned", "GOLD"),
        ("DIAMOND", 99, "earned", "BRONZE"),
        ("DIAMOND", 99, "one_step", "PLATINUM"),
        ("PLATINUM", 2_000, "one_step", "DIAMOND"),
        ("BRONZE", 0, "one_step", "BRONZE"),
        ("GOLD", 0, "keep", "GOLD"),
        ("GOLD", 800, "keep", "PLATINUM"),
        ("TITAN", 100, "keep", "SILVER"),
    ],
)
def test_a_close_gives_what_is_earned_and_lets_fall_as_the_policy_says(
    held: str, total: int, downgrade: Literal["earned", "one_step", "keep"], after: str
) -> None:
    assert tier_after(held, total, LADDER, downgrade).code == after
