"""Which records headquarters held when it told a till of members: all others the till counts itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hq_server.store.sqlite.connection import Connection
from loyalty_core.envelope import peek
from loyalty_core.journal import chain
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.wire import unpack


class HeldThen(NamedTuple):
    """What was held at one moment: of all records by their order, the `first` so many."""

    kept: Mapping[bytes, int]
    first: int

    def has(self, digest: bytes) -> bool:
        """Tell whether the record with this hash was among them."""
        return self.kept.get(digest, self.first) < self.first


class Held:
    """The records that one life of headquarters holds, by hash and in the order in which it kept them."""

    def __init__(self) -> None:
        self._kept: dict[bytes, int] = {}
        self._batches: set[tuple[str, int, int, int]] = set()

    def now(self, line: Connection) -> HeldThen:
        """Return what is held at this moment."""
        places = line.execute("SELECT terminal_id, epoch, branch, first_seq FROM batches").fetchall()
        for place in places:
            if place not in self._batches:
                self._batches.add(place)
                self._take(line, place)
        return HeldThen(self._kept, len(self._kept))

    def _take(self, line: Connection, place: tuple[str, int, int, int]) -> None:
        (envelope,) = line.execute(
            "SELECT envelope FROM batches WHERE (terminal_id, epoch, branch, first_seq) = (?, ?, ?, ?)", place
        ).fetchone()
        batch = unpack(peek(envelope, "dangol/batch/1")[1], Batch)
        hashes = enumerate(chain(batch.before, unpack_records(batch.packed)), start=batch.first_seq)
        for seq, digest in hashes:
            if seq >= place[-1]:
                self._kept.setdefault(digest, len(self._kept))
