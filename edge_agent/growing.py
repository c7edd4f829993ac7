"""Member-days to which one receipt after another is added, such as those of a card used for every sale.

To derive a long day anew for each receipt costs more with each. So the fold of such a day is kept, and goes
on for a receipt that comes after all of the day. It is used only while all is as it was: the rules, HQ's
stamp, and what the store holds of the day. What was kept and then rolled back is known by the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from edge_agent import own_facts
from edge_agent.books import Books, Published
from edge_agent.store import entries, journal
from edge_agent.store.database import Connection
from edge_agent.store.entries import Sums
from loyalty_core.accrual import DayRules, DaySoFar
from loyalty_core.entries import PointEntry
from loyalty_core.events import Fact, Order
from loyalty_core.journal import unpack_record
from loyalty_core.messages import Stamp
from loyalty_core.receipts import fold_receipt
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day

LONG_FROM: Final = 8
"""Receipts of a day from which on its fold is kept."""
DAYS_KEPT: Final = 4


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The fold of a day, and all that it is of.

    `last` is the newest event that moved something of the day, `before` the chain's hash below it, `end` the
    place of the day's last fact in the canonical order.
    """

    rules: DayRules
    published: Published
    stamp: Stamp
    sums: Sums
    last: Fact
    before: bytes
    end: Order
    so_far: DaySoFar
    earning: Sequence[Resolved]


class GrowingDays:
    """Keeps the folds of a few long days."""

    def __init__(self) -> None:
        self._days: dict[tuple[str, Day], _Kept] = {}

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
        kept = self._days.pop((account, rules.day), None)
        if (
            kept is None
            or (kept.rules, kept.stamp) != (rules, stamp)
            or kept.published is not books.published
        ):
            return None
        resolved = fold_receipt([new], own_facts.rules_of(books)).resolved
        if resolved is None or resolved.item.order < kept.end or not _holds(conn, books, account, kept):
            return None
        entry = kept.so_far.take(resolved.item)
        grown = msgspec.structs.replace(
            kept,
            sums=kept.sums.plus(new.id, entry.redeemable, entry.qualifying),
            last=new,
            before=books.head.hash,
            end=resolved.item.order,
            earning=[*kept.earning, resolved],
        )
        self._days[account, rules.day] = grown
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
        """Keep the fold of a long day that was just derived and booked; its `new` fact is appended next."""
        self._days.pop((account, rules.day), None)
        if len(earning) < LONG_FROM or new.id != books.next_id():
            return
        sums = entries.sums_of_day(conn, account, rules.day, books.terminal.terminal_id)
        if sums is None:
            return
        if len(self._days) >= DAYS_KEPT:
            del self._days[next(iter(self._days))]
        self._days[account, rules.day] = _Kept(
            rules=rules,
            published=books.published,
            stamp=stamp,
            sums=sums,
            last=new,
            before=books.head.hash,
            end=max([place for one in earning for place in _places(one)]),
            so_far=DaySoFar(rules, earning),
            earning=earning,
        )


def _places(one: Resolved) -> list[Order]:
    return [one.item.order, *[back.order for back in one.takebacks]]


def _holds(conn: Connection, books: Books, account: str, kept: _Kept) -> bool:
    """Tell whether the store says of the day what it said when its fold was kept."""
    last = kept.last.id
    if entries.sums_of_day(conn, account, kept.rules.day, books.terminal.terminal_id) != kept.sums:
        return False
    record = journal.record_at(conn, last)
    if record is None or unpack_record(record).event != kept.last.event:
        return False
    return journal.hash_at(conn, last.epoch, last.seq - 1) == kept.before
