"""The rules that count over a period or a life, as far as this till can know them: provisional.

A member's row tells how far each rule has come with all that HQ had posted (its tallies); on top of that come
the till's own events above the row's stamp. Each day on which something moved above it is folded twice, as
HQ knows it and as it stands now, both on what the tallies leave when the former is taken off: what is then
given more, or cut more, is what these rules move.

What the till cannot know it does not promise. To one without a row no bonus is given, and caps count the
till's own events alone. In a period before the row's no n-th is still to come and caps are full. A first in
life that has been is over. What was cut below a full cap is not known: what is taken back there lowers the
balance in full until HQ says otherwise.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from edge_agent.books import Books
from edge_agent.own_facts import Keep
from loyalty_core.accrual import DayItem
from loyalty_core.calendar import Period, date_of
from loyalty_core.day_rules import counted_rules
from loyalty_core.entries import StepKind
from loyalty_core.events import EventId
from loyalty_core.messages import MemberRow
from loyalty_core.period_rules import (
    CapUse,
    Counted,
    Counts,
    first_matches,
    first_rules,
    fold_period,
    given_firsts,
)
from loyalty_core.programme import Cap, Programme
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day

_Pair = tuple[int, int]
"""(redeemable, qualifying)"""
PAST_COUNTING: Final = 2**53
"""Stands for matches of which HQ has said nothing: no n-th is still to come."""


class DayView(msgspec.Struct, frozen=True):
    """One of the till's own days: what earns on it, and what the rules over a period count of that."""

    day: Day
    earning: Sequence[Resolved]
    items: tuple[DayItem, ...]


class Moved(msgspec.Struct, frozen=True):
    """What one rule gives, or cuts."""

    kind: StepKind
    saw: str
    points: _Pair


Moves = Mapping[str, Moved]
"""What each rule moves, by its id."""


def total(moves: Moves) -> _Pair:
    """Return the sum of all rules."""
    points = [move.points for move in moves.values()]
    return sum(redeemable for redeemable, _ in points), sum(qualifying for _, qualifying in points)


class Counting:
    """The rules of one period for one account: what HQ has told of them, and the till's own days beside it.

    `view` looks at one of these days, with all events or those that are kept. `is_posted` tells what HQ
    knows, `tier_of` the tier held on a day, under a version.
    """

    def __init__(
        self,
        books: Books,
        row: MemberRow | None,
        period: Period,
        days: Sequence[Day],
        view: Callable[[Day, Keep | None], DayView],
        is_posted: Keep,
        tier_of: Callable[[Programme, Day], str],
    ) -> None:
        self._books, self._row, self.period, self._tier_of, self._view = books, row, period, tier_of, view
        self._birthday = _birthday(row, period)
        over = {tally.rule for tally in row.tallies if not tally.period_id} if row is not None else set()
        self._firsts = tuple([one for one in first_rules(books.programmes) if one[1].id not in over])
        posted, seen = [view(day, is_posted) for day in days], Counts()
        self._fold(posted, {}, seen)
        self._told = _less(_told(books.programmes, row, period), seen)
        self._days = [view(day, None) for day in days]
        self._posted = self._fold(posted, {}, self._start())
        self._stands = self._fold(self._days, self._first(self._days), self._start())

    @property
    def moves(self) -> Moves:
        """What the rules move beyond what HQ has posted."""
        return _beyond(self._stands, self._posted)

    def because_of(self, event: EventId, day: Day) -> Moves:
        """Return what the rules move because of one event, which is of this day."""
        days = [self._view(day, lambda one: one != event) if one.day == day else one for one in self._days]
        return _beyond(self._stands, self._fold(days, self._first(days), self._start()))

    def through(self) -> dict[str, int]:
        """Return how many qualifying points each cap of the period has let through, at most."""
        counts = self._start()
        self._fold(self._days, {}, counts)
        return {cap_id: use.through[1] for cap_id, use in counts.caps.items()}

    def _first(self, days: Sequence[DayView]) -> Mapping[str, EventId]:
        found = first_matches(self._firsts, [(one.day, one.earning) for one in days], self._tier_of)
        return given_firsts(found, self._books.version_on)

    def _start(self) -> Counts:
        caps = {cap_id: msgspec.structs.replace(use) for cap_id, use in self._told.caps.items()}
        return Counts(caps, dict(self._told.matches))

    def _fold(self, days: Iterable[DayView], firsts: Mapping[str, EventId], counts: Counts) -> Moves:
        within = [(one.day, one.items) for one in days if self.period.first <= one.day <= self.period.last]
        member, found = Counted(self._birthday, firsts), dict[str, Moved]()
        for entry in fold_period(self.period.id, within, self._books.programme_on, member, counts):
            if entry.kind == "bonus" and self._row is None:
                continue
            points = (entry.redeemable, entry.qualifying)
            before = found.get(entry.rule)
            if before is not None:
                points = (points[0] + before.points[0], points[1] + before.points[1])
            kind: StepKind = "bonus" if entry.kind == "bonus" else "cap"
            found[entry.rule] = Moved(kind, entry.steps[0].saw, points)
        return found


def _beyond(moves: Moves, before: Moves) -> Moves:
    """Return what is moved now and was not before, rule by rule; what is moved no more is taken back."""
    found: dict[str, Moved] = {}
    for rule, stands in {**before, **moves}.items():
        now, was = (each[rule].points if rule in each else (0, 0) for each in (moves, before))
        points = (now[0] - was[0], now[1] - was[1])
        if points != (0, 0):
            found[rule] = Moved(stands.kind, stands.saw, points)
    return found


def _told(programmes: Iterable[Programme], row: MemberRow | None, period: Period) -> Counts:
    """Return where HQ says that the rules stand; what it has not told of a period since is nothing."""
    tallies = {one.rule: one for one in (row.tallies if row else ()) if one.period_id == period.id}
    is_past = row is not None and period.id < row.period_id
    counts = Counts()
    for programme in programmes:
        for rule in counted_rules(programme):
            tally = tallies.get(rule.id)
            if isinstance(rule, Cap):
                told = (tally.redeemable, tally.qualifying) if tally else (0, 0)
                through = (int(rule.points), int(rule.points)) if is_past else told
                counts.caps[rule.id] = CapUse(rule, through, through)
            elif not rule.first:
                matches = tally.matches if tally else 0
                counts.matches[rule.id] = PAST_COUNTING if is_past else matches
    return counts


def _less(told: Counts, seen: Counts) -> Counts:
    """Return what is left of the counts without those that were seen."""
    caps = {}
    for cap_id, use in told.caps.items():
        off = seen.caps[cap_id].through if cap_id in seen.caps else (0, 0)
        left = (max(0, use.through[0] - off[0]), max(0, use.through[1] - off[1]))
        caps[cap_id] = CapUse(use.cap, left, left)
    matches = {rule: max(0, count - seen.matches.get(rule, 0)) for rule, count in told.matches.items()}
    return Counts(caps, matches)


def _birthday(row: MemberRow | None, period: Period) -> Day | None:
    """Return the birthday if it is known for this period.

    The row tells the date of the next one. In a leap year the 28th of February that it may tell of a common
    year can mean the 29th.
    """
    if row is None or row.birthday is None:
        return None
    told, year = date_of(Day(row.birthday)), date_of(period.first).year
    if (told.month, told.day) == (2, 28) and isleap(year) and not isleap(told.year):
        return None
    return Day(row.birthday)
