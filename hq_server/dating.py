"""Events dated ahead of the day on which HQ got them: posted as they say, and told until placed or voided.

A till's day may begin before that of HQ's clock, so one day ahead is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hq_server.exceptions import ArrivalException, open_arrivals
from hq_server.store.connection import Transaction
from loyalty_core.calendar import date_of
from loyalty_core.events import Fact
from loyalty_core.receipts import Receipt
from loyalty_core.units import Day, EpochMs

DATED_AHEAD: Final = "dated_ahead"
"""The exception of an event dated ahead."""
DATED_WRONG: Final = "dated_wrong"
"""The exception of an event that a wrong clock gave its date; see `clock_reports`."""
DATED: Final = frozenset({DATED_AHEAD, DATED_WRONG})
"""Exceptions that end when the event is placed or undone, and not with the next fact of its receipt."""


def note_ahead(
    tx: Transaction,
    store_id: str,
    facts: Mapping[str, Iterable[Fact]],
    folded: Mapping[str, Receipt],
    today: Day,
    now_ms: EpochMs,
) -> None:
    """Open an exception for each of these facts, which have just come, that is dated ahead of `today`."""
    found = [
        ArrivalException(store_id, DATED_AHEAD, str(fact.id), _sentence(fact, today), key)
        for key, of_key in facts.items()
        for fact in of_key
        if fact.event.business_day > today + 1 and not is_undone(folded[key], str(fact.id))
    ]
    open_arrivals(tx, found, now_ms)


def is_undone(receipt: Receipt, event: str) -> bool:
    """Tell whether a void undid an event of a receipt; not what took it back or was spent."""
    if receipt.resolved is None or not any(back.voids for back in receipt.resolved.takebacks):
        return False
    dated = [back.id for back in receipt.resolved.takebacks] + [one.resolved.item.id for one in receipt.spent]
    return event not in map(str, dated)


def _sentence(fact: Fact, today: Day) -> str:
    dated = date_of(Day(fact.event.business_day))
    return (
        f"it is dated {dated} and came on {date_of(today)}: set the clock of {fact.id.terminal_id}, then put "
        f"it on its day with hq-server event place {fact.id}"
    )
