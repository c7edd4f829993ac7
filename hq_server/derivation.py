"""What should stand in the ledger: the folds of the core applied to a member's facts. Reads no database.

One member-day is the common case. `whole_account` derives everything of one member, for what cannot be told
from a day alone: lots that have expired, periods that are closed, previews, and the audit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from hq_server.house import House
from loyalty_core.account import account_entries, fold_account, spendings
from loyalty_core.accrual import DayItem, DerivedDay, fold_day
from loyalty_core.after_close import Closed, freeze
from loyalty_core.assessment import Group, tier_on
from loyalty_core.calendar import Period, period_after, period_named, period_of
from loyalty_core.day_rules import DayRules, rules_of_day
from loyalty_core.entries import PointEntry
from loyalty_core.events import EventId, Order
from loyalty_core.lots import Lots, expiry_entries, fold_lots
from loyalty_core.period_rules import (
    Counted,
    FirstMatches,
    first_matches,
    first_rules,
    fold_period,
    given_firsts,
)
from loyalty_core.programme import Programme, version_for
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day

DAYS_KEPT: Final = 1000
"""For how many business days a rulebook keeps the rules that are in play."""
Items = tuple[DayItem, ...]
_NOTHING: Final = DerivedDay((), ())
Days = Mapping[int, Sequence[Resolved]]
"""A member's facts by business day."""
NEVER_ASSESSED: Final[Group] = ()
"""Of a member about whose tier nothing was decided: the lowest holds."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One member's facts, and what bounds their derivation.

    `closed` are the periods that were closed for this member, `through` the day up to which expiry is posted.
    `tiers` is what was decided about the tier.
    """

    days: Days
    birthday: int | None = None
    closed: Mapping[str, Closed] = {}
    through: Day = Day(0)
    tiers: Group = NEVER_ASSESSED


class Whole(msgspec.Struct, frozen=True):
    """Everything that should stand for one member, its lots, and what its days count towards period rules."""

    entries: tuple[PointEntry, ...]
    lots: Lots
    items: dict[int, Items]


class Rulebook:
    """The programme versions of one state of the house, and the rules of the days that were asked for."""

    def __init__(self, house: House) -> None:
        self.programmes = house.programmes
        self.months = house.newest.period_months if house.programmes else 6
        self.expires = any(one.expiry_after_periods is not None for one in house.programmes)
        self.asks_tiers = any(map(_asks_tiers, self.programmes))
        self._days: dict[tuple[int, str], DayRules | None] = {}
        self._last_days: dict[str, Day | None] = {}
        self._firsts = first_rules(house.programmes)
        self.firsts = {rule.id for _, rule in self._firsts}

    def programme_on(self, day: int) -> Programme | None:
        """Return the version of a date, or None where none covers it."""
        return version_for(self.programmes, Day(day))

    def version_on(self, day: int) -> int:
        """Return the number of the version of a date, 0 where none covers it."""
        programme = self.programme_on(day)
        return programme.version if programme is not None else 0

    def on(self, day: int, tiers: Group) -> DayRules | None:
        """Return the rules of a date for the tier in force then, or None where no version covers it."""
        tier = ""
        if tiers:
            programme = self.programme_on(day)
            tier = "" if programme is None else tier_on(tiers, Day(day), programme.ladder)
        try:
            return self._days[day, tier]
        except KeyError:
            programme = self.programme_on(day)
            rules = None
            if programme is not None:
                rules = rules_of_day(programme, Day(day), tier or programme.ladder[0].code)
            if len(self._days) >= DAYS_KEPT:
                self._days.clear()
            self._days[day, tier] = rules
            return rules

    def last_day(self, period: Period) -> Day | None:
        """Return the last day on which what was earned in a period can be spent; None where it stays."""
        if period.id not in self._last_days:
            programme = self.programme_on(period.last)
            count = None if programme is None else programme.expiry_after_periods
            last = None if count is None else period_after(period, self.months, count).last
            self._last_days[period.id] = last
        return self._last_days[period.id]

    @property
    def first_period(self) -> Period:
        """The period of the first day that any version covers; there must be a version."""
        return period_of(min(one.effective_from for one in self.programmes), self.months)

    def last_expiry(self, through: int) -> Day:
        """Return the day of the last expiry posted by `through`; what is dated before it may move one."""
        if not self.programmes:
            return Day(0)
        period, found = self.first_period, Day(0)
        while period.first <= through:
            end = self.last_day(period)
            if end is not None and end < through:
                found = max(found, Day(end + 1))
            period = period_after(period, self.months)
        return found

    def fold(self, day: int, receipts: Sequence[Resolved], tiers: Group) -> DerivedDay:
        """Return what the rules of a day make of a member's receipts and visits; nothing without rules."""
        rules = self.on(day, tiers)
        return _NOTHING if rules is None else fold_day(rules, receipts)

    def first_matches(self, days: Iterable[tuple[int, Sequence[Resolved]]], tiers: Group) -> FirstMatches:
        """Return, for each rule about the first in life, what matches it first. `days` come in order."""

        def tier_of(programme: Programme, day: Day) -> str:
            ladder = (self.programme_on(day) or programme).ladder
            return tier_on(tiers, day, ladder)

        return first_matches(self._firsts, days, tier_of if tiers else _lowest)

    def counts(self) -> bool:
        """Tell whether any version has a rule over a period or a life."""
        return any(rule.per == "period" for one in self.programmes for rule in one.caps) or any(
            not rule.in_day for one in self.programmes for rule in one.bonuses
        )

    def period_caps(self) -> list[str]:
        """Return the ids of the caps over a period, of all versions."""
        return [rule.id for one in self.programmes for rule in one.caps if rule.per == "period"]

    def periods(
        self, items: Mapping[int, Items], member: Counted, period_ids: Iterable[str]
    ) -> tuple[PointEntry, ...]:
        """Return the entries of the rules that count over these periods."""
        by_period: dict[str, list[tuple[Day, Items]]] = defaultdict(list)
        for day in sorted(items):
            by_period[period_of(Day(day), self.months).id].append((Day(day), items[day]))
        found: list[PointEntry] = []
        for period_id in period_ids:
            found += fold_period(period_id, by_period[period_id], self.programme_on, member)
        return tuple(found)

    def period_of(self, day: int) -> Period:
        """Return the period of a date."""
        return period_of(Day(day), self.months)


_KEPT: Final[list[Rulebook]] = []
"""The rulebook that was last asked for."""


def rulebook_of(house: House) -> Rulebook:
    """Return the rules of a state of the house, and what was worked out of them for as long as they stand."""
    for kept in _KEPT:
        if kept.programmes == house.programmes:
            return kept
    made = Rulebook(house)
    _KEPT[:] = [made]
    return made


def _asks_tiers(programme: Programme) -> bool:
    rules = (*programme.earns, *programme.weights, *programme.bonuses, *programme.caps)
    return any(rule.when.tiers is not None for rule in rules)


def _lowest(programme: Programme, _: Day) -> str:
    return programme.ladder[0].code


def whole_account(rules: Rulebook, account: Account) -> Whole:
    """Derive everything of one member."""
    entries: list[PointEntry] = []
    items: dict[int, Items] = {}
    facts = [one for day in sorted(account.days) for one in account.days[day]]
    for day in sorted(account.days):
        derived = rules.fold(day, account.days[day], account.tiers)
        entries += derived.entries
        if derived.items:
            items[day] = derived.items
    entries += account_entries(facts, rules.version_on, rules.months)
    member = counted_member(rules, account)
    entries += rules.periods(items, member, sorted({rules.period_of(day).id for day in items}))
    if account.closed:
        entries = list(freeze(entries, account.closed, takeback_orders(facts), rules.months))
    lots = fold_lots(
        fold_account(entries).credits, spendings(facts), rules.last_day, rules.months, account.through
    )
    entries += expiry_entries(lots, lambda period: rules.version_on(period_named(period, rules.months).last))
    return Whole(tuple(entries), lots, items)


def counted_member(rules: Rulebook, account: Account) -> Counted:
    """Return what the rules over a life ask about a member."""
    firsts = rules.first_matches(sorted(account.days.items()), account.tiers)
    birthday = None if account.birthday is None else Day(account.birthday)
    return Counted(birthday, given_firsts(firsts, rules.version_on))


def takeback_orders(facts: Iterable[Resolved]) -> dict[EventId, Order]:
    """Return the canonical order of each takeback: never before the purchase or visit that it takes back."""
    earned = [one for one in facts if one.item.earns]
    return {back.id: max(back.order, one.item.order) for one in earned for back in one.takebacks}
