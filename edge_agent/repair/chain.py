"""Which records of a journal are not what was written, and what puts each right. Pure.

A flipped bit is put back by the hash beside it. What is worse comes from HQ, whose copy must fit the chain.
What HQ never got is lost: the record is marked, keeps its seq, and the records after it are chained anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from edge_agent.store.journal import LOST
from loyalty_core.errors import BrokenChain, LoyaltyError
from loyalty_core.journal import next_hash, unpack_record

BITS_MAX: Final = 8 * 4096
"""The longest record of which every bit is tried."""

How = Literal["hash", "bit", "hq", "lost", "chained"]
Row = tuple[int, bytes, bytes]
"""seq, record bytes and hash, as they are read."""


class Mend(msgspec.Struct, frozen=True):
    """What a place of the journal has to hold: its hash was wrong, a bit, all of it, or what it follows."""

    seq: int
    record: bytes
    hash: bytes
    how: How


class Damage(msgspec.Struct, frozen=True):
    """A place of which what was written is not known."""

    seq: int


def mends(
    rows: Iterable[Row],
    first_hash: bytes,
    *,
    copies: Mapping[int, bytes],
    is_lost: Callable[[int], bool],
    held: int = 0,
) -> Iterator[Mend | Damage]:
    """Yield what must change in a journal for its chain to hold, in order; nothing where it does.

    `copies` are HQ's records by seq. HQ holds the journal up to `held` at least. Records that `is_lost` says
    so of are given up; what is neither is damage.

    Raises:
        BrokenChain: `repair_failed`: a whole record does not follow from HQ's copy of the one before it.
    """
    walk = _Walk(first_hash, copies, is_lost)
    for seq, record, stored in rows:
        if seq < walk.expected:
            continue
        yield from walk.missing(seq)
        yield from walk.row(seq, record, stored)
    yield from walk.missing(held + 1)


class _Walk:
    """The hash of the last record as it must be, and as it stood beside it; None where that is not known."""

    def __init__(
        self, first_hash: bytes, copies: Mapping[int, bytes], is_lost: Callable[[int], bool]
    ) -> None:
        self.expected = 1
        self._true: bytes | None = first_hash
        self._stood: bytes | None = first_hash
        self._copies, self._is_lost = copies, is_lost
        self._copied = False

    def missing(self, until: int) -> Iterator[Mend | Damage]:
        while self.expected < until:
            yield from self._replaced(self.expected, b"", None)

    def row(self, seq: int, record: bytes, stored: bytes) -> Iterator[Mend | Damage]:
        before = {each for each in (self._true, self._stood) if each is not None}
        found = _read(record, stored, before)
        if found is None and self._stood is None and _is_readable(record):
            found = record, "chained"  # what its hash follows from is lost
        if found is None:
            yield from self._replaced(seq, record, stored)
            return
        right, how = found
        if self._copied and self._true is not None and not _follows(self._true, right, stored):
            raise BrokenChain(
                f"seq {seq} does not follow from HQ's copy of the one before: call HQ, or replace this till",
                code="repair_failed",
            )
        true = stored if self._true is None else next_hash(self._true, right)
        if (right, true) != (record, stored):
            yield Mend(seq, right, true, how)
        self._go_on(seq, true, stored)

    def _replaced(self, seq: int, record: bytes, stored: bytes | None) -> Iterator[Mend | Damage]:
        copy = self._copies.get(seq)
        if copy is None and not self._is_lost(seq):
            yield Damage(seq)
            self._go_on(seq, stored, stored)
            return
        right = LOST + record if copy is None else copy
        true = stored if self._true is None else next_hash(self._true, right)
        if true is None:
            yield Damage(seq)
        elif (right, true) != (record, stored):
            yield Mend(seq, right, true, "lost" if copy is None else "hq")
        self._go_on(seq, true, true if stored is None and copy is not None else stored)
        self._copied = copy is not None

    def _go_on(self, seq: int, true: bytes | None, stood: bytes | None) -> None:
        self.expected, self._true, self._stood, self._copied = seq + 1, true, stood, False


def _read(record: bytes, stored: bytes, before: set[bytes]) -> tuple[bytes, How] | None:
    """Return the record that was written, and what was wrong: "chained" for nothing of itself."""
    if any(next_hash(each, record) == stored for each in before):
        return record, "chained"
    if any(_follows(each, record, stored) for each in before):
        return record, "hash"
    for each in before:
        if (right := _bit_put_back(record, each, stored)) is not None:
            return right, "bit"
    return None


def _is_readable(record: bytes) -> bool:
    try:
        unpack_record(record)
    except LoyaltyError:
        return False
    return True


def _follows(before: bytes, record: bytes, stored: bytes) -> bool:
    """Tell whether a hash is that of a record that follows another, but for one bit at most."""
    return (int.from_bytes(next_hash(before, record)) ^ int.from_bytes(stored)).bit_count() <= 1


def _bit_put_back(record: bytes, before: bytes, stored: bytes) -> bytes | None:
    """Return the record whose hash this is, if it is but a bit away."""
    if 8 * len(record) > BITS_MAX:
        return None
    tried = bytearray(record)
    for place in range(len(record)):
        for bit in range(8):
            tried[place] ^= 1 << bit
            if next_hash(before, bytes(tried)) == stored:
                return bytes(tried)
            tried[place] ^= 1 << bit
    return None
