"""Balance and period totals are sums of entries."""

from __future__ import annotations

from itertools import permutations

from loyalty_core.account import Totals, fold_account
from loyalty_core.accrual import derive_day
from tests.core.made import bought, moonlight, programme, rules, standing, taken_back, weight


def test_nobody_has_nothing() -> None:
    assert fold_account([]) == Totals(0, {}, {})


def test_the_balance_is_over_all_periods_and_qualifying_points_are_by_period() -> None:
    of = moonlight()
    spring = derive_day(rules(of, "2026-06-30"), standing(bought(12_990, when="2026-06-30 10:00")))
    summer = derive_day(rules(of, "2026-07-01"), standing(bought(5_000, when="2026-07-01 10:00")))
    for entries in permutations([*spring, *summer]):
        assert fold_account(entries) == Totals(17, {"2026-H1": 12, "2026-H2": 5}, {"2026-H1": 12, "2026-H2": 5})


def test_redeemable_points_are_the_balance_and_qualifying_points_are_not() -> None:
    doubled = programme(weights=[weight("2", affects="qualifying")])
    entries = derive_day(rules(doubled), standing(bought(12_990)))
    assert fold_account(entries) == Totals(12, {"2026-H2": 24}, {"2026-H2": 12})


def test_what_is_taken_back_next_period_lowers_the_period_it_was_earned_in() -> None:
    item = bought(12_990, when="2026-12-31 10:00")
    entries = derive_day(rules(moonlight(), "2026-12-31"), [taken_back(item, "2027-01-04 10:00", seq=2)])
    assert fold_account(entries) == Totals(0, {"2026-H2": 0}, {"2026-H2": 0})
