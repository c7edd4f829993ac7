"""Records that could not be read when they came: taken once a release can read them.

A server looks through them when it starts. What can be read takes its effect as if it had come just now, with
the row and facts that the audit derives from the same bytes; then so does the void of a visit that was among
them. All else stays set aside, also a record on which this release fails, and people are told. Each step is
bounded, may be cut off anywhere, and does nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

import msgspec

from hq_server import deliver
from hq_server.accept import Terminal
from hq_server.arrivals import Arrivals
from hq_server.clock_reports import note_clocks_again
from hq_server.closings import count_again
from hq_server.day_figures import said_of
from hq_server.enrolments import take_enrolments
from hq_server.evidence import event_named
from hq_server.exceptions import ArrivalException, close_arrivals, current_of, restate_arrivals
from hq_server.house import load_house
from hq_server.keeping import Kept
from hq_server.spread import spread_again
from hq_server.store.connection import Row, Transaction
from loyalty_core.envelope import peek
from loyalty_core.events import EventId
from loyalty_core.journal import Record
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.units import EpochMs
from loyalty_core.wire import unpack

LOOKED_AT_ONCE: Final = 100
"""Records that one transaction looks at, while tills wait: for each a long day may be derived again."""
UNREADABLE: Final = "record_unreadable"
"""The exception of a record that could not be read, or on which a release failed."""
_KINDS: Final = (UNREADABLE, "original_missing")
"""What may have become of a record, in the order in which they are looked at: voids after what they undo."""


class Looked(msgspec.Struct, frozen=True):
    """How far the records are looked through that were set aside until an instant; `kind` None at the end.

    `singly` once one of them made this release fail: then the others are not held up by it.
    """

    until_ms: EpochMs
    kind: str | None = UNREADABLE
    after: tuple[int, str, str] = (-1, "", "")
    singly: bool = False


class _Found(msgspec.Struct, frozen=True):
    """A record that can be taken now, the kept run that it came with, and what it was set aside as."""

    terminal: Terminal
    event_id: EventId
    kind: str
    run: Kept
    received_at_ms: EpochMs

    @property
    def record(self) -> bytes:
        """Its bytes."""
        return self.run.records[self.event_id.seq - self.run.first_seq]

    @property
    def says(self) -> Record:
        """What they say."""
        says = self.run.says[self.event_id.seq - self.run.first_seq]
        if not isinstance(says, Record):
            raise TypeError(f"{self.event_id} cannot be read")
        return says


def look(tx: Transaction, looked: Looked, now_ms: EpochMs) -> tuple[Looked, bool]:
    """Look at the next records; returns how far that is, and whether any of them can be taken."""
    further, found = _look(tx, looked, now_ms)
    return further, any(True for _ in found)


def take(tx: Transaction, looked: Looked, now_ms: EpochMs, tolerance_ms: int) -> int:
    """Take those of the next records that can be taken, and return how many those are.

    A till's clock may be `tolerance_ms` off.
    """
    house = load_house(tx)
    _, found = _look(tx, looked, now_ms)
    taken = 0
    for _, of_run in groupby(
        found, lambda one: (one.terminal.store_id, one.terminal.terminal_id, one.run.last)
    ):
        together = list(of_run)
        first, taken = together[0], taken + len(together)
        terminal, run, came_ms = first.terminal, first.run, first.received_at_ms
        close_arrivals(tx, [(terminal.store_id, one.kind, str(one.event_id)) for one in together], now_ms)
        records = [(one.event_id, one.record, one.says) for one in together]
        spreading = spread_again(tx, house, terminal, records, came_ms, now_ms)
        deliver.deliver(tx, house, terminal, spreading, now_ms)
        deliver.dispute(tx, house, spreading, now_ms)
        take_enrolments(tx, house, terminal, spreading.enrolled, (), now_ms)
        if first.kind == UNREADABLE:
            numbered = [(int(event_id.seq), says) for event_id, _, says in records]
            count_again(tx, terminal, run.epoch, run.branch, numbered, came_ms, now_ms)
            note_clocks_again(tx, house, terminal, run, came_ms, tolerance_ms)
    return taken


def pass_over(tx: Transaction, looked: Looked, error: str, now_ms: EpochMs) -> Looked:
    """Leave the next record set aside, on which this release fails so; returns how far that is."""
    further, rows = _next(tx, looked, now_ms)
    failed = [
        ArrivalException(store_id, kind, subject, failing(error)) for store_id, kind, subject, *_ in rows
    ]
    restate_arrivals(tx, failed, now_ms)
    return further


def failing(error: str) -> str:
    """Return what is said of a record on which this release fails with an error of this kind."""
    return f"headquarters fails on it ({error}) and counts nothing of it: tell who makes this release"


def waits(tx: Transaction, store_id: str, event_id: EventId) -> bool:
    """Tell whether a record that was set aside is still to be looked at."""
    return bool(current_of(tx, [(store_id, kind, str(event_id)) for kind in _KINDS]))


def _look(tx: Transaction, looked: Looked, now_ms: EpochMs) -> tuple[Looked, Iterator[_Found]]:
    """Return how far the next look goes, and those of its records that can be taken."""
    further, rows = _next(tx, looked, now_ms)
    # What a receipt's fold tells is of events that are taken already.
    named = [(row[0], row[1], event_named(row[2])) for row in rows if row[3] is None]
    return further, _takable(tx, named)


def _next(tx: Transaction, looked: Looked, now_ms: EpochMs) -> tuple[Looked, list[Row]]:
    """Return how far the next look goes, and the exceptions that it is about."""
    if looked.kind is None:
        return looked, []
    after_ms, after_store_id, after_subject = looked.after
    most = 1 if looked.singly else LOOKED_AT_ONCE
    rows = tx.all(
        "arrivals.current_exceptions",
        kind=looked.kind,
        state="",
        cause="",
        until_ms=looked.until_ms,
        after_ms=after_ms,
        after_store_id=after_store_id,
        after_kind=looked.kind,
        after_subject=after_subject,
        count=most,
    )
    if len(rows) == most:
        store_id, _, subject, _, _, opened_at_ms, *_ = rows[-1]
        return msgspec.structs.replace(looked, after=(opened_at_ms, store_id, subject)), rows
    following = _KINDS.index(looked.kind) + 1
    return Looked(now_ms, _KINDS[following] if following < len(_KINDS) else None), rows


def _takable(tx: Transaction, named: Iterable[tuple[str, str, EventId]]) -> Iterator[_Found]:
    """Yield the records whose bytes say something else by now than that they are set aside so."""
    opened: tuple[bytes, Kept] | None = None
    for store_id, kind, event_id in sorted(named):
        terminal = Terminal(store_id, event_id.terminal_id, "", "", b"", event_id.epoch)
        place = {"store_id": store_id, **msgspec.structs.asdict(event_id)}
        row = tx.one("arrivals.event", **place)
        (envelope, received_at_ms, first_seq), *_ = tx.all("arrivals.batch_of", **place)
        if opened is None or opened[0] != envelope:
            opened = envelope, _run(event_id, envelope, first_seq)
        run = opened[1]
        at = event_id.seq - first_seq
        arrived = Arrivals(tx, terminal)
        arrived.take(event_id, run.records[at], run.says[at])
        if row is not None and arrived.events[0][7] not in ("unreadable", row[0]):
            yield _Found(terminal, event_id, kind, run, EpochMs(received_at_ms))


def _run(event_id: EventId, envelope: bytes, first_seq: int) -> Kept:
    """Return what was kept of a batch, as it can be read now."""
    batch = unpack(peek(envelope, "dangol/batch/1")[1], Batch)
    records = unpack_records(batch.packed)[first_seq - batch.first_seq :]
    return Kept(
        epoch=event_id.epoch,
        branch=event_id.branch,
        first_seq=first_seq,
        records=records,
        says=[said_of(record) for record in records],
        hash=b"",
        branched=False,
        clock=batch.clock,
    )
