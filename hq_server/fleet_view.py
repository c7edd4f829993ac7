"""The terminals as staff see them: state, how far their journal is kept, how they were last heard of."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from hq_server.store.connection import Transaction
from loyalty_core.calendar import date_of
from loyalty_core.units import Day


class TerminalView(msgspec.Struct, frozen=True, kw_only=True):
    """One terminal. `seq` is the last record kept of its present journal.

    `watermark` is its last business day that was closed without a gap, None while there is none.
    """

    terminal_id: str
    store_id: str
    state: str
    reason: str
    fingerprint: str
    epoch: int
    seq: int
    watermark: str | None
    seen_at: str
    software: str
    waiting: int
    quarantined: int
    disk_free_bytes: int


def terminals(tx: Transaction) -> list[TerminalView]:
    """Return every terminal, by store."""
    found = []
    for row in tx.all("arrivals.terminals"):
        store_id, terminal_id, state, reason, key_id, epoch, _, seen, software, waiting, quarantined, disk = (
            row
        )
        head = tx.one("arrivals.head", store_id=store_id, terminal_id=terminal_id, epoch=epoch, branch=0)
        found.append(
            TerminalView(
                terminal_id=terminal_id,
                store_id=store_id,
                state=state,
                reason=reason,
                fingerprint="-".join(key_id.hex()[start : start + 4] for start in range(0, 16, 4)),
                epoch=epoch,
                seq=head[0] if head else 0,
                watermark=watermark(tx, store_id, terminal_id, epoch),
                seen_at=at_text(seen),
                software=software,
                waiting=waiting,
                quarantined=quarantined,
                disk_free_bytes=disk,
            )
        )
    return found


def watermark(tx: Transaction, store_id: str, terminal_id: str, epoch: int) -> str | None:
    """Return the last business day that a terminal has closed without a gap in its present journal."""
    row = tx.one("arrivals.closing", store_id=store_id, terminal_id=terminal_id, epoch=epoch, branch=0)
    return None if row is None or row[3] is None else date_of(Day(row[3])).isoformat()


def at_text(at_ms: int) -> str:
    """Return an instant as people and JSON read it: UTC, to the second."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
