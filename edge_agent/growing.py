"""Member-days to which one receipt after another is added, such as those of a card used for every sale.

To derive a long day anew for each receipt costs more with each. So the fold of such a day is kept, and goes
on for a receipt that comes after all of the day. It is used only while all is as it was: the rules, HQ's
stamp, and every movement of the day. What was kept and then rolled back is known by the journal; the fold
before it is used then, so that a full disk, which refuses one sale after another, takes its time for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from edge_agent.books import Books
from edge_agent.store import entries, journal
from edge_agent.store.database import Connection
from edge_agent.store.entries import Award
from loyalty_core.accrual import DaySoFar
from loyalty_core.day_rules import DayRules
from loyalty_core.entries import PointEntry
from loyalty_core.events import Fact, Order
from loyalty_core.messages import Stamp
from loyalty_core.receipts import item_of
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day

LONG_FROM: Final = 8
"""Receipts of a day from which on its fold is kept."""
DAYS_KEPT: Final = 4


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The fold of a day, and all that it is of.

    `booked` is the text of its movements, `last` the newest event that moved something, `before` the chain's
    hash below that, `end` the place of the day's last fact in the canonical order.
    """

    rules: DayRules
    stamp: Stamp
    booked: str
    last: Fact
    before: bytes
    end: Order
    so_far: DaySoFar
    earning: Sequence[Resolved]


class GrowingDays:
    """Keeps the folds of a few long days."""

    def __init__(self) -> None:
        self._days: dict[tuple[str, Day], tuple[_Kept, ...]] = {}

    def grow(
        self,
        conn: Connection,
        books: Books,
        account: str,
        new: Fact,
        rules: DayRules,
        stamp: Stamp,
    ) -> tuple[PointEntry, Sequence[Resolved]] | None:
        """Return the entry of a visit or purchase, and what earns on its day with it.

        None where the day has to be derived. Nothing but its record may be known of the receipt.
        """
        item = item_of(new, books.terminal.store_id, books.terminal.place.zone)
        for kept in self._days.pop((account, rules.day), ()):
            if (kept.rules, kept.stamp) == (rules, stamp) and _holds(conn, account, kept):
                break
        else:
            return None
        if item.order < kept.end:
            return None
        so_far, entry = kept.so_far.with_next(item)
        grown = msgspec.structs.replace(
            kept,
            booked=entries.text_with(kept.booked, Award(new.id, entry.redeemable, entry.qualifying)),
            last=new,
            before=books.head.hash,
            end=item.order,
            so_far=so_far,
            earning=[*kept.earning, Resolved(rules.day, item, ())],
        )
        self._days[account, rules.day] = (grown, kept)
        return entry, grown.earning

    def keep(
        self,
        conn: Connection,
        books: Books,
        account: str,
        new: Fact,
        rules: DayRules,
        stamp: Stamp,
        earning: Sequence[Resolved],
    ) -> None:
        """Keep the fold of a long day that was just derived and booked with a `new` fact.

        It is used only if that fact is appended next.
        """
        if len(earning) < LONG_FROM:
            return
        self._days.pop((account, rules.day), None)
        if len(self._days) >= DAYS_KEPT:
            del self._days[next(iter(self._days))]
        kept = _Kept(
            rules=rules,
            stamp=stamp,
            booked=entries.text_of_day(conn, account, rules.day),
            last=new,
            before=books.head.hash,
            end=max([place for one in earning for place in _places(one)]),
            so_far=DaySoFar(rules, earning),
            earning=earning,
        )
        self._days[account, rules.day] = (kept,)


def _places(one: Resolved) -> list[Order]:
    return [one.item.order, *[back.order for back in one.takebacks]]


def _holds(conn: Connection, account: str, kept: _Kept) -> bool:
    """Tell whether the store says of the day what it said when its fold was kept."""
    last = kept.last.id
    if entries.text_of_day(conn, account, kept.rules.day) != kept.booked:
        return False
    record = journal.read_at(conn, last)
    if record is None or record.event != kept.last.event:
        return False
    return journal.hash_at(conn, last.epoch, last.seq - 1) == kept.before
