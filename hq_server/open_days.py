"""Business days that a till leaves open: overdue while it is heard from, or lost between two journals."""

from __future__ import annotations

from typing import Final

from hq_server.accept import Terminal
from hq_server.exceptions import ArrivalException, restate_arrivals
from hq_server.fleet import find_store
from hq_server.lineage import name_of
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Place, business_day, date_of, zone_named
from loyalty_core.lineage import Segment
from loyalty_core.units import Day, EpochMs, Minute

DAYS_MAX: Final = 2
"""How many days after its own a business day may be open at a till that HQ hears from."""


def note_open_days(
    tx: Transaction, terminal: Terminal, journal: Segment, last_day: int | None, now_ms: EpochMs
) -> None:
    """Open an exception where a till that is heard from, and has sent everything, leaves its days open.

    `last_day` is the last one that its present journal closed without a gap. What counts is when it was heard
    before this request: a till that was silent until now is given time. One that has never written a record
    has no days.
    """
    place = place_of(tx, terminal)
    named = {"store_id": terminal.store_id, "terminal_id": terminal.terminal_id}
    enrolled_at_ms, heard_at_ms = tx.one("arrivals.terminal_times", **named) or (0, 0)
    following = None if last_day is None else last_day + 1
    if following is None:
        first = tx.one("arrivals.first_day_of_journal", **named, epoch=journal.epoch, branch=journal.branch)
        if first is None:
            return
        following = max(first[0], business_day(EpochMs(enrolled_at_ms), place))
    if business_day(EpochMs(heard_at_ms), place) <= following + DAYS_MAX:
        return
    sentence = (
        f"{terminal.terminal_id} is heard from and has not closed {date_of(Day(following))} nor any day "
        "since: look at edge-agent status there, at its clock and its release"
    )
    found = ArrivalException(terminal.store_id, "day_open", terminal.terminal_id, sentence)
    restate_arrivals(tx, [found], now_ms)


def note_gap(
    tx: Transaction, terminal: Terminal, journal: Segment, last: int | None, first: int, now_ms: EpochMs
) -> None:
    """Open an exception for days between this journal and the next one: nothing declares them."""
    if last is None or first <= last + 1:
        return
    sentence = (
        f"no journal of {terminal.terminal_id} declares the days from {date_of(Day(last + 1))} to "
        f"{date_of(Day(first - 1))}: find out whether it sold then, and explain it with hq-server exceptions "
        "explain"
    )
    name = name_of(terminal.terminal_id, journal.epoch, journal.branch)
    found = ArrivalException(terminal.store_id, "day_open", name, sentence)
    restate_arrivals(tx, [found], now_ms)


def place_of(tx: Transaction, terminal: Terminal) -> Place:
    """Return where the terminal's business days are read off."""
    store = find_store(tx, terminal.store_id)
    if store is None:
        raise LookupError(f"{terminal.terminal_id} is of no store")
    return Place(zone_named(store.timezone), Minute(store.business_day_starts))
