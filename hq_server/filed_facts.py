"""Facts that headquarters decides: where each is filed, as which event, and that what it moves is posted."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hq_server import deliver
from hq_server.house import House
from hq_server.receipt_facts import fact_of
from hq_server.receipt_keys import Filed
from hq_server.spread import decide
from hq_server.store.connection import Transaction
from loyalty_core.events import HQ, Event, EventId
from loyalty_core.journal import Record, pack_record
from loyalty_core.units import EpochMs, Seq


class FiledFact(msgspec.Struct, frozen=True):
    """The fact that a decision is: where it is filed, and its bytes."""

    filed: Filed
    id: EventId
    data: bytes


def take(tx: Transaction, house: House, facts: Iterable[FiledFact], now_ms: EpochMs) -> None:
    """File facts and post what they move."""
    filed = [
        (one.filed, fact_of(tx, (*msgspec.structs.astuple(one.id), one.data, 1)), one.data) for one in facts
    ]
    spread = decide(tx, house, filed, now_ms)
    deliver.deliver(tx, house, None, spread, now_ms)
    deliver.dispute(tx, house, spread, now_ms)


def own_id(number: int) -> EventId:
    """Return the event that a decision of this number is."""
    return EventId(HQ, 1, 0, Seq(number))


def record_of(event: Event) -> Record:
    """Return a decision's event as a record."""
    return Record(event=event, adapter="hq", monotonic_ms=0)


def packed(event: Event) -> bytes:
    """Return the bytes of a decision's event."""
    return pack_record(record_of(event))
