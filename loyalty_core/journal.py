"""Record bytes, the hash chain over them, and what to do with a run of records.

    h(0) = SHA-256("dangol/journal/1" || terminal_id || epoch)
    h(n) = SHA-256(h(n-1) || record_bytes(n))

Record bytes are stored as they were written and hashed as stored; nothing is re-encoded to verify it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Final, Literal

import msgspec

from loyalty_core.errors import BadInput, BadWire, UnknownRecord, said
from loyalty_core.events import EVENT_CODES, EVENT_TYPES, Claim, Count, Event
from loyalty_core.units import Seq
from loyalty_core.wire import Shape, pack, unpack_plain

RECORD_VERSION: Final = 1
RECORD_BYTES_MAX: Final = 640 * 1024
"""Above the largest receipt that `events` allows: a record that is durable here must be readable at HQ."""


class Record(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One line of a journal. `natural_key` makes retries of keyless visits and the like one event."""

    event: Event
    adapter: str
    natural_key: str | None = None
    monotonic_ms: int
    claim: Claim | None = None


class _RecordShape(Shape, frozen=True):
    version: int
    code: int
    adapter: str
    natural_key: str | None
    monotonic_ms: Count
    claim: Claim | None
    event: msgspec.Raw


_DECODE: Final = msgspec.msgpack.Decoder(_RecordShape).decode


@cache
def _reading(of: type[Event]) -> Callable[[msgspec.Raw], Event]:
    """Return what reads events of a type; made when the first one comes."""
    return msgspec.msgpack.Decoder(of).decode


def pack_record(record: Record) -> bytes:
    """Return the bytes to store and hash.

    Raises:
        BadInput: `record_too_large`, when nobody could read it again.
    """
    data = _packed(EVENT_CODES[type(record.event)], record)
    if len(data) > RECORD_BYTES_MAX:
        raise BadInput(
            f"a record of {len(data)} bytes is more than the {RECORD_BYTES_MAX} that a journal takes",
            code="record_too_large",
        )
    return data


def unpack_record(data: bytes) -> Record:
    """Return the record of these bytes.

    Raises:
        UnknownRecord: a version or event type of a later release.
        BadWire: not the canonical bytes of a record.
    """
    if len(data) > RECORD_BYTES_MAX:
        raise BadWire(f"{len(data)} bytes are more than the {RECORD_BYTES_MAX} that a journal takes")
    try:
        shape = _DECODE(data)
        of = EVENT_TYPES.get(shape.code)
        if shape.version != RECORD_VERSION or of is None:
            raise UnknownRecord(
                f"record version {shape.version}, type {shape.code} is not known to this release"
            )
        record = Record(
            event=_reading(of)(shape.event),
            adapter=shape.adapter,
            natural_key=shape.natural_key,
            monotonic_ms=shape.monotonic_ms,
            claim=shape.claim,
        )
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        plain = unpack_plain(data, bytes_max=RECORD_BYTES_MAX)
        if isinstance(plain, list) and plain and isinstance(plain[0], int) and plain[0] > RECORD_VERSION:
            raise UnknownRecord(f"record version {plain[0]} is not known to this release") from None
        raise BadWire(f"the record is malformed: {said(error)}") from None
    if _packed(shape.code, record) != data:
        raise BadWire("the record is not in canonical form")
    return record


def _packed(code: int, record: Record) -> bytes:
    return pack(
        (
            RECORD_VERSION,
            code,
            record.adapter,
            record.natural_key,
            record.monotonic_ms,
            record.claim,
            record.event,
        )
    )


def first_hash(terminal_id: str, epoch: int) -> bytes:
    """Return h(0) of a terminal's journal; `epoch` enters as its decimal digits after a zero byte."""
    return hashlib.sha256(b"dangol/journal/1" + terminal_id.encode() + b"\x00%d" % epoch).digest()


def next_hash(before: bytes, record: bytes) -> bytes:
    """Return h(n) from h(n-1) and the bytes of record n."""
    return hashlib.sha256(before + record).digest()


def chain(before: bytes, records: Iterable[bytes]) -> list[bytes]:
    """Return the hash of each record of a run that follows `before`."""
    hashes = []
    for record in records:
        before = hashlib.sha256(before + record).digest()
        hashes.append(before)
    return hashes


class Verdict(msgspec.Struct, frozen=True):
    """What to do with a run.

    next: keep all from `seq` on. known: acknowledge again. gap: keep nothing, `seq` is needed.
    fork: at `seq` the run says something else than what is kept.
    """

    kind: Literal["next", "known", "gap", "fork"]
    seq: Seq


def place_run(
    head: Seq, first: Seq, before: bytes, hashes: Sequence[bytes], known: Mapping[int, bytes]
) -> Verdict:
    """Return what to do with the run `first`, `first + 1`, ... whose chain starts from `before`.

    `head` is the last seq kept; `known` maps every kept seq from `first - 1` to the end of the run to its
    hash (h(0) for seq 0).
    """
    if first > head + 1:
        return Verdict("gap", Seq(head + 1))
    if known[first - 1] != before:
        return Verdict("fork", Seq(first - 1))
    for seq, value in enumerate(hashes, start=first):
        if seq > head:
            return Verdict("next", Seq(seq))
        if known[seq] != value:
            return Verdict("fork", Seq(seq))
    return Verdict("known", head)
