"""When a terminal was last seen, how it was doing then, and which keys of headquarters' it believed.

A request that somebody repeats, or that comes late, tells of neither: only one that brings records which are
new here, or is no older than the one by which the terminal was seen last.
"""

from __future__ import annotations

import msgspec

from hq_server.accept import Terminal
from hq_server.store.connection import Transaction
from loyalty_core.messages import NO_KEY, Exchange
from loyalty_core.units import EpochMs


class Age(msgspec.Struct, frozen=True, order=True):
    """How new a request is by what it says: higher for a later one of a till.

    Its epoch and head, the programme version that it has, and how many changes of members it was told.
    """

    epoch: int
    head: int
    version: int
    told: int


def age_of(request: Exchange) -> Age:
    """Return how new a request is."""
    cursors = request.cursors
    return Age(request.epoch, request.head, cursors.programme_version, min(sum(cursors.buckets), 2**63 - 1))


def note_seen(tx: Transaction, terminal: Terminal, request: Exchange, now_ms: EpochMs, *, news: bool) -> None:
    """Note that a terminal was seen, unless the request is older than what is known of it."""
    named = {"store_id": terminal.store_id, "terminal_id": terminal.terminal_id}
    seen = tx.run(
        "arrivals.terminal_was_seen",
        **named,
        seen_at_ms=now_ms,
        software=request.health.software,
        waiting=request.health.waiting,
        quarantined=request.health.quarantined,
        disk_free_bytes=request.health.disk_free_bytes,
        **msgspec.structs.asdict(age_of(request)),
        news=int(news),
    )
    if seen and request.hq_key != NO_KEY:
        tx.run("arrivals.note_beliefs", **named, hq_key=request.hq_key, programme_key=request.programme_key)
