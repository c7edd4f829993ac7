"""What events say of their member, as their tills wrote it: by that a till told its members apart then."""

from __future__ import annotations

import msgspec

from hq_server.accept import Terminal, keys_of
from hq_server.archive.seeing import key_of, names_at
from hq_server.store.connection import Transaction
from loyalty_core.envelope import open_sealed
from loyalty_core.errors import BadWire
from loyalty_core.events import EventId
from loyalty_core.journal import unpack_record
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.wire import unpack


class Names:
    """Names of members by event; each is read once, and only if it is asked for."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._found: dict[EventId, str | None] = {}

    def of(self, event: EventId) -> str | None:
        """Return the member that an event names, in the till's form; None where it names nobody."""
        if event not in self._found:
            self._read(event)
        return self._found[event]

    def _read(self, event: EventId) -> None:
        """Read an event; what no receipt keeps the bytes of is read with all of its batch."""
        self._found[event] = None
        for store_id, *_ in self._tx.all("arrivals.terminals_named", terminal_id=event.terminal_id):
            place = {"store_id": store_id, **msgspec.structs.asdict(event)}
            row = self._tx.one("arrivals.record", **place)
            if row is not None and row[0] is not None:
                self._found[event] = unpack_record(row[0]).event.member
            elif row is not None:
                self._read_batch(Terminal(store_id, event.terminal_id, "", "", b"", event.epoch), event)

    def _read_batch(self, terminal: Terminal, event: EventId) -> None:
        place = {"store_id": terminal.store_id, **msgspec.structs.asdict(event)}
        (envelope, _, first_seq), *_ = self._tx.all("arrivals.batch_of", **place)
        if not envelope:
            for seq, member in names_at(self._tx, key_of(place, first_seq)).items():
                self._found[msgspec.structs.replace(event, seq=seq)] = member
            return
        batch = unpack(open_sealed(envelope, "dangol/batch/1", keys_of(self._tx, terminal)), Batch)
        for seq, data in enumerate(unpack_records(batch.packed), start=batch.first_seq):
            try:
                named = unpack_record(data).event.member
            except BadWire:
                continue
            self._found.setdefault(msgspec.structs.replace(event, seq=seq), named)
            if seq == event.seq:
                self._found[event] = named
