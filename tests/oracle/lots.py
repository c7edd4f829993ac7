"""Lots: what a member was credited in one period, who spent it, and what expired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from loyalty_core.events import EventId
from tests.oracle.accounts import Spending
from tests.oracle.told import Order, Period, next_period, version_on
from tests.oracle.world import Entries, Identity, Points, World

Moment = tuple[int, int, Order, int]
"""A day; its beginning or its course; the place in canonical order; what comes back comes after it went."""
START: Order = (0, "", 0, 0, 0)


@dataclass(slots=True)
class Debt:
    """Points that were not there. `of` is the redemption, None where a lot itself is below zero."""

    of: EventId | None
    points: int


@dataclass(slots=True)
class Purse:
    """What is left of each lot on the day that `fold` has come to, and where every spent point came from."""

    world: World
    left: Counter[Period] = field(default_factory=Counter)
    debts: list[Debt] = field(default_factory=list)
    from_lot: Counter[tuple[EventId, Period]] = field(default_factory=Counter)

    def begin(self, period: Period, credited: int) -> None:
        """Open a lot with all that its period gives, as if that had been known from the start."""
        self.left[period] = max(0, credited)
        if credited < 0:
            self.debts.append(Debt(None, -credited))
        self.fill(period.first)

    def spend(self, spending: Spending) -> None:
        """Take points, the oldest unexpired lot first; what is not there is a debt."""
        self.debts.append(Debt(spending.id, spending.points))
        self.fill(spending.day)

    def give_back(self, spending: Spending, day: int) -> None:
        """Return points into the lots that they came from; what was still a debt is none any more."""
        self.debts = [debt for debt in self.debts if debt.of != spending.id]
        for of, period in list(self.from_lot):
            if of == spending.id:
                self.left[period] += self.from_lot.pop((of, period))
        self.fill(day)

    def fill(self, day: int) -> None:
        """Let what is left and not expired on this day fill the debts, the oldest debt and lot first."""
        for debt in self.debts:
            for period in sorted(self.left):
                taken = 0 if is_expired(self.world, period, day) else min(debt.points, self.left[period])
                debt.points -= taken
                self.left[period] -= taken
                if debt.of is not None:
                    self.from_lot[debt.of, period] += taken


def last_usable_day(world: World, period: Period) -> int | None:
    """Return the last day on which a lot may be spent, None where points do not expire."""
    version = version_on(world, period.last)
    if version is None or version.expiry_after_periods is None:
        return None
    last = period
    for _ in range(version.expiry_after_periods):
        last = next_period(world, last)
    return last.last


def is_expired(world: World, period: Period, day: int) -> bool:
    """Tell whether a lot may no longer be spent on a day."""
    last = last_usable_day(world, period)
    return last is not None and day > last


def fold(
    world: World, credited: Mapping[Period, int], spendings: Sequence[Spending]
) -> tuple[Entries, dict[str, int]]:
    """Return the expiries through `world.through`, and what is left of each lot after them."""
    purse = Purse(world)
    moments: list[tuple[Moment, Callable[[], None]]] = [
        ((period.first, 0, START, 0), partial(purse.begin, period, points))
        for period, points in credited.items()
    ]
    for one in spendings:
        moments.append(((one.day, 1, one.order, 0), partial(purse.spend, one)))
        if one.back is not None:
            day, order = max((one.day, one.order), (one.back.day, one.back.order))
            moments.append(((day, 1, order, 1), partial(purse.give_back, one, day)))
    for _, happens in sorted(moments, key=lambda moment: moment[0]):
        happens()
    expired: Entries = {}
    for period in sorted(purse.left):
        last = last_usable_day(world, period)
        if last is not None and last < world.through and purse.left[period]:
            identity = Identity("expiry", None, "", last + 1, period.id)
            expired[identity] = Points(-purse.left[period], 0)
            purse.left[period] = 0
    return expired, {period.id: left for period, left in purse.left.items() if left}
