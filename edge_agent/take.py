"""Handing a file in by hand: the same way as the watched folder, with an answer for each receipt."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.pos_adapter import adapters, intake
from edge_agent.pos_adapter.intake import Became
from edge_agent.pos_adapter.receipt import Receipt
from edge_agent.pos_adapter.rows import Row, shown
from edge_agent.recorder import Recorder
from edge_agent.store.database import (
    CHECKPOINT_BYTES,
    checkpoint,
    transaction,
    wal_bytes,
)
from edge_agent.store.migrations import open_or_copy
from edge_agent.store.turn import give_way
from loyalty_core.errors import BadInput

CHUNK: Final = 50
"""Receipts a transaction, fewer than the agent itself takes: its sales wait meanwhile."""


def take_file(config: EdgeConfig, clock: Clock, file: Path, *, dry_run: bool) -> Iterator[dict[str, Any]]:
    """Yield what each receipt of the file became, in order; with `dry_run`, what it would become.

    Works beside a running agent: the database's lock keeps them apart, and what of the agent waits for it
    goes before the next chunk. A dry run takes no lock: it is done to a copy.

    Raises:
        BadInput: when nothing of the file can be read.
        StoreError: `disk_low`, when a dry run's copy would not leave room.
    """
    source = shown(file.name)
    kind = adapters.name_for(source, config.folder)
    adapter = adapters.adapter_of(kind, source, config)
    with (
        opened(file) as data,
        open_or_copy(config.database, config.disk_free_bytes_min, dry_run=dry_run) as conn,
    ):
        recorder = Recorder(config, clock)
        expected = recorder.expectations(recorder.books(conn))
        rows = adapter.rows(data, adapters.here(expected, kind, source, config))
        refused_at: set[str] = set()
        for chunk in intake.chunks(rows, expected, kind, CHUNK):
            while chunk:
                if not dry_run:
                    give_way(config.database)
                with transaction(conn):
                    taken = intake.take(
                        conn,
                        recorder,
                        config,
                        chunk,
                        source=source,
                        adapter=kind,
                        clock=clock,
                        refused_at=refused_at,
                        telling=True,
                    )
                for ready, became in zip(chunk, taken, strict=False):
                    told = _told(file, became)
                    yield told | {"receipt": _seen(ready.row)} if dry_run and became.outcome else told
                chunk = chunk[len(taken) :]
                if not dry_run and wal_bytes(config.database) > CHECKPOINT_BYTES:
                    checkpoint(conn)


def opened(file: Path) -> BinaryIO:
    """Return a file, opened to be read.

    Raises:
        BadInput: `file_unreadable`, also for a pipe, on which one might wait for ever.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise BadInput(f"{file} is no regular file", code="file_unreadable")
        return file.open("rb")
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror})", code="file_unreadable") from None


def _seen(row: Row) -> str:
    """Return what a row was read as, for whoever checks how files are read; of a member two digits."""
    read = row.receipt
    if not isinstance(read, Receipt):
        return (
            "" if read is None else f"{read.count} receipts of {read.receipt.business_date}: {read.net_minor}"
        )
    key = read.receipt
    named = f"{key.store}/{key.till}/{key.business_date or 'its day'}/{key.number}"
    member = f"member ...{read.member[-2:]}" if read.member else "no member"
    paid = ", ".join([f"{one.type} {one.amount_minor}" for one in read.tenders])
    parts = [f"{read.kind} {named}", read.occurred_at, member]
    if read.net_minor is not None:
        parts += [f"{read.net_minor} {read.currency or ''}".strip(), f"{len(read.lines)} lines"]
    return ", ".join([*parts, paid] if paid else parts)


def _told(file: Path, became: Became) -> dict[str, Any]:
    told: dict[str, Any] = {"file": shown(file.name), "place": became.place, "became": became.became}
    if became.outcome is None:
        return told | {"code": became.code, "sentence": became.sentence}
    outcome = became.outcome
    return told | {
        "event": str(outcome.event),
        "points": {"redeemable": outcome.redeemable, "qualifying": outcome.qualifying},
        "notices": list(outcome.notices),
    }
