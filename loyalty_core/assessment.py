"""Which tier a member holds on which day, and what closes, monthly upgrades and late events decide of it.

An assessment holds from its day until a later posted one does; a grant lifts above it between two dates.
Nothing posted is taken back: what late events raise is posted beside it, from a day to come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from loyalty_core.calendar import Period
from loyalty_core.programme import Programme, Tier, TierPolicy
from loyalty_core.tiers import tier_after, tier_earned
from loyalty_core.units import Day

Cause = Literal["close", "monthly", "restatement"]
Kind = Literal["upgrade", "downgrade", "renewal"]
Ladder = tuple[Tier, ...]
LadderOn = Callable[[Day], Ladder]
"""The ladder of the version of a date."""


class Assessed(msgspec.Struct, frozen=True, kw_only=True):
    """A tier that holds from a day on; of two that hold, the one of the higher number."""

    number: int
    tier: str
    from_day: Day


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A tier that holds between two days, both inclusive, beside what was assessed."""

    tier: str
    from_day: Day
    until_day: Day


class TierFacts(msgspec.Struct, frozen=True):
    """What was decided about one member's tier, in any order."""

    assessed: tuple[Assessed, ...] = ()
    grants: tuple[Grant, ...] = ()


Group = Sequence[TierFacts]
"""The facts of all who count as one member; of one who was never merged, one."""


class Outcome(msgspec.Struct, frozen=True):
    """What a close gives. It `waits` for the days of grace where it lowers what was assessed."""

    tier: str
    kind: Kind
    waits: bool

    def from_day(self, start: Day, policy: TierPolicy) -> Day:
        """Return the day from which it holds, of a validity that starts on a day."""
        return Day(start + policy.grace_days) if self.waits else start


class Step(msgspec.Struct, frozen=True):
    """From this day on this tier is held, until the next step."""

    from_day: Day
    tier: str


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """A closed period of one member: its total as it is now, and the version that it was decided by.

    `start` is the first day of the validity. `held` is the tier held before it as the close found it; None
    where the close found no such member.
    """

    period: Period
    programme: Programme
    qualifying: int
    start: Day
    held: str | None = None


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """An assessment to be posted, so that no less is held than is due. `held` is that of the day before."""

    period_id: str
    kind: Kind
    held: str
    tier: str
    qualifying: int
    programme_version: int
    from_day: Day


def highest(ladder: Ladder, codes: Iterable[str]) -> str:
    """Return the highest of these tiers by a ladder: its lowest, where there is none that it knows."""
    wanted = set(codes)
    return next((tier.code for tier in reversed(ladder) if tier.code in wanted), ladder[0].code)


def assessed_on(group: Group, day: Day, ladder: Ladder) -> str:
    """Return the tier that was assessed for a day, without grants; `ladder` is the day's."""
    return highest(ladder, [one.tier for facts in group for one in _last(facts.assessed, day)])


def tier_on(group: Group, day: Day, ladder: Ladder) -> str:
    """Return the tier in force on a day; `ladder` is the day's."""
    granted = [one.tier for facts in group for one in facts.grants if one.from_day <= day <= one.until_day]
    return highest(ladder, [assessed_on(group, day, ladder), *granted])


def tier_steps(group: Group, day: Day, ladder_on: LadderOn, changes: Iterable[Day] = ()) -> tuple[Step, ...]:
    """Return the tiers in force from a day on, by what is decided; `changes` are days of other ladders."""
    steps: list[Step] = []
    for each in _from(day, {*_days(group), *changes}):
        tier = tier_on(group, each, ladder_on(each))
        if not steps or steps[-1].tier != tier:
            steps.append(Step(each, tier))
    return tuple(steps)


def start_of(period: Period, policy: TierPolicy, posted_on: Day) -> Day:
    """Return the first day of the validity of a close that is posted on a business day.

    It is a day that begins after the posting, so nothing that was earned before is weighted anew.
    """
    return Day(max(period.last + policy.valid_after_days, posted_on) + 1)


def assess(qualifying: int, held: str, assessed: str, programme: Programme) -> Outcome:
    """Return what a close gives for a total.

    `held` is the tier in force on the day before the validity starts, and `assessed` the same without grants;
    a soft landing starts at what was held.
    """
    ladder, policy = programme.ladder, programme.policy
    tier = tier_after(held, qualifying, ladder, policy.downgrade).code
    return Outcome(tier, kind_of(ladder, held, tier), kind_of(ladder, assessed, tier) == "downgrade")


def kind_of(ladder: Ladder, held: str, tier: str) -> Kind:
    """Return what it is to get a tier for who holds one."""
    if highest(ladder, [held]) == tier:
        return "renewal"
    return "upgrade" if highest(ladder, [held, tier]) == tier else "downgrade"


def restated(closes: Sequence[Close], group: Group, first: Day, ladder_on: LadderOn) -> tuple[Raised, ...]:
    """Return what raises a member to what all closes would have given with the totals of now.

    `closes` are in order of their periods; what each finds held comes from the one before, or is what it
    found when that was more. `first` is the first business day that begins after the posting.
    """
    due: list[_Due] = []
    for close in closes:
        before, ladder = Day(close.start - 1), close.programme.ladder
        given = [one.tier for one in _of(due, before)]
        found = tier_on(group, before, ladder) if close.held is None else close.held
        held = highest(ladder, [found, *given])
        assessed = highest(ladder, [assessed_on(group, before, ladder), *given])
        outcome = assess(close.qualifying, held, assessed, close.programme)
        due.append(_Due(outcome.from_day(close.start, close.programme.policy), outcome.tier, close))
    return _raised(due, group, first, ladder_on)


def upgraded(close: Close, group: Group, first: Day, ladder_on: LadderOn) -> tuple[Raised, ...]:
    """Return what raises a member to what a total earns, from a day on; `close.start` is not asked."""
    tier = tier_earned(close.qualifying, close.programme.ladder).code
    return _raised([_Due(first, tier, close)], group, first, ladder_on)


class _Due(msgspec.Struct, frozen=True):
    """A tier that should be held from a day on, and the period that gives it."""

    from_day: Day
    tier: str
    close: Close


def _raised(due: Sequence[_Due], group: Group, first: Day, ladder_on: LadderOn) -> tuple[Raised, ...]:
    """Return the assessments after which, from the first day on, the higher holds of what is and what is due.

    From where the first of them holds they stand for all that was posted before, so each later step follows.
    """
    found: list[Raised] = []
    for day in _from(first, {*_days(group), *[one.from_day for one in due]}):
        ladder, before = ladder_on(day), Day(day - 1)
        stands, latest = assessed_on(group, day, ladder), _of(due, day)
        tier = highest(ladder, [stands, *[one.tier for one in latest]])
        if tier == (found[-1].tier if found else stands):
            continue
        close = latest[-1].close
        raised = [one.tier for one in found[-1:]]
        held = highest(ladder, [*raised, tier_on(group, before, ladder_on(before))])
        found.append(
            Raised(
                period_id=close.period.id,
                kind=kind_of(ladder, held, tier),
                held=held,
                tier=tier,
                qualifying=close.qualifying,
                programme_version=close.programme.version,
                from_day=day,
            )
        )
    return tuple(found)


def _of(due: Sequence[_Due], day: Day) -> list[_Due]:
    """Return what is due on a day by the last close that gives something for it; empty before any does."""
    return [one for one in due if one.from_day <= day][-1:]


def _last(assessed: Iterable[Assessed], day: Day) -> list[Assessed]:
    """Return the assessment in force on a day; empty before any is."""
    return sorted([one for one in assessed if one.from_day <= day], key=lambda one: one.number)[-1:]


def _days(group: Group) -> set[Day]:
    """Return the days on which what was decided may change the tier."""
    days = {one.from_day for facts in group for one in facts.assessed}
    for facts in group:
        for grant in facts.grants:
            days |= {grant.from_day, Day(grant.until_day + 1)}
    return days


def _from(first: Day, days: Iterable[Day]) -> list[Day]:
    """Return a day and those of others that follow it, in order."""
    return sorted({day for day in (first, *days) if day >= first})
