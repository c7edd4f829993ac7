"""Alike is alike: every weight set to 1, and whoever has the same or a smaller gap."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import hypothesis.strategies as st
import msgspec
from hypothesis import given

from loyalty_core.accrual import derive_day
from loyalty_core.alike import compare, stand_alike, unweighted
from loyalty_core.day_rules import rules_of_day
from loyalty_core.programme import Programme
from loyalty_core.resolved import Resolved
from loyalty_core.tiers import gap, tier_earned
from tests.core.programmes import LADDER
from tests.properties.drawn_days import TODAY, member_days
from tests.properties.drawn_programmes import programmes, tiers

totals = st.one_of(
    st.integers(-20, 2_020), st.sampled_from([-1, 0, 99, 100, 299, 300, 799, 800, 1_999, 2_000])
)


@given(programmes(), member_days(), tiers)
def test_counted_the_same_is_every_weight_set_to_one(
    of: Programme, receipts: Sequence[Resolved], tier: str
) -> None:
    ones = tuple(msgspec.structs.replace(each, times=Fraction(1)) for each in of.weights)
    set_to_one = msgspec.structs.replace(of, weights=ones)
    own, said, meant = (
        derive_day(rules_of_day(each, TODAY, tier), receipts) for each in (of, unweighted(of), set_to_one)
    )
    assert [one.qualifying for one in said] == [one.qualifying for one in meant]
    told = compare("2026-H2", own, said)
    assert sum(one.qualifying for one in told) == sum(one.qualifying for one in own)
    assert sum(one.alike for one in told) == sum(one.qualifying for one in said)


@given(totals, totals)
def test_whoever_is_on_the_same_step_and_as_near_stands_alike(mine: int, other: int) -> None:
    found, missing, others = stand_alike(mine, LADDER), gap(mine, LADDER), gap(other, LADDER)
    if found is None or missing is None:
        assert tier_earned(mine, LADDER) == LADDER[-1]
        return
    as_near = others is not None and others.tier == missing.tier and others.missing <= missing.missing
    assert (found.low <= other <= found.high) == as_near
    assert (found.tier, found.missing) == (missing.tier, missing.missing)
