"""The tier of a member as it is told: to staff, other systems and tills. Reads no database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from hq_server.house import House
from hq_server.tiers.held import Assessment, Granted, TierRows
from loyalty_core.assessment import Group, Step, tier_on, tier_steps
from loyalty_core.calendar import date_of, period_after, period_named, period_of
from loyalty_core.messages import TIER_STEPS_MAX, TierStep
from loyalty_core.units import Day


class TierReason(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tier comes from: what decided it, by which period, since when, and the number of the decision.

    An assessment that follows by itself has no decision.
    """

    cause: Literal["close", "monthly", "restatement", "grant"]
    period: str
    since: str
    decision: int | None


class TierNow(msgspec.Struct, frozen=True, kw_only=True):
    """The tier in force. `until` is the last day that it holds as far as is known, None for one that stays.

    `reason` is None for who was never assessed.
    """

    tier: str
    until: Day | None
    reason: TierReason | None


def tier_now(house: House, rows: Sequence[TierRows], today: Day) -> TierNow:
    """Return the tier in force today of all who count as one member, with how long and why."""
    group = [one.facts for one in rows]
    ladder = house.ladder_on(today)
    tier = tier_on(group, today, ladder)
    granted = [one for each in rows for one in each.grants if one.from_day <= today <= one.until_day]
    latest = [one for each in rows for one in _in_force(each, today)]
    deciding: list[Assessment | Granted] = [*latest, *granted]
    of_tier = [one for one in deciding if one.tier == tier]
    return TierNow(
        tier=tier,
        until=_until(house, rows, today),
        reason=_reason(of_tier[0]) if of_tier else None,
    )


class TierAhead(msgspec.Struct, frozen=True, kw_only=True):
    """A tier that is decided already and holds from a later day on."""

    tier: str
    since: str


def tiers_ahead(house: House, rows: Sequence[TierRows], today: Day) -> tuple[TierAhead, ...]:
    """Return the tiers that follow the one of today, as far as they are decided, in order."""
    steps = _steps(house, [one.facts for one in rows], today)[1:]
    return tuple([TierAhead(tier=one.tier, since=date_of(one.from_day).isoformat()) for one in steps])


class ToldTiers(msgspec.Struct, frozen=True):
    """What a till is told: the tier of today, the steps, and through when the last of them holds."""

    tier: str
    steps: tuple[TierStep, ...]
    until: Day | None


class Telling:
    """Works out what tills are told today, once for all of whom the same was decided: cases are few."""

    def __init__(self, house: House, today: Day) -> None:
        self._house, self._today = house, today
        self._ladder = house.ladder_on(today)
        self._told: dict[object, ToldTiers] = {}

    def told(self, rows: Sequence[TierRows]) -> ToldTiers:
        """Return what is told of all who count as one member."""
        key = tuple([_pattern(one) for one in rows])
        told = self._told.get(key)
        if told is None:
            told = self._told[key] = self._worked_out(rows)
        return told

    def _worked_out(self, rows: Sequence[TierRows]) -> ToldTiers:
        group = [one.facts for one in rows]
        tier = tier_on(group, self._today, self._ladder)
        if not group:
            return ToldTiers(tier, (), None)
        # Those since the period before this one are for what comes back.
        months = self._house.newest.period_months
        before = Day(period_of(self._today, months).first - 1)
        steps = _steps(self._house, group, period_of(before, months).first)[-TIER_STEPS_MAX:]
        until = _until(self._house, rows, max(self._today, steps[-1].from_day))
        return ToldTiers(tier, tuple([TierStep(step.from_day, step.tier) for step in steps]), until)


def _pattern(rows: TierRows) -> object:
    """Return what of the rows makes a difference to what is told."""
    assessed = tuple([(one.tier, one.from_day, one.period_id, one.cause) for one in rows.assessments])
    return assessed, tuple([(one.tier, one.from_day, one.until_day) for one in rows.grants])


def _steps(house: House, group: Group, day: Day) -> tuple[Step, ...]:
    return tier_steps(group, day, house.ladder_on, [one.effective_from for one in house.programmes])


def _until(house: House, rows: Sequence[TierRows], day: Day) -> Day | None:
    """Return the last day of the tier in force on a day: before the next step, or with its validity."""
    group = [one.facts for one in rows]
    steps = _steps(house, group, day)
    if len(steps) > 1:
        return Day(steps[1].from_day - 1)
    ladder = house.ladder_on(day)
    stays = house.in_force(day).policy.downgrade == "keep"
    if stays or steps[0].tier == ladder[0].code:
        return None
    # What is renewed already, from a day to come, holds through the validity that follows.
    last = max([day, *[one.from_day for each in rows for one in each.assessments]])
    latest = [one for each in rows for one in _in_force(each, last)]
    ends = [_validity_end(house, one) for one in latest if one.tier == steps[0].tier]
    return max([end for end in ends if end >= day], default=None)


def _validity_end(house: House, one: Assessment) -> Day:
    """Return the last day before the next close may be in force: a later close starts later."""
    months = house.newest.period_months
    period = period_named(one.period_id, months)
    if one.cause != "monthly":
        period = period_after(period, months)
    return Day(period.last + house.in_force(period.last).policy.valid_after_days)


def _in_force(rows: TierRows, day: Day) -> list[Assessment]:
    return [one for one in rows.assessments if one.from_day <= day][-1:]


def _reason(one: Assessment | Granted) -> TierReason:
    return TierReason(
        cause="grant" if isinstance(one, Granted) else one.cause,
        period=one.period_id,
        since=date_of(one.from_day).isoformat(),
        decision=one.decision or None,
    )
