"""A till's clock that is wrong, and what it dated: put on its day where that is proven, and told to people.

A stretch whose clock was right is not looked at, so that a sale pays nothing for this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.clock_words import recorded_between, span_text
from hq_server.clocks import (
    When,
    id_in,
    keep_marks_again,
    keep_readings,
    marks_in,
    met_before,
    stretch_of,
    stretches_of,
)
from hq_server.dating import DATED_WRONG, is_undone
from hq_server.evidence import Recorded, evidence_of
from hq_server.exceptions import ArrivalException, close_arrivals, open_arrivals, restate_arrivals
from hq_server.house import House
from hq_server.keeping import Kept
from hq_server.open_days import place_of
from hq_server.placing import Placed, place_by_itself, placed, placing_of
from hq_server.proving import Proven, proven
from hq_server.receipt_facts import facts_of, receipt_rules
from hq_server.receipt_keys import Filed
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Place, business_day, date_of
from loyalty_core.errors import BadInput
from loyalty_core.events import ClockStepped, Event, EventId
from loyalty_core.journal import Record
from loyalty_core.receipts import fold_receipt
from loyalty_core.units import Day, EpochMs

CLOCK_OFF: Final = "clock_off"
"""The exception of a terminal whose wall clock is wrong now."""
PLACED_AT_ONCE_MAX: Final = 2000
"""The most events of one request that are placed; the others wait for a person."""
TILLS_MIN: Final = 3
"""So many tills tell whether headquarters' own clock is wrong; of fewer it is believed."""


class _Off(msgspec.Struct, frozen=True):
    """An event that counts on a day which a wrong clock gave it, and may be of another one."""

    found: Recorded
    filed: Filed


def note_clocks(
    tx: Transaction,
    house: House,
    terminal: Terminal,
    kept: Sequence[Kept],
    now_ms: EpochMs,
    *,
    carried: bool,
    tolerance_ms: int,
) -> None:
    """Keep what kept runs say of the till's clocks, and report a clock that is wrong and what it dated.

    What is proven to be of another day is placed there. A clock may be `tolerance_ms` off. `carried` if the
    runs were made some time ago and brought: then `now_ms` only says that they are no later.
    """
    keep_readings(tx, terminal, kept, now_ms, carried=carried)
    place = place_of(tx, terminal)
    found = [one for run in kept for one in _dated_by_wrong(tx, terminal, place, run, now_ms, tolerance_ms)]
    _report_clock(tx, terminal, kept[-1], now_ms, carried=carried, tolerance_ms=tolerance_ms)
    waits = ""
    if carried:
        waits = "it came on a stick, which does not tell when it was made"
    elif found and _stands_alone(tx, tolerance_ms):
        waits = "most tills' clocks differ from headquarters' own, which may be the wrong one"
    _judge(tx, house, terminal, place, found, now_ms, waits)


def note_clocks_again(
    tx: Transaction, house: House, terminal: Terminal, run: Kept, came_ms: EpochMs, tolerance_ms: int
) -> None:
    """Keep what a run says of the till's clocks, of which more can be read now than when it came.

    What a wrong clock dated is told, and placed by people: when it came too little was known.
    """
    keep_marks_again(tx, terminal, run)
    place = place_of(tx, terminal)
    found = list(_dated_by_wrong(tx, terminal, place, run, came_ms, tolerance_ms))
    waits = "a record that came with it could not be read then"
    _judge(tx, house, terminal, place, found, came_ms, waits)


def _stands_alone(tx: Transaction, tolerance_ms: int) -> bool:
    """Tell whether most tills show another time than headquarters: then it may be its own that is wrong."""
    read, off = tx.one("arrivals.clocks_read", tolerance_ms=tolerance_ms) or (0, 0)
    return bool(read >= TILLS_MIN and 2 * off > read)


def _report_clock(
    tx: Transaction, terminal: Terminal, run: Kept, now_ms: EpochMs, *, carried: bool, tolerance_ms: int
) -> None:
    """Keep by how much the wall clock is ahead; open an exception while that is too much."""
    named = {"store_id": terminal.store_id, "terminal_id": terminal.terminal_id}
    read = run.clock
    row = tx.one("arrivals.boot", boot_id=read.boot_id, **named)
    ahead_ms = read.wall_ms - (row[0] + read.monotonic_ms if row else now_ms)
    if carried and ahead_ms <= tolerance_ms:
        return  # how long it was on its way is not known
    tx.run("arrivals.clock_was_read", clock_ahead_ms=ahead_ms, **named)
    if abs(ahead_ms) <= tolerance_ms:
        close_arrivals(tx, [(terminal.store_id, CLOCK_OFF, terminal.terminal_id)], now_ms)
        return
    sentence = (
        f"the clock of {terminal.terminal_id} is {span_text(abs(ahead_ms))} "
        f"{'ahead of' if ahead_ms > 0 else 'behind'} headquarters': set it"
    )
    found = ArrivalException(terminal.store_id, CLOCK_OFF, terminal.terminal_id, sentence)
    restate_arrivals(tx, [found], now_ms)


def _dated_by_wrong(
    tx: Transaction,
    terminal: Terminal,
    place: Place,
    run: Kept,
    now_ms: EpochMs,
    tolerance_ms: int,
) -> Iterator[_Off]:
    """Yield the events of a run that a wrong clock put on a day which is not surely theirs.

    Nothing is looked at in a stretch whose clock was right.
    """
    ends, marks, starts = run.first_seq + len(run.says), marks_in(run), stretches_of(run)
    for first, following in zip(starts, [*starts[1:], ends], strict=True):
        stretch = stretch_of(tx, terminal.store_id, id_in(terminal, run, first))
        if stretch is None or not stretch.may_be_wrong(tolerance_ms):
            continue
        for seq in range(first, following):
            says = run.says[seq - run.first_seq]
            if not isinstance(says, Record):
                continue
            known = stretch.when(says.monotonic_ms, now_ms)
            if run.clock.boot_id != stretch.boot_id:
                known = msgspec.structs.replace(known, boot_id="")
            if not known.stamped_wrongly(says.event.occurred_at_ms, tolerance_ms):
                continue
            event_id = id_in(terminal, run, seq)
            filed = (
                None if _may_be_right(known, says.event, place) else _filed(tx, terminal.store_id, event_id)
            )
            if filed is not None:
                steps = [
                    one.event.step_ms for at, one in marks if at > seq and isinstance(one.event, ClockStepped)
                ]
                yield _Off(_recorded(terminal, run, event_id, says, known, filed, steps, now_ms), filed)


def _recorded(
    terminal: Terminal,
    run: Kept,
    event_id: EventId,
    record: Record,
    known: When,
    filed: Filed,
    steps_ms: Sequence[int],
    now_ms: EpochMs,
) -> Recorded:
    evidence = evidence_of(
        event_id,
        record,
        known,
        sent_at_ms=run.clock.wall_ms,
        received_at_ms=now_ms,
        steps_ms=steps_ms,
    )
    return Recorded(
        id=event_id,
        store_id=terminal.store_id,
        data=run.records[event_id.seq - run.first_seq],
        record=record,
        filed=filed,
        known=known,
        evidence=evidence,
    )


def _judge(
    tx: Transaction,
    house: House,
    terminal: Terminal,
    place: Place,
    found: Sequence[_Off],
    now_ms: EpochMs,
    waits: str,
) -> None:
    """Place each event that is proven to be of another day, and open an exception for all of them.

    `waits` is why none is placed, '' where they may be.
    """
    today = business_day(now_ms, place)
    placings: list[tuple[EventId, Placed, str]] = []
    exceptions: list[ArrivalException] = []
    for one in _that_count(tx, house, found):
        event_id, record, known = one.found.id, one.found.record, one.found.known
        says: Proven | str = waits
        if len(placings) == PLACED_AT_ONCE_MAX:
            says = f"more than {PLACED_AT_ONCE_MAX} such events came at once"
        elif not waits:
            says = proven(known, record, place, met_before(tx, terminal, event_id), now_ms)
        if isinstance(says, Proven):
            try:
                detail = placed(tx, house, one.found, says.day, says.at_ms, now_ms)
            except BadInput as error:
                says = str(error)
            else:
                reason = f"the till's clock was {_off_text(known)}"
                placings.append((event_id, detail, reason))
        # What is dated ahead of the day on which it came, and stays there, is told as that.
        if isinstance(says, Proven) or record.event.business_day <= today + 1:
            sentence = _sentence(one.found, says, place)
            exceptions.append(
                ArrivalException(
                    one.filed.store_id, DATED_WRONG, str(event_id), sentence, one.filed.receipt_key
                )
            )
    if placings:
        place_by_itself(tx, house, placings, now_ms)
    open_arrivals(tx, exceptions, now_ms)


def _that_count(tx: Transaction, house: House, found: Sequence[_Off]) -> Iterator[_Off]:
    """Yield the events that were neither undone by a void nor placed before."""
    stores = {one.filed.store_id for one in found}
    rules = receipt_rules(tx, house, stores) if stores else {}
    for one in found:
        store_id, key = one.filed.store_id, one.filed.receipt_key
        facts = facts_of(tx, store_id, [key]).get(key, [])
        if is_undone(fold_receipt(facts, rules[store_id]), str(one.found.id)):
            continue
        if placing_of(tx, one.found.id) is None:
            yield one


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


def _may_be_right(known: When, event: Event, place: Place) -> bool:
    """Tell whether an event may have been recorded on the day that it is dated."""
    at_ms = known.corrected_ms(event.occurred_at_ms)
    if at_ms is not None:
        return business_day(EpochMs(at_ms), place) == event.business_day
    last = business_day(EpochMs(known.latest_ms), place)
    first = None if known.earliest_ms is None else business_day(EpochMs(known.earliest_ms), place)
    return event.business_day <= last and (first is None or first <= event.business_day)


def _sentence(found: Recorded, says: Proven | str, place: Place) -> str:
    """Say what became of an event that a wrong clock dated: on which day it was put, or why on none."""
    till, event, known = found.id.terminal_id, found.record.event, found.known
    dated = f"it is dated {date_of(Day(event.business_day))} by a clock that was {_off_text(known)}"
    if isinstance(says, Proven):
        return (
            f"{dated}, and headquarters put it on {date_of(says.day)}: agree with hq-server event place-all "
            f"{till}, or put it back with hq-server event unplace {found.id}"
        )
    at_ms = known.corrected_ms(event.occurred_at_ms)
    if at_ms is not None:
        day = date_of(business_day(EpochMs(at_ms), place))
        return (
            f"{dated}, and seems to be of {day}; headquarters does not put it there by itself: {says}. Put "
            f"all such events on their days with hq-server event place-all {till}"
        )
    between = recorded_between(known, place)
    because = "" if says == between else f" ({says})"
    return (
        f"{dated} or more, and {between.removeprefix('it ')}{because}: find out when, and put it on its day "
        f"with hq-server event place {found.id}"
    )


def _off_text(known: When) -> str:
    ahead_ms = known.ahead_ms or 0
    return f"{span_text(abs(ahead_ms))} {'ahead' if ahead_ms > 0 else 'behind'}"
