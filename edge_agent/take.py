"""Handing a file in by hand: the same way as the watched folder, with an answer for each receipt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_agent.clock import Clock
from edge_agent.config import Csv, EdgeConfig
from edge_agent.pos_adapter import intake
from edge_agent.pos_adapter.intake import Became
from edge_agent.pos_adapter.rows import adapter_of, rows_of
from edge_agent.recorder import Recorder
from edge_agent.store.database import Connection, transaction
from edge_agent.store.migrations import open_database
from loyalty_core.errors import BadInput


class _DryRunError(Exception):
    """Carries the results out of a transaction that is to be undone."""


def take_file(config: EdgeConfig, clock: Clock, file: Path, *, dry_run: bool) -> Iterator[dict[str, Any]]:
    """Yield what each receipt of the file became, in order; with `dry_run`, what it would become.

    Works beside a running agent: the database's lock keeps them apart.

    Raises:
        BadInput: when nothing of the file can be read.
    """
    adapter = adapter_of(file.name)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror})", code="file_unreadable") from None
    conn = open_database(config.database)
    try:
        recorder = Recorder(config, clock)
        expected = recorder.expectations(recorder.books(conn))
        csv = config.folder.csv if config.folder else Csv()
        chunks = intake.chunks(rows_of(adapter, data, csv), expected, adapter)
        if dry_run:
            for became in _dry(conn, config, recorder, clock, chunks, file.name, adapter):
                yield _told(file, became)
            return
        for chunk in chunks:
            for became in _take(conn, config, recorder, clock, chunk, file.name, adapter):
                yield _told(file, became)
    finally:
        conn.close()


def _take(
    conn: Connection,
    config: EdgeConfig,
    recorder: Recorder,
    clock: Clock,
    chunk: list[intake.Understood],
    source: str,
    adapter: str,
) -> list[Became]:
    with transaction(conn):
        return intake.take(
            conn, recorder, config, chunk, source=source, adapter=adapter, now_ms=clock.wall_ms()
        )


def _dry(
    conn: Connection,
    config: EdgeConfig,
    recorder: Recorder,
    clock: Clock,
    chunks: Iterator[list[intake.Understood]],
    source: str,
    adapter: str,
) -> list[Became]:
    """Do all of it in one transaction, and undo that."""
    results: list[Became] = []
    try:
        with transaction(conn):
            for chunk in chunks:
                results += intake.take(
                    conn, recorder, config, chunk, source=source, adapter=adapter, now_ms=clock.wall_ms()
                )
            raise _DryRunError
    except _DryRunError:
        return results


def _told(file: Path, became: Became) -> dict[str, Any]:
    told: dict[str, Any] = {"file": file.name, "place": became.place, "became": became.became}
    if became.outcome is None:
        return told | {"code": became.code, "sentence": became.sentence}
    outcome = became.outcome
    return told | {
        "event": str(outcome.event),
        "points": {"redeemable": outcome.redeemable, "qualifying": outcome.qualifying},
        "notices": list(outcome.notices),
    }
