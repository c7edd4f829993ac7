"""The road by stick, outward: what waits goes out as files, each a request of the line; see `usb_replies`.

Works beside a running agent: it reads beside the writer, and gives way to sales before it keeps a nonce.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from edge_agent.clock import Clock as MachineClock
from edge_agent.config import EdgeConfig
from edge_agent.store import exported, outbox, quarantine, terminal
from edge_agent.store.database import Connection, snapshot, transaction
from edge_agent.store.migrations import open_database
from edge_agent.store.terminal import Terminal
from edge_agent.store.turn import give_way
from edge_agent.sync import keys
from edge_agent.sync.exchange import signed
from edge_agent.sync.load import Load, lacking, load_from, with_next
from edge_agent.version import VERSION
from loyalty_core.messages import Clock, Health
from loyalty_core.stick import SALT_BYTES, TO_HQ, Place, close_file, file_stem
from loyalty_shell.data_dir import free_bytes
from loyalty_shell.stick import check_folder, write_file

EXPORTED_MAX: Final = exported.KEPT
"""The most files of one export: of more, not all replies could be taken."""


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A file for headquarters: from which record to which it goes, None of both where it holds none.

    `waiting` records were waiting when the export began and are in no file so far.
    """

    file: str
    first: Place | None
    last: Place | None
    records: int
    bytes: int
    waiting: int


def export(config: EdgeConfig, clock: MachineClock, folder: Path, *, dry_run: bool) -> Iterator[Exported]:
    """Yield each file once it is on the stick, the oldest records first; a dry run only tells which.

    What waits when this begins goes out, though the shop sells on. Doing it again is harmless.

    Raises:
        StickError: `folder_unreadable`.
        StoreError: `not_enrolled`.
        OSError: the stick is full, can only be read, or was pulled; the files told of are whole.
    """
    check_folder(folder)
    conn = open_database(config.database)
    try:
        terminal.read(conn)
        key = keys.private_key(config.data_dir)
        with snapshot(conn):
            waiting, *_ = outbox.waiting(conn)
            ends = lacking(conn)
        for _ in range(EXPORTED_MAX):
            nonce = secrets.token_bytes(16)
            with snapshot(conn):
                identity = terminal.read(conn)
                load = _load(conn, config, clock, identity, ends, key)
                health = Health(VERSION, waiting, quarantine.count_open(conn), free_bytes(config.data_dir))
                body = signed(conn, identity, load, key=key, nonce=nonce, health=health)
            waiting, ends = max(0, waiting - load.sent), load.ends
            first, last = _first(load), _last(load)
            name = file_stem(identity.terminal_id, first, last, nonce) + TO_HQ
            data = close_file(body, identity.terminal_id, identity.store_key, secrets.token_bytes(SALT_BYTES))
            if not dry_run:
                _keep(conn, config, nonce, clock.wall_ms())
                write_file(folder, name, data)
            yield Exported(
                file=name, first=first, last=last, records=load.sent, bytes=len(data), waiting=waiting
            )
            if not waiting:
                break
    finally:
        conn.close()


def _load(
    conn: Connection,
    config: EdgeConfig,
    clock: MachineClock,
    identity: Terminal,
    begins: dict[int, int],
    key: bytes,
) -> Load:
    """Return what one request carries from here on."""
    load = load_from(begins)
    for _ in range(config.sync.batches):
        load = with_next(conn, identity, config.sync, load, key=key, clock=lambda: _clocks(clock))
    return load


def _clocks(clock: MachineClock) -> Clock:
    return Clock(clock.wall_ms(), clock.monotonic_ms(), clock.boot_id())


def _keep(conn: Connection, config: EdgeConfig, nonce: bytes, at_ms: int) -> None:
    """Keep a request's nonce before the request is anywhere: a reply to it is waited for then."""
    give_way(config.database)
    with transaction(conn):
        exported.put(conn, nonce, at_ms)


def _first(load: Load) -> Place | None:
    return next(((epoch, seq) for epoch, seq in load.begins.items() if load.ends[epoch] > seq), None)


def _last(load: Load) -> Place | None:
    carried = [(epoch, seq - 1) for epoch, seq in load.ends.items() if seq > load.begins[epoch]]
    return carried[-1] if carried else None
