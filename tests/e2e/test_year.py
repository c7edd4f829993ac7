"""A slice of the year that `make year` plays whole: in order, shuffled, on PostgreSQL: one ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.year.plan import Plan, Size, make_plan
from bench.year.stands import differences
from bench.year.ways import all_ways

SLICE = Size(first_week=24, weeks=3, one_of=12, cap=150, spent=100)
"""From 20 December on: two half-years, and few enough points that caps and redemptions matter in a month."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(SLICE)


def test_a_month_shuffled_or_on_postgresql_gives_exactly_the_entries_of_the_month_in_order(
    plan: Plan, tmp_path: Path
) -> None:
    assert len(plan.households) > 100
    assert plan.counts["returns"] >= plan.counts["purchases"] // 10
    (in_order, one), (shuffled, other), (on_postgresql, there) = all_ways(plan, tmp_path)
    assert differences(one, other, "shuffled") == []
    assert differences(one, there, "on PostgreSQL") == []
    assert sum(one.tiers.values()) == len(plan.households)
    assert in_order.astray == shuffled.astray == on_postgresql.astray == 0
    assert {"earn", "clawback", "bonus", "cap", "redemption", "redeem_rollback", "expiry"} == {
        *one.audited.flows
    }
    assert other.entries > one.entries, "nothing came in another order"
    assert one.posted == there.posted


def test_the_plan_is_the_same_every_time_and_no_household_has_two_facts_at_one_instant(plan: Plan) -> None:
    assert make_plan(SLICE) == plan
    assert len({(one.household, one.at_ms) for one in plan.handed}) == len(plan.handed)
