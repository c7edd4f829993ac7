"""The terminals as staff see them: state, how far their journal is kept, how they were last heard of."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from hq_server.store.connection import Transaction
from loyalty_core.calendar import date_of
from loyalty_core.units import Day


class TerminalView(msgspec.Struct, frozen=True, kw_only=True):
    """One terminal. `epoch` is the last one that it was allotted, `seq` the last record kept of that.

    `journals` are those that it may still write, with their last record, like 1.b1.62 (epoch, branch, seq):
    more than one where two machines have the data of one disk. `watermark` is the last business day that all
    of these have closed without a gap, None while there is none.
    `clock_ahead_ms` is by how much its wall clock was ahead of headquarters' at the last reading,
    `programme_version` the newest version of the programme that it has, as it said then.
    """

    terminal_id: str
    store_id: str
    state: str
    reason: str
    fingerprint: str
    epoch: int
    seq: int
    journals: tuple[str, ...]
    watermark: str | None
    seen_at: str
    software: str
    waiting: int
    quarantined: int
    disk_free_bytes: int
    clock_ahead_ms: int | None
    programme_version: int


def terminals(tx: Transaction) -> list[TerminalView]:
    """Return every terminal, by store."""
    found = []
    for row in tx.all("arrivals.terminals"):
        store_id, terminal_id, state, reason, key_id, epoch, _, seen, software, *rest = row
        waiting, quarantined, disk, clock_ahead_ms, programme_version = rest
        heads = tx.all("arrivals.open_journals", store_id=store_id, terminal_id=terminal_id)
        found.append(
            TerminalView(
                terminal_id=terminal_id,
                store_id=store_id,
                state=state,
                reason=reason,
                fingerprint="-".join(key_id.hex()[start : start + 4] for start in range(0, 16, 4)),
                epoch=epoch,
                seq=max((seq for of, _, seq, _ in heads if of == epoch), default=0),
                journals=tuple(
                    [f"{of}{f'.b{branch}' if branch else ''}.{seq}" for of, branch, seq, _ in heads]
                ),
                watermark=watermark(tx, store_id, terminal_id),
                seen_at=at_text(seen),
                software=software,
                waiting=waiting,
                quarantined=quarantined,
                disk_free_bytes=disk,
                clock_ahead_ms=clock_ahead_ms,
                programme_version=programme_version,
            )
        )
    return found


def watermark(tx: Transaction, store_id: str, terminal_id: str) -> str | None:
    """Return the last business day that a terminal has closed without a gap in every journal it may write."""
    days = [row[3] for row in tx.all("arrivals.open_journals", store_id=store_id, terminal_id=terminal_id)]
    return None if not days or None in days else date_of(Day(min(days))).isoformat()


def at_text(at_ms: int) -> str:
    """Return an instant as people and JSON read it: UTC, to the second."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
