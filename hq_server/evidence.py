"""One event as its till wrote it, and what headquarters holds about the clock that it was written by.

Read from the signed batch, which has every record, also those that are filed under no receipt. Reads only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from hq_server.accept import Terminal, keys_of
from hq_server.archive.seeing import envelope_at, key_of
from hq_server.clocks import When, when
from hq_server.fleet_view import at_text
from hq_server.receipt_keys import Filed
from hq_server.store.connection import Transaction
from loyalty_core.calendar import date_of
from loyalty_core.envelope import open_sealed
from loyalty_core.errors import BadInput, BadWire
from loyalty_core.events import EVENT_NAMES, ClockStepped, EventId
from loyalty_core.journal import Record, unpack_record
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.units import Day, EpochMs, Seq
from loyalty_core.wire import unpack

_EVENT: Final = re.compile(r"([A-Za-z0-9_-]{1,32})\.([0-9]{1,15})(?:\.b([0-9]{1,9}))?\.([0-9]{1,15})")


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event, the bytes of its record, and where it is filed; None where it is under no receipt."""

    id: EventId
    store_id: str
    data: bytes
    record: Record
    filed: Filed | None
    known: When
    evidence: Evidence


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of when an event happened.

    `likely_at` is when it was recorded by HQ's clock, as the till's monotonic clock says; None where no batch
    came over the line from that boot of the till. Then it was not before `earliest_at`, where that is known,
    and not after `latest_at`. `clock_ahead_ms` says by how much its clock was ahead then, at least; below
    0 it was behind.
    """

    event: str
    kind: str
    business_date: str
    occurred_at: str
    received_at: str
    sent_at: str
    likely_at: str | None
    earliest_at: str | None
    latest_at: str
    clock_ahead_ms: int | None
    clock_steps_ms: tuple[int, ...]


def event_named(text: str) -> EventId:
    """Return the event of a text such as S012-T01.1.42.

    Raises:
        BadInput: `event_malformed`.
    """
    found = _EVENT.fullmatch(text.strip())
    if found is None:
        raise BadInput(
            "an event is named like S012-T01.1.42: terminal, epoch, number", code="event_malformed"
        )
    return EventId(found[1], int(found[2]), int(found[3] or 0), Seq(int(found[4])))


def recorded(tx: Transaction, event_id: EventId) -> Recorded:
    """Return an event with its evidence.

    Raises:
        BadInput: `event_not_found`; `event_set_aside`: it is kept but not believed.
        BatchArchived: its batch is in the archive.
    """
    for store_id, *_ in tx.all("arrivals.terminals_named", terminal_id=event_id.terminal_id):
        place = {"store_id": store_id, **msgspec.structs.asdict(event_id)}
        row = tx.one("arrivals.event", **place)
        if row is not None:
            return _recorded(tx, store_id, event_id, *row)
    raise BadInput(f"there is no event {event_id}", code="event_not_found")


def _recorded(
    tx: Transaction, store_id: str, event_id: EventId, state: str, receipt_key: str | None
) -> Recorded:
    if state != "taken":
        raise BadInput(f"event {event_id} was set aside: it counts nowhere", code="event_set_aside")
    terminal = Terminal(store_id, event_id.terminal_id, "", "", b"", event_id.epoch)
    batch, records, received_at_ms = _batch(tx, terminal, event_id)
    record = unpack_record(records[0])
    known = when(tx, store_id, event_id, record.monotonic_ms, received_at_ms)
    if receipt_key is not None:
        filed: Filed | None = Filed(store_id, receipt_key)
    else:
        elsewhere = tx.one("arrivals.filed_elsewhere", **msgspec.structs.asdict(event_id))
        filed = None if elsewhere is None else Filed(*elsewhere)
    after = [each.event for each in map(_readable, records[1:]) if each is not None]
    return Recorded(
        id=event_id,
        store_id=store_id,
        data=records[0],
        record=record,
        filed=filed,
        known=known,
        evidence=evidence_of(
            event_id,
            record,
            known,
            sent_at_ms=batch.clock.wall_ms,
            received_at_ms=received_at_ms,
            steps_ms=[event.step_ms for event in after if isinstance(event, ClockStepped)],
        ),
    )


def _batch(
    tx: Transaction, terminal: Terminal, event_id: EventId
) -> tuple[Batch, tuple[bytes, ...], EpochMs]:
    """Return the batch that holds an event, its records from the event's on, and when it was received."""
    place = {"store_id": terminal.store_id, **msgspec.structs.asdict(event_id)}
    (envelope, received_at_ms, first_seq), *_ = tx.all("arrivals.batch_of", **place)
    envelope = envelope_at(tx, key_of(place, first_seq), envelope)
    batch = unpack(open_sealed(envelope, "dangol/batch/1", keys_of(tx, terminal)), Batch)
    return batch, unpack_records(batch.packed)[event_id.seq - batch.first_seq :], EpochMs(received_at_ms)


def evidence_of(
    event_id: EventId,
    record: Record,
    known: When,
    *,
    sent_at_ms: int,
    received_at_ms: EpochMs,
    steps_ms: Iterable[int],
) -> Evidence:
    """Return what is known of when an event happened, as people and decisions are told it.

    `sent_at_ms` is what the till's clock showed when it sent it, `steps_ms` how it was moved in between.
    """
    return Evidence(
        event=str(event_id),
        kind=EVENT_NAMES[type(record.event)],
        business_date=date_of(Day(record.event.business_day)).isoformat(),
        occurred_at=at_text(record.event.occurred_at_ms),
        received_at=at_text(received_at_ms),
        sent_at=at_text(sent_at_ms),
        likely_at=None if known.likely_ms is None else at_text(known.likely_ms),
        earliest_at=None if known.earliest_ms is None else at_text(known.earliest_ms),
        latest_at=at_text(known.latest_ms),
        clock_ahead_ms=known.ahead_ms,
        clock_steps_ms=tuple(steps_ms),
    )


def _readable(data: bytes) -> Record | None:
    try:
        return unpack_record(data)
    except BadWire:
        return None
