"""The way of kept batches into a file of the archive, and back.

A file is whole and on the disk before a row is emptied, and a row is emptied only if the file holds its very
bytes. Cut off anywhere, batches are in the file as well as here; the next run writes another file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import msgspec

from hq_server.accept import Terminal, keys_of
from hq_server.house import House, load_house
from hq_server.store.connection import Transaction
from hq_server.store.sqlite.archives import Archive, BadArchive, Key, hash_of, write_archive
from loyalty_core.calendar import date_of, period_of
from loyalty_core.envelope import open_sealed
from loyalty_core.errors import BadInput, BadWire
from loyalty_core.journal import chain, unpack_record
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.units import Day, EpochMs
from loyalty_core.wire import unpack

MOVED_AT_ONCE: Final = 100
"""Batches in one transaction, so that tills are not kept waiting."""
_DAY_MS: Final = 86_400_000


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """Batches that went into a file, which has none where there was nothing to do, or came back."""

    file: str | None
    batches: int
    bytes: int


class Opens(Protocol):
    """Opens the database for one transaction."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """Lend one that reads."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """Lend one that is durable when its block has ended."""


def archive(database: Opens, folder: Path, before: Day, now_ms: EpochMs) -> Moved:
    """Move the batches of closed times before a day into a new file of a folder.

    Raises:
        BadInput: `period_open`: not all of that time is in closed periods.
        BadArchive: the file does not hold what was written.
    """
    at = datetime.fromtimestamp(now_ms // 1000, UTC)
    file = folder / f"batches-{at:%Y%m%dT%H%M%S}{now_ms % 1000:03}Z.db"
    with database.reading() as tx:
        _check_closed(tx, load_house(tx), before)
        count = write_archive(file, _batches(tx, before))
    if not count:
        return Moved(file=None, batches=0, bytes=0)
    written, moved = Archive(folder), 0
    try:
        keys = written.keys(file.name)
        while some := list(islice(keys, MOVED_AT_ONCE)):
            with database.writing() as tx:
                moved += sum(_empty(tx, written, file.name, key, now_ms) for key in some)
    finally:
        written.close()
    return Moved(file=str(file), batches=count, bytes=moved)


def bring_back(database: Opens, folder: Path, terminal_id: str) -> Moved:
    """Put the archived batches of a terminal, or of all where none is named, back where they were.

    Raises:
        BadArchive: a file of the folder is missing, or does not hold them as they were.
    """
    written, batches, size = Archive(folder), 0, 0
    try:
        while True:
            with database.writing() as tx:
                rows = tx.all("arrivals.archived_batches", terminal_id=terminal_id, count=MOVED_AT_ONCE)
                for *key, file, sha256 in rows:
                    place = msgspec.structs.asdict(Key(*key))
                    envelope = written.envelope(file, Key(*key), sha256)
                    tx.run("arrivals.put_envelope", **place, envelope=envelope)
                    tx.run("arrivals.forget_archived", **place)
                    batches, size = batches + 1, size + len(envelope)
            if not rows:
                return Moved(file=None, batches=batches, bytes=size)
    finally:
        written.close()


def _check_closed(tx: Transaction, house: House, before: Day) -> None:
    period = period_of(Day(before - 1), house.newest.period_months)
    (closed,) = tx.one("accounts.buckets_closed", period_id=period.id) or (0,)
    if closed != house.bucket_count:
        raise BadInput(
            f"{period.id} is not closed: batches are archived of closed periods only, such as "
            f"--before {date_of(Day(period.first)).isoformat()} if the one before it is",
            code="period_open",
        )


def _batches(tx: Transaction, before: Day) -> Iterator[tuple[Key, int, int, bytes]]:
    rows = tx.each("arrivals.batches_to_archive", before_ms=before * _DAY_MS, before_day=before)
    for *key, last_seq, received_at_ms, envelope in rows:
        yield Key(*key), last_seq, received_at_ms, envelope


def _empty(tx: Transaction, written: Archive, file: str, key: Key, now_ms: EpochMs) -> int:
    """Empty one row whose bytes are in the file; return how many they are."""
    place = msgspec.structs.asdict(key)
    row = tx.one("arrivals.batch_at", **place)
    if row is None or not row[1]:
        return 0
    last_seq, envelope = row
    if written.envelope(file, key, hash_of(envelope)) != envelope:
        raise BadArchive(f"{file} holds other bytes than the database")
    terminal = Terminal(key.store_id, key.terminal_id, "", "", b"", key.epoch)
    batch = unpack(open_sealed(envelope, "dangol/batch/1", keys_of(tx, terminal)), Batch)
    records = unpack_records(batch.packed)
    kept = records[key.first_seq - batch.first_seq :]
    if len(kept) > 1 and tx.one("arrivals.has_hashes", **place) is None:
        hashes = list(chain(batch.before, records))[-len(kept) :]
        tx.run("arrivals.keep_hashes", **place, hashes=b"".join(hashes))
    tx.run(
        "arrivals.note_archived",
        **place,
        file=file,
        sha256=hash_of(envelope),
        bytes=len(envelope),
        names=msgspec.json.encode(named_in(tx, key, last_seq, kept)),
        archived_at_ms=now_ms,
    )
    tx.run("arrivals.put_envelope", **place, envelope=b"")
    return len(envelope)


def named_in(tx: Transaction, key: Key, last_seq: int, kept: tuple[bytes, ...]) -> dict[int, str]:
    """Return whom those of a batch's records name that no row keeps the bytes of, by their seq."""
    found = {}
    for (seq,) in tx.all("arrivals.unfiled_between", **msgspec.structs.asdict(key), last_seq=last_seq):
        try:
            member = unpack_record(kept[seq - key.first_seq]).event.member
        except BadWire:
            continue
        if member is not None:
            found[int(seq)] = member
    return found
