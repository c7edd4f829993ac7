"""A till's clock that is wrong, and what it dated: told to people, who set it and place the events.

A stretch whose clock was right is not looked at, so that a sale pays nothing for this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.clocks import CLOCK_TOLERANCE_MS, When, id_in, keep_readings, marks_in, stretch_of
from hq_server.dating import DATED_WRONG, is_undone
from hq_server.exceptions import ArrivalException, close_arrivals, open_arrivals, restate_arrivals
from hq_server.house import House
from hq_server.keeping import Kept
from hq_server.open_days import place_of
from hq_server.receipt_facts import facts_of, receipt_rules
from hq_server.receipt_keys import Filed
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Place, business_day, date_of
from loyalty_core.events import Event, EventId
from loyalty_core.journal import Record
from loyalty_core.receipts import fold_receipt
from loyalty_core.units import Day, EpochMs

CLOCK_OFF: Final = "clock_off"
"""The exception of a terminal whose wall clock is wrong now."""


def note_clocks(
    tx: Transaction,
    house: House,
    terminal: Terminal,
    kept: Sequence[Kept],
    now_ms: EpochMs,
    *,
    carried: bool,
) -> None:
    """Keep what kept runs say of the till's clocks, and report a clock that is wrong and what it dated.

    `carried` if they were made some time ago and brought: then `now_ms` only says that they are no later.
    """
    keep_readings(tx, terminal, kept, now_ms, carried=carried)
    place = place_of(tx, terminal)
    for run in kept:
        _report_dates(tx, house, terminal, place, run, now_ms)
    _report_clock(tx, terminal, kept[-1], now_ms, carried=carried)


def _report_clock(tx: Transaction, terminal: Terminal, run: Kept, now_ms: EpochMs, *, carried: bool) -> None:
    """Keep by how much the wall clock is ahead; open an exception while that is too much."""
    named = {"store_id": terminal.store_id, "terminal_id": terminal.terminal_id}
    read = run.clock
    row = tx.one("arrivals.boot", boot_id=read.boot_id, **named)
    ahead_ms = read.wall_ms - (row[0] + read.monotonic_ms if row else now_ms)
    if carried and ahead_ms <= CLOCK_TOLERANCE_MS:
        return  # how long it was on its way is not known
    tx.run("arrivals.clock_was_read", clock_ahead_ms=ahead_ms, **named)
    if abs(ahead_ms) <= CLOCK_TOLERANCE_MS:
        close_arrivals(tx, [(terminal.store_id, CLOCK_OFF, terminal.terminal_id)], now_ms)
        return
    sentence = (
        f"the clock of {terminal.terminal_id} is {span_text(abs(ahead_ms))} "
        f"{'ahead of' if ahead_ms > 0 else 'behind'} headquarters': set it"
    )
    found = ArrivalException(terminal.store_id, CLOCK_OFF, terminal.terminal_id, sentence)
    restate_arrivals(tx, [found], now_ms)


def _report_dates(
    tx: Transaction,
    house: House,
    terminal: Terminal,
    place: Place,
    run: Kept,
    now_ms: EpochMs,
) -> None:
    """Open an exception for each event that counts on a day which a wrong clock gave it.

    Nothing is looked at in a stretch whose clock was right.
    """
    today = business_day(now_ms, place)
    ends = run.first_seq + len(run.says)
    starts = sorted({run.first_seq, *(seq for seq, _ in marks_in(run))})
    for first, following in zip(starts, [*starts[1:], ends], strict=True):
        stretch = stretch_of(tx, terminal.store_id, id_in(terminal, run, first))
        if stretch is None or not stretch.may_be_wrong:
            continue
        for seq in range(first, following):
            says = run.says[seq - run.first_seq]
            # What is dated ahead of the day on which it came is told as that.
            if not isinstance(says, Record) or says.event.business_day > today + 1:
                continue
            known = stretch.when(says.monotonic_ms, now_ms)
            if known.stamped_wrongly(says.event.occurred_at_ms):
                _report_date(tx, house, terminal, place, id_in(terminal, run, seq), says.event, known, now_ms)


def _report_date(
    tx: Transaction,
    house: House,
    terminal: Terminal,
    place: Place,
    event_id: EventId,
    event: Event,
    known: When,
    now_ms: EpochMs,
) -> None:
    sentence = _sentence(known, event.occurred_at_ms, Day(event.business_day), event_id, place)
    filed = _filed(tx, terminal.store_id, event_id)
    if sentence is None or filed is None:
        return
    facts = facts_of(tx, filed.store_id, [filed.receipt_key]).get(filed.receipt_key, [])
    rules = receipt_rules(tx, house, [filed.store_id])[filed.store_id]
    if not is_undone(fold_receipt(facts, rules), str(event_id)):
        found = ArrivalException(filed.store_id, DATED_WRONG, str(event_id), sentence, filed.receipt_key)
        open_arrivals(tx, [found], now_ms)


def _filed(tx: Transaction, store_id: str, event_id: EventId) -> Filed | None:
    """Return under which receipt an event counts, None where it counts by none."""
    journal = msgspec.structs.asdict(event_id)
    state, receipt_key = tx.one("arrivals.event", store_id=store_id, **journal) or ("", None)
    if state != "taken":
        return None
    if receipt_key is not None:
        return Filed(store_id, receipt_key)
    elsewhere = tx.one("arrivals.filed_elsewhere", **journal)
    return None if elsewhere is None else Filed(*elsewhere)


def _sentence(known: When, occurred_at_ms: int, dated: Day, event_id: EventId, place: Place) -> str | None:
    """Say on which day an event was recorded, None where that may be the day that it is dated."""
    ahead_ms = known.ahead_ms or 0
    clock = f"it is dated {date_of(dated)} by a clock that was {span_text(abs(ahead_ms))}"
    clock += " ahead" if ahead_ms > 0 else " behind"
    at_ms = known.corrected_ms(occurred_at_ms)
    if at_ms is not None:
        day = business_day(EpochMs(at_ms), place)
        if day == dated:
            return None
        return (
            f"{clock}, and was recorded on {date_of(day)}: put all such events on their days with "
            f"hq-server event place-all {event_id.terminal_id}"
        )
    last = business_day(EpochMs(known.latest_ms), place)
    first = None if known.earliest_ms is None else business_day(EpochMs(known.earliest_ms), place)
    if dated <= last and (first is None or first <= dated):
        return None
    between = f"by {date_of(last)}" if first is None else f"between {date_of(first)} and {date_of(last)}"
    return (
        f"{clock} or more, and was recorded {between}: find out when, and put it on its day with "
        f"hq-server event place {event_id}"
    )


def span_text(ms: int) -> str:
    """Return a length of time as people say it: its two largest units."""
    minutes = ms // 60_000
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
