"""What needs a batch that is in an archive: said clearly where it is not at hand, given where it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

import msgspec

from hq_server.store.connection import Row, Transaction
from hq_server.store.sqlite.archives import Archive, Key
from hq_server.store.transaction import Value, Values
from loyalty_core.errors import LoyaltyError

_ENVELOPES: Final = {"arrivals.batches": (0, 3), "arrivals.batch_of": (2, 0), "arrivals.batches_over": (1, 0)}
"""Statements whose rows have an envelope: where in the row the first seq is, and where the envelope."""
_JOURNAL: Final = ("store_id", "terminal_id", "epoch", "branch")


class BatchArchived(LoyaltyError):
    """A batch is needed that is in a file of the archive."""

    code = "batch_archived"


def key_of(named: Mapping[str, Value], first_seq: int) -> Key:
    """Return the key of a batch whose journal the parameters of a statement name."""
    return msgspec.convert({**{name: named[name] for name in _JOURNAL}, "first_seq": first_seq}, Key)


def envelope_at(tx: Transaction, key: Key, envelope: bytes) -> bytes:
    """Return the bytes of a kept batch as its row has them.

    Raises:
        BatchArchived: they are in a file.
    """
    if envelope:
        return envelope
    row = tx.one("arrivals.archived", **msgspec.structs.asdict(key))
    raise BatchArchived(
        f"the batch of {key.terminal_id} from record {key.epoch}.{key.first_seq} on is in the archive "
        f"({row[0] if row else 'nobody knows where'}): hq-server archive DIR --bring-back {key.terminal_id}"
    )


def names_at(tx: Transaction, key: Key) -> dict[int, str]:
    """Return whom the records of an archived batch name, by seq, as far as no receipt keeps their bytes."""
    row = tx.one("arrivals.archived", **msgspec.structs.asdict(key))
    return {} if row is None else msgspec.json.decode(row[2], type=dict[int, str])


class WithArchive(Transaction):
    """A transaction that sees archived batches as if they were here."""

    __slots__ = ("_archive", "_tx")

    def __init__(self, tx: Transaction, archive: Archive) -> None:
        self._tx, self._archive = tx, archive

    def one(self, statement: str, **parameters: Value) -> Row | None:
        """Return the first row, or None."""
        return self._tx.one(statement, **parameters)

    def all(self, statement: str, **parameters: Value) -> list[Row]:
        """Return all rows."""
        rows = self._tx.all(statement, **parameters)
        return [self._filled(statement, row, parameters) for row in rows] if statement in _ENVELOPES else rows

    def each(self, statement: str, **parameters: Value) -> Iterator[Row]:
        """Return the rows one by one."""
        for row in self._tx.each(statement, **parameters):
            yield self._filled(statement, row, parameters) if statement in _ENVELOPES else row

    def run(self, statement: str, **parameters: Value) -> int:
        """Write, and return how many rows it touched."""
        return self._tx.run(statement, **parameters)

    def many(self, statement: str, rows: Collection[Values]) -> None:
        """Write once for each of the rows."""
        self._tx.many(statement, rows)

    def triggers_made(self) -> list[Row]:
        """Return what `house.triggers` would tell of a new database of this release."""
        return self._tx.triggers_made()

    def _filled(self, statement: str, row: Row, parameters: dict[str, Value]) -> Row:
        first_at, envelope_place = _ENVELOPES[statement]
        if row[envelope_place]:
            return row
        key = key_of(parameters, row[first_at])
        found = self._tx.one("arrivals.archived", **msgspec.structs.asdict(key))
        if found is None:
            return row
        envelope = self._archive.envelope(found[0], key, found[1])
        return (*row[:envelope_place], envelope, *row[envelope_place + 1 :])
