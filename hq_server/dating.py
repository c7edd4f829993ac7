"""Events whose date is doubtful: posted as they say, and told until placed or voided.

Dated ahead of the day on which HQ got them, or by the till's software more than a day off their own time. A
till's day may begin before that of HQ's clock, so one day ahead is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from hq_server.exceptions import ArrivalException, open_arrivals
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Place, business_day, date_of
from loyalty_core.events import HQ, Fact
from loyalty_core.receipts import Receipt
from loyalty_core.units import Day, EpochMs

DATED_AHEAD: Final = "dated_ahead"
"""The exception of an event dated ahead."""
DATED_APART: Final = "dated_apart"
"""The exception of an event whose date is not that of its time."""
DATED_WRONG: Final = "dated_wrong"
"""The exception of an event that a wrong clock gave its date; see `clock_reports`."""
DATED: Final = frozenset({DATED_AHEAD, DATED_APART, DATED_WRONG})
"""Exceptions that end when the event is placed or undone, and not with the next fact of its receipt."""


def note_dates(
    tx: Transaction,
    store_id: str,
    facts: Mapping[str, Iterable[Fact]],
    folded: Mapping[str, Receipt],
    place: Place,
    came_ms: EpochMs,
    now_ms: EpochMs,
) -> None:
    """Open an exception for each of these facts, which came to `place` then, whose date is doubtful."""
    today = business_day(came_ms, place)
    found = [
        ArrivalException(store_id, *said, key)
        for key, of_key in facts.items()
        for fact in of_key
        for said in _doubts(fact, place, today)
        if not is_undone(folded[key], str(fact.id))
    ]
    open_arrivals(tx, found, now_ms)


def is_undone(receipt: Receipt, event: str) -> bool:
    """Tell whether a void undid an event of a receipt; not what took it back or was spent."""
    if receipt.resolved is None or not any(back.voids for back in receipt.resolved.takebacks):
        return False
    dated = [back.id for back in receipt.resolved.takebacks] + [one.resolved.item.id for one in receipt.spent]
    return event not in map(str, dated)


def _doubts(fact: Fact, place: Place, today: Day) -> Iterator[tuple[str, str, str]]:
    """Yield kind, subject and sentence of what is doubtful about a fact's date."""
    dated = Day(fact.event.business_day)
    if dated > today + 1:
        sentence = (
            f"it is dated {date_of(dated)} and came on {date_of(today)}: set the clock of "
            f"{fact.id.terminal_id}, then put it on its day with hq-server event place {fact.id}"
        )
        yield DATED_AHEAD, str(fact.id), sentence
    # What headquarters decides has the date and the time that it was given.
    if fact.id.terminal_id == HQ:
        return
    timed = business_day(EpochMs(fact.event.occurred_at_ms), place)
    if abs(dated - timed) > 1:
        sentence = (
            f"the till's software dated it {date_of(dated)}, and its time is of {date_of(timed)}: ask the "
            f"store, and put it on its day with hq-server event place {fact.id}, or explain it"
        )
        yield DATED_APART, str(fact.id), sentence
