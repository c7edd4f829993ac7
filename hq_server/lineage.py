"""The journals of a terminal as HQ holds them: their branches, and where a till's record lies among them.

A till whose disk was copied, or set back, writes one journal in two versions. What they share is held once,
by the branch that came first; each other branch holds what follows the record where it left. By its hash
every record lies in one place, and all before it follow from that. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from hq_server.archive.seeing import envelope_at, key_of
from hq_server.store.connection import Row, Transaction, Value
from loyalty_core.envelope import peek
from loyalty_core.journal import Verdict, chain, first_hash, place_run
from loyalty_core.lineage import Segment
from loyalty_core.messages import BATCH_RECORDS_MAX, Batch, Ended, unpack_records
from loyalty_core.units import Seq
from loyalty_core.wire import unpack

HASH_BYTES: Final = 32


class Journal(msgspec.Struct, frozen=True):
    """One branch of an epoch: its last record, and the record that it follows, if it follows any."""

    epoch: int
    branch: int
    seq: int
    hash: bytes
    parent: Segment | None

    @property
    def from_seq(self) -> int:
        """The last record that it shares with the branch which it left, 0 where it begins anew."""
        return self.parent.end if self.parent is not None and self.parent.epoch == self.epoch else 0


class Fit(msgspec.Struct, frozen=True):
    """Where a run belongs: the branch that goes furthest with it, None without any, and how it goes on.

    next, known: as of that branch. fork: it leaves the branch at `verdict.seq`.
    """

    on: Journal | None
    verdict: Verdict


class Journals:
    """The journals of one terminal, read by epoch when they are asked for."""

    def __init__(self, tx: Transaction, store_id: str, terminal_id: str) -> None:
        self._tx = tx
        self.terminal_id = terminal_id
        self._named: dict[str, Value] = {"store_id": store_id, "terminal_id": terminal_id}
        self._epochs: dict[int, dict[int, Journal]] = {}

    def of(self, epoch: int) -> dict[int, Journal]:
        """Return the branches of an epoch by their number, in its order."""
        found = self._epochs.get(epoch)
        if found is None:
            rows = self._tx.all("arrivals.journals_of", **self._named, epoch=epoch)
            found = self._epochs[epoch] = {row[0]: _journal(epoch, row) for row in rows}
        return found

    def put(self, journal: Journal) -> None:
        """Note a journal that is new or has grown in this transaction."""
        self.of(journal.epoch)[journal.branch] = journal

    def at(self, epoch: int, seq: int, value: bytes) -> Segment | None:
        """Return where the record with this hash lies, None where it is not held; seq 0 is the beginning."""
        if seq == 0:
            return Segment(epoch, 0, 0) if value == first_hash(self.terminal_id, epoch) else None
        for one in self.of(epoch).values():
            if (one.seq, one.hash) == (seq, value):
                return Segment(epoch, one.branch, seq)
        for one in self.of(epoch).values():
            if one.from_seq < seq < one.seq and self._kept(one, seq, seq).get(seq) == value:
                return Segment(epoch, one.branch, seq)
        return None

    def fit(self, epoch: int, first: int, before: bytes, hashes: Sequence[bytes]) -> Fit | None:
        """Return where a run belongs, None where what it follows is not held."""
        start = self.at(epoch, first - 1, before)
        if start is None:
            return None
        branches = self.of(epoch)
        on = None if first == 1 else branches[start.branch]
        tried = self._leaving(epoch, None) if on is None else [on]
        seq, known = first, before
        while True:
            further = None
            for one in tried:
                verdict = self._going_on(one, seq, known, hashes[seq - first :])
                if verdict.kind != "fork":
                    return Fit(one, verdict)
                if one is on or verdict.seq > seq:
                    further = one, verdict.seq
                    break
            if further is None:
                return Fit(on, Verdict("fork" if branches else "next", Seq(seq)))
            on, seq = further
            known = before if seq == first else hashes[seq - first - 1]
            tried = self._leaving(epoch, Segment(epoch, on.branch, seq - 1))

    def resend_from(self, epoch: int, first: int) -> tuple[str, int]:
        """Return why a run that begins at `first` fits nowhere, `gap` or `fork`, and where to begin again.

        Of a till that has left a branch somewhere before, HQ asks for ever earlier records until it finds
        where.
        """
        top = max((one.seq for one in self.of(epoch).values()), default=0)
        return ("gap", top + 1) if first > top + 1 else ("fork", max(1, first - BATCH_RECORDS_MAX))

    def following(self, place: Segment) -> Journal | None:
        """Return a journal that goes on after a record, None where it is the last one of its till's."""
        if place.end == 0:
            found = self._leaving(place.epoch, None)
        elif (one := self.of(place.epoch)[place.branch]).seq > place.end:
            found = [one]
        else:
            parent: dict[str, Value] = {"parent_epoch": place.epoch, "parent_branch": place.branch}
            rows = self._tx.all("arrivals.journals_after", **self._named, **parent, parent_seq=place.end)
            found = [self.of(epoch)[branch] for epoch, branch in rows]
        return max(found, key=lambda one: (one.epoch, one.seq), default=None)

    def path(self, place: Segment) -> list[Segment]:
        """Return the segments of one epoch that lead to a record."""
        if place.end == 0:
            return []
        parent = self.of(place.epoch)[place.branch].parent
        before = self.path(parent) if parent is not None and parent.epoch == place.epoch else []
        return [*before, place]

    def lineage(self, place: Segment) -> list[Segment]:
        """Return the segments of all epochs that lead to a held record."""
        found: list[Segment] = []
        before: Segment | None = place
        while before is not None and (segments := self.path(before)):
            found = [*segments, *found]
            before = self.of(before.epoch)[segments[0].branch].parent
        return found

    def ended(self, older: Iterable[Ended], before: int) -> Segment | None:
        """Return where the newest of these ends lies that is held and of an epoch before this one."""
        earlier = sorted((one for one in older if one.epoch < before), key=lambda one: -one.epoch)
        places = (self.at(one.epoch, one.head, one.head_hash) for one in earlier)
        return next((place for place in places if place is not None), None)

    def batches(self, segment: Segment, first: int) -> Iterator[bytes]:
        """Yield the kept batches of a segment's branch that hold records from `first` to its end.

        Raises:
            BatchArchived: one of them is in the archive.
        """
        span = self._span(segment, first)
        for envelope, first_seq in self._tx.all("arrivals.batches_over", **span):
            yield envelope_at(self._tx, key_of(span, first_seq), envelope)

    def _going_on(self, one: Journal, first: int, before: bytes, hashes: Sequence[bytes]) -> Verdict:
        """Return what to do with a run on a branch that holds the record before it, or leaves it there."""
        known = {first - 1: before}
        if first <= one.seq:
            known |= self._kept(one, first, first + len(hashes) - 1)
        return place_run(Seq(one.seq), Seq(first), before, hashes, known)

    def _leaving(self, epoch: int, place: Segment | None) -> list[Journal]:
        """Return the branches that leave another at a record; of none, those that begin the epoch."""
        if place is not None:
            return [one for one in self.of(epoch).values() if one.parent == place]
        return [one for one in self.of(epoch).values() if one.from_seq == 0]

    def _kept(self, one: Journal, first: int, last: int) -> Mapping[int, bytes]:
        """Return seq -> hash of the kept records from first to last on this branch."""
        known: dict[int, bytes] = {}
        for begins, hashes, envelope in self._tx.all(
            "arrivals.hashes_over", **self._span(Segment(one.epoch, one.branch, last), first)
        ):
            if hashes is None:
                known |= _unpacked(envelope)
                continue
            end = begins + len(hashes) // HASH_BYTES
            for seq in range(max(first, begins), min(last + 1, end)):
                at = (seq - begins) * HASH_BYTES
                known[seq] = hashes[at : at + HASH_BYTES]
        return known

    def _span(self, segment: Segment, first: int) -> dict[str, Value]:
        return {
            **self._named,
            "epoch": segment.epoch,
            "branch": segment.branch,
            "first_seq": first,
            "last_seq": segment.end,
        }


def name_of(terminal_id: str, epoch: int, branch: int) -> str:
    """Return how people name a journal: as an event of it, without the number."""
    return f"{terminal_id}.{epoch}{f'.b{branch}' if branch else ''}"


def _unpacked(envelope: bytes) -> Mapping[int, bytes]:
    """Return seq -> hash of all records of a batch that was kept before their hashes were kept beside it."""
    batch = unpack(peek(envelope, "dangol/batch/1")[1], Batch)
    return dict(enumerate(chain(batch.before, unpack_records(batch.packed)), start=batch.first_seq))


def _journal(epoch: int, row: Row) -> Journal:
    branch, seq, value, *parent = row
    return Journal(epoch, branch, seq, value, None if parent[0] is None else Segment(*parent))
