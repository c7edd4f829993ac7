"""The part of the account fold that counts: caps per period, and bonuses over a period or a life.

Input is what stands of each day at its end; each result is an entry of its own. Caps come first, one after
the other in the order written; bonuses are given after them and are not cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date

import msgspec

from loyalty_core.accrual import DayItem
from loyalty_core.calendar import date_of, day_of
from loyalty_core.entries import NO_EVENT, PointEntry, paired_steps
from loyalty_core.events import EventId
from loyalty_core.matching import in_play, matches
from loyalty_core.programme import Bonus, Cap, Programme
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day

_Pair = tuple[int, int]
"""(redeemable, qualifying)"""
WHOLE_ACCOUNT = Day(0)
"""The `earned_day` of entries that follow from more than one day."""


class Counted(msgspec.Struct, frozen=True):
    """What a member's account knows beside the days: the birthday, and the first match in life of a rule."""

    birthday: Day | None = None
    firsts: Mapping[str, EventId] = {}


class CapUse(msgspec.Struct):
    """How far one cap is used in a period, and what it cut; `last` is the last day on which it cut."""

    cap: Cap
    given: _Pair = (0, 0)
    through: _Pair = (0, 0)
    last: Day = Day(0)
    version: int = 0


class Counts(msgspec.Struct):
    """Where the rules of a period stand after some of its days: uses of caps, matches of bonuses."""

    caps: dict[str, CapUse] = {}
    matches: dict[str, int] = {}


def fold_period(
    period_id: str,
    days: Iterable[tuple[Day, tuple[DayItem, ...]]],
    programme_on: Callable[[Day], Programme | None],
    member: Counted,
    counts: Counts | None = None,
) -> tuple[PointEntry, ...]:
    """Return the caps' and bonuses' entries of one member and period.

    `days` are in order and hold the days that have counted items. `counts` is where the rules stood before
    these days; it is moved on.
    """
    counts = counts if counts is not None else Counts()
    found: list[PointEntry] = []
    for day, items in days:
        programme = programme_on(day)
        if programme is None:
            continue
        for item in items:
            _cut(programme, day, item, counts)
            found.extend(_bonuses(programme, day, item, counts, member, period_id))
    caps = [_cap_entry(use, period_id) for use in counts.caps.values() if use.given != use.through]
    return (*found, *caps)


FirstRules = tuple[tuple[Programme, Bonus], ...]
FirstMatches = Mapping[tuple[int, str], tuple[Day, EventId]]
"""The day and event that is the first in life for a version's rule, by version and rule id."""


def first_rules(programmes: Iterable[Programme]) -> FirstRules:
    """Return every version's rules about the first in life."""
    return tuple([(one, rule) for one in programmes for rule in one.bonuses if rule.first])


def first_matches(
    rules: FirstRules,
    days: Iterable[tuple[int, Iterable[Resolved]]],
    tier_of: Callable[[Programme, Day], str],
) -> FirstMatches:
    """Return what stands first in life of all that match each rule, on days of any version.

    `days` come in order, and are read no further than all rules need. `tier_of` gives the tier in force on
    a day, by a version where no other covers the day.
    """
    wanted, found = list(rules), {}
    for day, receipts in days:
        if not wanted:
            break
        standing = [one.standing for one in receipts if one.item.earns]
        items = sorted((item for item in standing if item is not None), key=lambda item: item.order)
        for programme, rule in tuple(wanted):
            if not in_play(rule.when, Day(day), tier_of(programme, Day(day))):
                continue
            first = next((item for item in items if matches(rule.when, item)), None)
            if first is not None:
                wanted.remove((programme, rule))
                found[programme.version, rule.id] = (Day(day), first.id)
    return found


def given_firsts(found: FirstMatches, version_on: Callable[[Day], int]) -> dict[str, EventId]:
    """Return the event that each rule gives points for: if the day's own version has it, and once."""
    given: dict[str, EventId] = {}
    for (version, rule_id), (day, event) in found.items():
        if version_on(day) == version:
            given.setdefault(rule_id, event)
    return given


def birthday_in(year: int, birthday: Day) -> Day:
    """Return the day on which a birthday falls; 29 February falls on the 28th of a common year."""
    born = date_of(birthday)
    try:
        return day_of(born.replace(year=year))
    except ValueError:
        return day_of(date(year, 2, 28))


def _cut(programme: Programme, day: Day, item: DayItem, counts: Counts) -> None:
    points = (item.redeemable, item.qualifying)
    for cap in programme.caps:
        if cap.per != "period" or cap.id not in item.rules:
            continue
        use = counts.caps.setdefault(cap.id, CapUse(cap))
        use.cap = cap
        kept = (
            points[0] if cap.affects == "qualifying" else _kept(points[0], cap.points - use.through[0]),
            points[1] if cap.affects == "redeemable" else _kept(points[1], cap.points - use.through[1]),
        )
        use.given = (use.given[0] + points[0], use.given[1] + points[1])
        use.through = (use.through[0] + kept[0], use.through[1] + kept[1])
        if kept != points:
            use.last, use.version = day, programme.version
        points = kept


def _kept(points: int, room: int) -> int:
    return min(points, max(0, room))


def _cap_entry(use: CapUse, period_id: str) -> PointEntry:
    return PointEntry(
        event=NO_EVENT,
        kind="cap",
        earned_day=WHOLE_ACCOUNT,
        business_day=use.last,
        period_id=period_id,
        redeemable=use.through[0] - use.given[0],
        qualifying=use.through[1] - use.given[1],
        programme_version=use.version,
        steps=paired_steps(use.cap.id, "cap", str(use.cap.points), use.given, use.through),
        rule=use.cap.id,
    )


def _bonuses(
    programme: Programme, day: Day, item: DayItem, counts: Counts, member: Counted, period_id: str
) -> Iterable[PointEntry]:
    for bonus in programme.bonuses:
        if bonus.id not in item.rules or bonus.in_day:
            continue
        saw = _due(bonus, day, item, counts, member)
        if saw is None:
            continue
        points = (
            0 if bonus.affects == "qualifying" else int(bonus.points),
            0 if bonus.affects == "redeemable" else int(bonus.points),
        )
        yield PointEntry(
            event=item.id,
            kind="bonus",
            earned_day=WHOLE_ACCOUNT,
            business_day=day,
            period_id=period_id,
            redeemable=points[0],
            qualifying=points[1],
            programme_version=programme.version,
            steps=paired_steps(bonus.id, "bonus", saw, (0, 0), points),
            rule=bonus.id,
        )


def _due(bonus: Bonus, day: Day, item: DayItem, counts: Counts, member: Counted) -> str | None:
    """Return what a bonus that is due saw: the count that it waited for, or nothing."""
    if bonus.first:
        return "1" if member.firsts.get(bonus.id) == item.id else None
    if bonus.birthday:
        if member.birthday is None or birthday_in(date_of(day).year, member.birthday) != day:
            return None
        if bonus.per != "period":
            return ""
    count = counts.matches[bonus.id] = counts.matches.get(bonus.id, 0) + 1
    if count != (bonus.nth or 1):
        return None
    return str(bonus.nth or "")
