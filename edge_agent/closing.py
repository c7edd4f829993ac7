"""`day_closed`: the control totals of each business day, written two hours into the next one.

Every record is read once, after it was written, and added to its day's figures: a sale pays nothing for it.
A closed day to which late receipts have come is told again at the next look; the last word stands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from edge_agent.believing import known_day
from edge_agent.books import Books
from edge_agent.clock import PLAUSIBLE_FROM
from edge_agent.recorder import Recorder
from edge_agent.store import closings, journal
from edge_agent.store.closings import State
from edge_agent.store.database import Connection
from edge_agent.store.writer import Writer
from loyalty_core.calendar import Place, business_day
from loyalty_core.control import count_records
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import Booted, DayClosed
from loyalty_core.journal import Record, unpack_record
from loyalty_core.units import Day, EpochMs, Minute

AFTER_MINUTES: Final = 120
"""How long into the next business day a day is closed."""
LOOK_SECONDS: Final = 60
RECORDS_AT_ONCE: Final = 500
"""Records counted in one job of the writer: few enough that a sale need not wait."""
DAYS_AT_ONCE: Final = 32

log = logging.getLogger(__name__)


class Closing:
    """Closes days for as long as the agent runs; `recorded` is told when there is something to send."""

    def __init__(self, writer: Writer, recorder: Recorder, recorded: Callable[[], None]) -> None:
        self._writer = writer
        self._recorder = recorder
        self._recorded = recorded

    async def run(self) -> None:
        """Look every minute until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Count what is new and close what is due, a bounded job after the other."""
        while True:
            step = await self._writer.do(lambda conn: close_some(conn, self._recorder), urgent=False)
            if step.days:
                log.info("days_closed", extra={"count": len(step.days)})
                self._recorded()
            if not step.more:
                return


class Step(msgspec.Struct, frozen=True):
    """What one job did: the days it closed, and whether there is more to do."""

    days: tuple[Day, ...]
    more: bool


def close_some(conn: Connection, recorder: Recorder) -> Step:
    """Count some records, or close some days once all are counted. Durable with the caller's transaction."""
    books = recorder.books(conn)
    epoch = books.terminal.epoch
    state, _ = count_run(conn, epoch, closings.state(conn, epoch))
    closings.put_state(conn, epoch, state)
    books.known_day = known_day(state, books.hq_time_ms, books.terminal.place)
    days: list[Day] = []
    counted = state.counted == books.head.seq
    now_ms = recorder.expectations(books).now_ms
    if counted and now_ms is not None:
        state, days = _due(conn, books, state, now_ms)
        for day in days:
            held = closings.of_day(conn, epoch, day)
            event = DayClosed(None, now_ms, day, held.first_seq, held.last_seq, held.totals)
            recorder.append(conn, books, event)
        closings.were_told(conn, epoch, days)
        closings.put_state(conn, epoch, state)
    return Step(tuple(days), not counted or len(days) == DAYS_AT_ONCE)


def last_due(now_ms: EpochMs, place: Place) -> Day:
    """Return the last business day that is to be closed by now, read off the wall clock of the place."""
    minute = place.starts + AFTER_MINUTES
    day = business_day(now_ms, Place(place.zone, Minute(minute % 1440)))
    return Day(day - 1 - minute // 1440)


def count_run(conn: Connection, epoch: int, state: State) -> tuple[State, bool]:
    """Add the next records to their days; return how far it is counted now, and whether there were any.

    What cannot be read is not counted, and HQ will miss it.
    """
    first_day = state.first_day
    packed = journal.run_from(conn, epoch, state.counted + 1, RECORDS_AT_ONCE)
    read: list[tuple[int, Record]] = []
    for seq, data in enumerate(packed, start=state.counted + 1):
        with suppress(LoyaltyError):
            read.append((seq, unpack_record(data)))
    if first_day is None:
        first_day = next((day for _, record in read if (day := _began(record)) is not None), None)
    closings.add(conn, epoch, count_records(read))
    return State(state.counted + len(packed), first_day, state.last_day), bool(packed)


def _began(record: Record) -> int | None:
    """Return the business day on which the agent first ran with a clock that is believed."""
    event = record.event
    return (
        event.business_day if isinstance(event, Booted) and event.occurred_at_ms >= PLAUSIBLE_FROM else None
    )


def _due(conn: Connection, books: Books, state: State, now_ms: EpochMs) -> tuple[State, list[Day]]:
    """Return up to `DAYS_AT_ONCE` days to close now, and how it stands when they are.

    Days that a clock ahead of its time has closed are closed again when they are over.
    """
    if state.first_day is None:
        return state, []
    place = books.terminal.place
    due = last_due(now_ms, place)
    first = min(state.first_day, business_day(now_ms, place))
    last = min(first - 1 if state.last_day is None else state.last_day, due)
    new = [Day(day) for day in range(max(first, last + 1), due + 1)[:DAYS_AT_ONCE]]
    late = closings.changed_between(conn, books.terminal.epoch, first, last, DAYS_AT_ONCE - len(new))
    closed = new[-1] if new else (None if state.last_day is None else last)
    return State(state.counted, first, closed), [*new, *late]
