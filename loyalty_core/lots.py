"""The part of the account fold that spends and expires: lots by period, taken from the oldest on.

A lot is all credits of one period, as they stand: what was returned was never in it. Redemptions and what
gives them back come in order of their days. What is not there is a debt, which the next points fill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from loyalty_core.calendar import Period, period_named
from loyalty_core.entries import NO_EVENT, PointEntry, Step
from loyalty_core.events import Order
from loyalty_core.period_rules import WHOLE_ACCOUNT
from loyalty_core.units import Day

_EXPIRY: Final = 0
_CREDIT: Final = 1
_SPENDING: Final = 2
_NEVER: Final[Order] = (0, "", 0, 0, 0)
_Moment = tuple[Day, int, Order, int, str, int]
"""(day, expiry, credit or spending, order, 1 where it undoes, the lot's or spending's name, points)"""


class Spending(msgspec.Struct, frozen=True):
    """A redemption's points, its day and order; `undone` is the same of what gave them back."""

    points: int
    day: Day
    order: Order
    undone: tuple[Day, Order] | None = None


class Lot(msgspec.Struct, frozen=True):
    """What is left of a period's credits, usable through `last_day` (None: for ever)."""

    period_id: str
    points: int
    last_day: Day | None


class Lots(msgspec.Struct, frozen=True):
    """A member's lots, the oldest first; what is owed; and what has expired, by lot."""

    lots: tuple[Lot, ...]
    debt: int
    expired: tuple[Lot, ...]


def fold_lots(
    credits_of: Mapping[str, int],
    spendings: Iterable[Spending],
    last_day: Callable[[Period], Day | None],
    months: int,
    through: Day,
) -> Lots:
    """Return what is left of each period's credits, and what has expired by the end of the day `through`.

    What is left, less the debt, is the balance. A redemption dated after a lot's last day takes nothing of
    it, also where that expiry is not posted yet.
    """
    purse, ends = _Purse(), {}
    moments: list[_Moment] = []
    for period_id, points in credits_of.items():
        period = period_named(period_id, months)
        end = ends[period_id] = last_day(period)
        moments.append((period.first, _CREDIT, _NEVER, 0, period_id, points))
        if end is not None:
            moments.append((Day(end + 1), _EXPIRY, _NEVER, 0, period_id, 0))
    for number, one in enumerate(spendings):
        moments.append((one.day, _SPENDING, one.order, 0, str(number), one.points))
        if one.undone is not None:
            moments.append((*_not_before(one, one.undone), 1, str(number), 0))
    moments.sort()
    for _, kind, _, undoes, name, points in moments:
        if kind == _CREDIT:
            purse.credit(name, points)
        elif kind == _EXPIRY:
            purse.expire(name)
        elif undoes:
            purse.give_back(name)
        else:
            purse.spend(name, points)
    dead = [Lot(name, points, ends[name]) for name, points in purse.dead.items() if points]
    left = [Lot(name, points, ends[name]) for name, points in purse.left.items() if points]
    due = [lot for lot in dead if lot.last_day is not None and lot.last_day < through]
    left += [lot for lot in dead if lot not in due]
    return Lots(tuple(sorted(left, key=_age)), sum(purse.debts.values()), tuple(sorted(due, key=_age)))


def expiry_entries(lots: Lots, version_of: Callable[[str], int]) -> tuple[PointEntry, ...]:
    """Return an entry for each lot that has expired, dated the day after its last usable one.

    `version_of` gives the programme version whose rule it is, by the lot's period id.
    """
    return tuple(
        [
            PointEntry(
                event=NO_EVENT,
                kind="expiry",
                earned_day=WHOLE_ACCOUNT,
                business_day=Day(lot.last_day + 1),
                period_id=lot.period_id,
                redeemable=-lot.points,
                qualifying=0,
                programme_version=version_of(lot.period_id),
                steps=(Step("expiry", "expiry", lot.period_id, lot.points, 0, "redeemable"),),
                rule=lot.period_id,
            )
            for lot in lots.expired
            if lot.last_day is not None
        ]
    )


def _not_before(one: Spending, undone: tuple[Day, Order]) -> tuple[Day, int, Order]:
    """Return when it is given back: never before it was spent."""
    day, order = max(undone, (one.day, one.order))
    return day, _SPENDING, order


def _age(lot: Lot) -> str:
    return lot.period_id


class _Purse:
    """Lots, the oldest first, what was taken of each and by whom, and debts as they arose."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}
        self.dead: dict[str, int] = {}
        self.debts: dict[str, int] = {}
        self._taken: dict[str, dict[str, int]] = {}

    def credit(self, lot: str, points: int) -> None:
        self.left[lot] = 0
        if points < 0:
            self.spend(f"below zero in {lot}", -points)
        else:
            self._pour(lot, points)

    def spend(self, name: str, points: int) -> None:
        self.debts[name], self._taken[name] = points, {}
        for lot in list(self.left):
            points, self.left[lot] = self.left[lot], 0
            self._pour(lot, points)

    def give_back(self, name: str) -> None:
        self.debts.pop(name, None)
        for lot, points in sorted(self._taken.pop(name).items()):
            if lot in self.dead:
                self.dead[lot] += points
            else:
                self._pour(lot, points)

    def expire(self, lot: str) -> None:
        self.dead[lot] = self.left.pop(lot)

    def _pour(self, lot: str, points: int) -> None:
        """Put points into a lot: what is owed is paid first, the oldest debt before the others."""
        while points and self.debts:
            name, owed = next(iter(self.debts.items()))
            paid = min(points, owed)
            points -= paid
            self._taken[name][lot] = self._taken[name].get(lot, 0) + paid
            if paid < owed:
                self.debts[name] = owed - paid
            else:
                del self.debts[name]
        self.left[lot] += points
