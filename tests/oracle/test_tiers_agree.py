"""Tiers by day, decided in rows by `loyalty_core` and in boxes by the oracle: both hold the same each day."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from loyalty_core.assessment import (
    Assessed,
    Close,
    Grant,
    Raised,
    TierFacts,
    assess,
    assessed_on,
    restated,
    start_of,
    tier_on,
    tier_steps,
    upgraded,
)
from loyalty_core.calendar import period_named
from loyalty_core.programme import Programme, Tier, TierPolicy
from loyalty_core.units import Day
from tests.oracle.tale import LADDER, day, programme
from tests.oracle.tiers import Boxes

FIRST, LAST = day("2026-01-01"), day("2029-12-31")
PERIODS: Final = ("2026-H1", "2026-H2", "2027-H1", "2027-H2")
CODES: Final = [tier.code for tier in LADDER]
POLICIES: Final = st.builds(
    TierPolicy,
    downgrade=st.sampled_from(["earned", "one_step", "one_step", "keep"]),
    grace_days=st.sampled_from([0, 0, 30, 200]),
    valid_after_days=st.sampled_from([0, 15]),
)
TOTALS: Final = st.sampled_from([0, 99, 100, 250, 299, 300, 900])


def ladder_on(_: Day) -> tuple[Tier, ...]:
    return LADDER


@dataclass
class Rows:
    """One member's tiers as they are kept: rows that are added, and closes with the totals of now."""

    rows: list[Assessed] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    closes: list[Close] = field(default_factory=list)

    @property
    def group(self) -> Sequence[TierFacts]:
        return [TierFacts(tuple(self.rows), tuple(self.grants))]

    def close(self, period: str, total: int, of: Programme, today: Day) -> None:
        start = start_of(period_named(period, 6), of.policy, today)
        eve = Day(start - 1)
        held, assessed = tier_on(self.group, eve, LADDER), assessed_on(self.group, eve, LADDER)
        outcome = assess(total, held, assessed, of)
        self._add(outcome.tier, outcome.from_day(start, of.policy))
        close = Close(period=period_named(period, 6), programme=of, qualifying=total, start=start, held=held)
        self.closes.append(close)

    def late(self, place: int, total: int, today: Day) -> None:
        self.closes[place] = msgspec.structs.replace(self.closes[place], qualifying=total)
        self._raise(restated(self.closes, self.group, Day(today + 1), ladder_on))
        assert restated(self.closes, self.group, Day(today + 1), ladder_on) == ()

    def month(self, total: int, today: Day) -> None:
        close = Close(period=period_named("2027-H2", 6), programme=programme(), qualifying=total, start=today)
        self._raise(upgraded(close, self.group, Day(today + 1), ladder_on))
        assert upgraded(close, self.group, Day(today + 1), ladder_on) == ()

    def _raise(self, raised: Sequence[Raised]) -> None:
        for one in raised:
            self._add(one.tier, one.from_day)

    def _add(self, code: str, from_day: Day) -> None:
        self.rows.append(Assessed(number=len(self.rows) + 1, tier=code, from_day=from_day))


def looked_at(rows: Rows) -> list[Day]:
    """Return the days on which something may change, and those around them."""
    steps = {one.from_day for one in rows.rows} | {one.from_day for one in rows.grants}
    steps |= {Day(one.until_day + 1) for one in rows.grants}
    near = {Day(step + off) for step in steps for off in (-1, 0, 1)}
    return sorted(each for each in {*near, FIRST, LAST} if FIRST <= each <= LAST)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_is_kept_in_rows_is_what_a_calendar_of_boxes_says_on_every_day(data: st.DataObject) -> None:
    rows, boxes = Rows(), Boxes(ladder=LADDER, first=FIRST, last=LAST)
    totals: dict[str, int] = {}
    today = FIRST
    for period in data.draw(st.sampled_from([PERIODS[:1], PERIODS[:2], PERIODS])):
        ends = period_named(period, 6).last
        today = Day(max(today, ends + data.draw(st.sampled_from([1, 3, 40, 190]))))
        of = programme(policy=data.draw(POLICIES))
        total = data.draw(TOTALS)
        totals[period] = total
        rows.close(period, total, of, today)
        boxes.close(period, ends, total, of.policy, today)
        same(rows, boxes)
        for _ in range(data.draw(st.integers(0, 3))):
            today = Day(today + data.draw(st.sampled_from([0, 1, 14, 60])))
            held = {on: boxes.held(on) for on in range(FIRST, LAST + 1, 5)}
            happening = data.draw(st.sampled_from(["late", "late", "grant", "month"]))
            if happening == "late":
                place = data.draw(st.integers(0, len(totals) - 1))
                totals[PERIODS[place]] += data.draw(TOTALS)
                rows.late(place, totals[PERIODS[place]], today)
                boxes.late(totals, today)
            elif happening == "month":
                month = data.draw(TOTALS)
                rows.month(month, today)
                boxes.month(month, today)
            else:
                code, length = data.draw(st.sampled_from(CODES)), data.draw(st.sampled_from([1, 30, 300]))
                until = Day(today + length)
                rows.grants.append(Grant(tier=code, from_day=Day(today + 1), until_day=until))
                boxes.grant(code, today + 1, until)
            same(rows, boxes)
            for on, before in held.items():
                assert boxes.held(on) == (before if on <= today else boxes.higher(before, boxes.held(on)))


def same(rows: Rows, boxes: Boxes) -> None:
    """Compare both on every day on which anything can change, and the steps that are told with the days."""
    for on in looked_at(rows):
        assert tier_on(rows.group, on, LADDER) == boxes.held(on), on
    for step in tier_steps(rows.group, FIRST, ladder_on):
        assert boxes.held(step.from_day) == step.tier != boxes.held(max(FIRST, step.from_day - 1)) or (
            step.from_day == FIRST
        )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), TOTALS), min_size=1, max_size=4), POLICIES, st.randoms())
def test_late_points_of_a_day_give_the_same_in_any_order_and_in_any_parts(
    late: list[tuple[int, int]], policy: TierPolicy, chance: random.Random
) -> None:
    def lived(gains: Sequence[tuple[int, int]]) -> Rows:
        rows = Rows()
        rows.close("2026-H1", 99, programme(policy=policy), day("2026-07-03"))
        rows.close("2026-H2", 0, programme(policy=policy), day("2027-01-03"))
        for place, gain in gains:
            rows.late(place, rows.closes[place].qualifying + gain, day("2027-01-05"))
        return rows

    other = chance.sample(late, len(late))
    at_once = [(place, sum(gain for of, gain in late if of == place)) for place in (0, 1)]
    one = lived(late)
    for two in (lived(other), lived(at_once)):
        days = {*looked_at(one), *looked_at(two)}
        assert [tier_on(one.group, on, LADDER) for on in days] == [
            tier_on(two.group, on, LADDER) for on in days
        ]


@given(st.lists(st.tuples(st.sampled_from(CODES), st.integers(0, 9)), max_size=6), st.randoms())
def test_rows_say_the_same_in_whatever_order_they_are_read(
    decided: list[tuple[str, int]], chance: random.Random
) -> None:
    rows = [Assessed(number=number, tier=code, from_day=Day(on)) for number, (code, on) in enumerate(decided)]
    shuffled = chance.sample(rows, len(rows))
    for on in range(-1, 11):
        held = tier_on([TierFacts(tuple(rows))], Day(on), LADDER)
        assert held == tier_on([TierFacts(tuple(shuffled))], Day(on), LADDER)
        apart = [TierFacts((row,)) for row in shuffled]
        assert CODES.index(tier_on(apart, Day(on), LADDER)) >= CODES.index(held)
