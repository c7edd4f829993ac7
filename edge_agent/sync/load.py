"""The signed batches that an exchange carries: the oldest records that HQ lacks, as many as it may take.

A load can be made ready while HQ is still at the one before. It is good as long as HQ acknowledges what it
follows; a batch tells the till's clocks as they were when it was made, so no load is kept over a pause.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from edge_agent.config import Sync
from edge_agent.store import enrolments, journal, outbox
from edge_agent.store.database import Connection
from edge_agent.store.terminal import Terminal
from edge_agent.sync.cut import cut
from loyalty_core.envelope import seal
from loyalty_core.messages import (
    BATCH_BYTES_MAX,
    EXCHANGE_BYTES_MAX,
    SEALED_MAX,
    Batch,
    Clock,
    Sealed,
    pack_records,
)
from loyalty_core.wire import pack

LOAD_BYTES_MAX: Final = EXCHANGE_BYTES_MAX - BATCH_BYTES_MAX
"""With more bytes of records a load takes no more batches: another of the largest would be too much."""
SOON_MS: Final = 500
LATE_MS: Final = 1000
"""An exchange that takes longer keeps a question about points waiting: it carries less the next time."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Batches from `begins` up to before `ends`: by epoch the seq of the first record that is lacking.

    They hold `sent` records of `sent_bytes`, and beside them goes what those seal. `damaged` is (epoch, seq)
    of a record that is not what was written: nothing goes beyond it.
    """

    begins: dict[int, int]
    ends: dict[int, int]
    batches: tuple[bytes, ...] = ()
    sent: int = 0
    sent_bytes: int = 0
    damaged: tuple[int, int] | None = None
    sealed: tuple[Sealed, ...] = ()


def load_from(begins: dict[int, int]) -> Load:
    """Return a load without batches that begins here."""
    return Load(begins=begins, ends=begins)


def lacking(conn: Connection) -> dict[int, int]:
    """Return by epoch, in order, the seq of the first record that HQ is not known to hold."""
    return {
        epoch: outbox.acknowledged(conn, epoch) + 1 for epoch, branch in journal.epochs(conn) if branch == 0
    }


def with_next(
    conn: Connection,
    identity: Terminal,
    settings: Sync,
    load: Load,
    *,
    key: bytes,
    clock: Callable[[], Clock],
) -> Load:
    """Return the load with one batch more; as it is where nothing more waits, or no more fits.

    The clocks are read after the records, so that none is from later than its batch.
    """
    if load.sent_bytes > LOAD_BYTES_MAX or load.damaged is not None:
        return load
    for epoch, first in load.ends.items():
        run = journal.sound_run(conn, identity, epoch, first, settings.batch_records)
        if not run.records and run.damaged is not None:
            return msgspec.structs.replace(load, damaged=(epoch, run.damaged))
        records = cut(run.records)
        if not records:
            continue
        named = enrolments.sealed(conn, epoch, first, first + len(records))
        if len(load.sealed) + len(named) > SEALED_MAX:
            return load
        now = clock()
        batch = Batch(
            programme_id=identity.programme_id,
            terminal_id=identity.terminal_id,
            epoch=epoch,
            first_seq=first,
            before=journal.hash_before(conn, identity, epoch, first),
            packed=pack_records(records),
            clock=now,
            made_at_ms=now.wall_ms,
        )
        return Load(
            begins=load.begins,
            ends=load.ends | {epoch: first + len(records)},
            batches=(*load.batches, seal("dangol/batch/1", pack(batch), key)),
            sent=load.sent + len(records),
            sent_bytes=load.sent_bytes + sum(map(len, records)),
            sealed=load.sealed + named,
        )
    return load


def batches_next(batches: int, most: int, *, took_ms: int, full: bool) -> int:
    """Return how many batches the next exchange may carry; `full` if HQ took as many as it might."""
    if took_ms > LATE_MS:
        return max(1, batches // 2)
    return min(most, 2 * batches) if full and took_ms < SOON_MS else batches
