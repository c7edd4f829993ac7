"""What one more visit or purchase is sure to give on the days left of a period: the worst that may come.

Days with the same rules in play are one group; the minutes of a day fall into cells that no rule's slot
divides. A group, a cell and a store make a scene: whatever a member does is one of the scenes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from loyalty_core.calendar import WEEKDAYS, Period, weekday_of
from loyalty_core.day_rules import DayRules, rules_of_day
from loyalty_core.programme import Cap, Kind, Programme, Rule, Slot, When, version_for
from loyalty_core.scenes import Scene, rules_in
from loyalty_core.units import Day, Minute

SCENES_MAX: Final = 4_000
"""Where groups x cells x stores are more, nothing is promised: it would take too long to be sure."""
FRAMES_MAX: Final = 40
SCENES_KEPT: Final = 128
"""Of one outlook: as many times of the day left are remembered with what may be met in them."""
_DAY_MINUTES: Final = 1440
_R = TypeVar("_R", bound=Rule)
_Group = tuple[DayRules, ...]
"""The rules of one day, once for each tier that the member may hold."""


class Frame(msgspec.Struct, frozen=True):
    """When something is done: on which business days and at what time. None asks for nothing."""

    weekdays: frozenset[int] | None = None
    slot: Slot | None = None
    from_day: Day | None = None
    until_day: Day | None = None

    @property
    def conditions(self) -> int:
        """How many things there are to say."""
        return sum(each is not None for each in (self.weekdays, self.slot, self.from_day, self.until_day))

    def holds_day(self, day: Day) -> bool:
        """Tell whether a business day is meant."""
        return (
            (self.weekdays is None or weekday_of(day) in self.weekdays)
            and (self.from_day is None or self.from_day <= day)
            and (self.until_day is None or day <= self.until_day)
        )

    def holds_minute(self, minute: Minute) -> bool:
        """Tell whether a minute of the day is meant."""
        return self.slot is None or self.slot.holds(minute)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What guidance is asked about.

    `tiers` are all that the member may hold until the period ends. Without a `store_id`, what is promised
    holds in every store. `starts` is the minute at which business days start.
    """

    programmes: tuple[Programme, ...]
    period: Period
    today: Day
    tiers: tuple[str, ...]
    store_id: str | None
    starts: Minute


class Outlook:
    """The scenes of the whole days left, and of today; one for all members who are asked about alike."""

    def __init__(self, asked: Asked) -> None:
        period = asked.period
        self.asked = asked
        self._groups: list[_Group] = []
        numbers: dict[object, int] = {}
        whole = range(max(asked.today + 1, period.first), period.last + 1)
        self.whole_days = [Day(day) for day in whole]
        self.has_today = period.first <= asked.today <= period.last
        self._group_on: dict[Day, int] = {}
        for day in [*[asked.today] * self.has_today, *self.whole_days]:
            group = _group(asked, day)
            number = self._group_on[day] = numbers.setdefault(_key(group), len(self._groups))
            if number == len(self._groups):
                self._groups.append(group)
        self._rules: dict[tuple[int, str], Rule] = {
            (rules.version, rule.id): rule
            for group in self._groups
            for rules in group
            for rule in rules_in(rules)
        }
        self._cells = _cells(asked.starts, (rule.when.slot for rule in self._rules.values()))
        self._stores = _stores(asked, self._rules.values())
        scenes = len(self._groups) * len(self._cells) * len(self._stores) * len(asked.tiers)
        self.is_bounded = scenes <= SCENES_MAX
        self._today: dict[tuple[Kind, tuple[Minute, ...]], list[Scene]] = {}
        self._caps: dict[Kind, list[Cap]] = {}

    def frames(self, kind: Kind, days: Sequence[Day]) -> list[Frame]:
        """Return the times that rules in play speak of within the days of one version, "any time" first.

        What another rule speaks of is not made of whole cells: some minute of it may give nothing.
        """
        spans: dict[int, tuple[Day, Day]] = {}
        for day in days:
            for rules in self._groups[self._group_on[day]]:
                spans[rules.version] = (spans.get(rules.version, (day, day))[0], day)
        found = {Frame(): None}
        for programme in self.asked.programmes:
            if programme.version not in spans:
                continue
            every: tuple[Rule, ...] = (*programme.earns, *programme.weights, *programme.bonuses)
            of = [rule for rule in every if (programme.version, rule.id) in self._rules]
            for when in (When(), *[rule.when for rule in of if kind in rule.when.on]):
                frame = _frame(when, spans[programme.version], (days[0], days[-1]), self.asked.starts)
                if frame is not None:
                    found[frame] = None
        return [*found][:FRAMES_MAX]

    def names_stores(self, kind: Kind) -> bool:
        """Tell whether some rule on this kind looks at certain stores only."""
        return any(kind in rule.when.on and rule.when.stores is not None for rule in self._rules.values())

    def period_caps(self, kind: Kind) -> list[Cap]:
        """Return what limits the qualifying points of this kind over a period."""
        if kind in self._caps:
            return self._caps[kind]
        versions = {rules.version for group in self._groups for rules in group}
        caps = [cap for each in self.asked.programmes if each.version in versions for cap in each.caps]
        self._caps[kind] = [
            cap for cap in caps if cap.per == "period" and kind in cap.when.on and cap.affects != "redeemable"
        ]
        return self._caps[kind]

    def minutes(self, frame: Frame, since: Minute | None = None) -> tuple[Minute, ...]:
        """Return the first minute of each cell in the frame; with `since`, of those not over by then."""
        starts = self.asked.starts
        now = 0 if since is None else (since - starts) % _DAY_MINUTES
        ends = [*[(cell - starts) % _DAY_MINUTES for cell in self._cells[1:]], _DAY_MINUTES]
        cells = zip(self._cells, ends, strict=True)
        return tuple([cell for cell, end in cells if end > now and frame.holds_minute(cell)])

    def scenes(self, kind: Kind, days: Iterable[Day], minutes: Sequence[Minute]) -> list[Scene]:
        """Return every scene of these days and minutes, each once; none where one day has no rules."""
        groups = [self._groups[number] for number in {self._group_on[day] for day in days}]
        if not all(groups):
            return []
        found = [scene for group in groups for rules in group for scene in self._met(rules, kind, minutes)]
        return [*{_rules_key(scene.rules): scene for scene in found}.values()]

    def scenes_today(self, kind: Kind, minutes: tuple[Minute, ...]) -> list[Scene]:
        """Return the scenes of today, each with all rules of the day: what was before it met others."""
        known = self._today.get((kind, minutes))
        if known is not None:
            return known
        group = self._groups[self._group_on[self.asked.today]]
        if len(self._today) >= SCENES_KEPT:
            self._today.clear()
        self._today[kind, minutes] = [
            Scene(rules, scene.minute, scene.store_id)
            for rules in group
            for scene in self._met(rules, kind, minutes)
        ]
        return self._today[kind, minutes]

    def _met(self, rules: DayRules, kind: Kind, minutes: Sequence[Minute]) -> Iterable[Scene]:
        found: dict[object, Scene] = {}
        for minute in minutes:
            for store_id in self._stores:
                met = _met(rules, kind, minute, store_id)
                found.setdefault(_rules_key(met), Scene(met, minute, store_id))
        return found.values()


def _group(asked: Asked, day: Day) -> _Group:
    programme = version_for(asked.programmes, day)
    if programme is None:
        return ()
    return tuple([rules_of_day(programme, day, tier) for tier in asked.tiers])


def _key(group: _Group) -> object:
    return tuple([_rules_key(rules) for rules in group])


def _rules_key(rules: DayRules) -> object:
    return rules.version, tuple([rule.id for rule in rules_in(rules)])


def _cells(starts: Minute, slots: Iterable[Slot | None]) -> list[Minute]:
    """Return the first minute of every cell, in the order of a business day."""
    edges = {edge for slot in slots if slot is not None for edge in (slot.start, slot.end)}
    offsets = {0, *((edge - starts) % _DAY_MINUTES for edge in edges)}
    return [Minute((offset + starts) % _DAY_MINUTES) for offset in sorted(offsets)]


def _frame(when: When, span: tuple[Day, Day], days: tuple[Day, Day], starts: Minute) -> Frame | None:
    """Return the time that a rule speaks of within the days of its version, as far as it can be said.

    A slot that crosses the start of the business day is cut there, and the longer part stays. What begins
    between midnight and that start is no frame: people would take it for the next day.
    """
    first = max(span[0], when.from_day or span[0])
    last = min(span[1], span[1] if when.until_day is None else when.until_day)
    slot = when.slot
    if slot is not None:
        begin, end = (slot.start - starts) % _DAY_MINUTES, (slot.end - starts) % _DAY_MINUTES or _DAY_MINUTES
        if begin >= end:
            begin, end = (begin, _DAY_MINUTES) if _DAY_MINUTES - begin >= end else (0, end)
        if begin + starts >= _DAY_MINUTES:
            return None
        slot = Slot(Minute(begin + starts), Minute((end + starts) % _DAY_MINUTES))
    if first > last:
        return None
    return Frame(
        weekdays=None if when.weekdays is None or len(when.weekdays) == len(WEEKDAYS) else when.weekdays,
        slot=slot,
        from_day=None if first <= days[0] else first,
        until_day=None if last >= days[1] else last,
    )


def _stores(asked: Asked, rules: Iterable[Rule]) -> list[str]:
    """Return the stores to look at: the one asked about, or all that rules name and one that none names."""
    if asked.store_id is not None:
        return [asked.store_id]
    return ["", *sorted({store for rule in rules for store in rule.when.stores or ()})]


def _met(rules: DayRules, kind: Kind, minute: Minute, store_id: str) -> DayRules:
    """Return the rules without those that look at another kind, time or store."""

    def meets(rule: Rule) -> bool:
        when = rule.when
        return (
            kind in when.on
            and (when.slot is None or when.slot.holds(minute))
            and (when.stores is None or store_id in when.stores)
        )

    return msgspec.structs.replace(
        rules,
        earns=_only(rules.earns, meets),
        weights=_only(rules.weights, meets),
        bonuses=_only(rules.bonuses, meets),
        caps=_only(rules.caps, meets),
    )


def _only(rules: tuple[_R, ...], meets: Callable[[Rule], bool]) -> tuple[_R, ...]:
    return tuple([rule for rule in rules if meets(rule)])
