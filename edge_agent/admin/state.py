"""What the technician's first page shows, read from one state of the store."""

from __future__ import annotations

from typing import Final

import msgspec

from edge_agent.books import Books
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.link_timeline import Stretch, timeline
from edge_agent.status import Status, status
from edge_agent.store import files, link_spans, outbox
from edge_agent.store.database import Connection, DatabaseError, store_error, wal_bytes
from edge_agent.store.files import Last
from edge_agent.store.link_spans import Span
from edge_agent.store.outbox import Link
from edge_agent.technicians import Known, technicians_known
from loyalty_core.programme import Programme
from loyalty_core.units import Day

TIMELINE_MS: Final = 24 * 3_600_000
UNREACHED: Final = frozenset(
    {"hq_unreachable", "hq_timeout", "hq_name_unknown", "hq_certificate", "hq_nonsense", "hq_stale"}
)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How this till is doing. `refusal` is why nothing can be written now; ages and offsets are in ms.

    `stretches` are empty where `is_timeline_damaged`.
    """

    told: Status
    link: Link
    now_ms: int
    refusal: str
    stretches: list[Stretch]
    is_timeline_damaged: bool
    programme: Programme | None
    programme_next: Programme | None
    technicians: Known
    last_files: list[Last]
    clock_offset_ms: int | None
    database_bytes: int
    wal_bytes: int
    hq_url: str

    @property
    def is_unreached(self) -> bool:
        """Whether it is the line: HQ was not reached, rather than reached and of another mind."""
        return self.told.link_error_code in UNREACHED

    @property
    def down(self) -> list[Stretch]:
        """The times of the day when HQ was not reached, the latest first."""
        return [one for one in reversed(self.stretches) if one.state == "down"]


def state(conn: Connection, config: EdgeConfig, clock: Clock, books: Books, trouble: str | None) -> State:
    """Return how this till is doing; `trouble` is how the disk refuses to be written, as the writer knows."""
    told, link, now_ms = status(conn, config, clock, trouble), outbox.link(conn), int(clock.wall_ms())
    today = None if books.expected is None else books.expected.today
    later = [one for one in books.programmes if today is not None and one.effective_from > today]
    offset_ms = None
    if link.answered_at_ms is not None and link.hq_time_ms is not None:
        offset_ms = link.answered_at_ms - link.hq_time_ms
    spans, damaged = list[Span](), False
    try:
        spans = link_spans.since(conn, now_ms - TIMELINE_MS)
    except DatabaseError as error:
        if store_error(error).code != "store_damaged":
            raise
        damaged = True
    return State(
        told=told,
        link=link,
        now_ms=now_ms,
        refusal=told.disk_refuses or "",
        stretches=timeline(spans, now_ms, back_ms=TIMELINE_MS),
        is_timeline_damaged=damaged,
        programme=None if today is None else books.programme_on(Day(today)),
        programme_next=min(later, key=lambda one: one.effective_from, default=None),
        technicians=technicians_known(conn),
        last_files=files.last(conn),
        clock_offset_ms=offset_ms,
        database_bytes=config.database.stat().st_size,
        wal_bytes=wal_bytes(config.database),
        hq_url=books.terminal.hq_url,
    )
