"""The clocks of tills: when a record was written by HQ's own clock, as far as that can be known.

What HQ knows by itself is when it received something; nothing that came can be from later. All else a till
says: a batch carries both its clocks as they stood together, a record the monotonic one. The least of
`received - monotonic` over all batches of a boot that came over the line says when it began; that is late by
no more than the quickest of them was on its way. Any other boot lies between those before and after it.
A till that signs false readings is believed: what it cannot do is place a record after its receipt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.keeping import Kept
from hq_server.store.connection import Transaction, Value, Values
from loyalty_core.events import AT_MAX, AT_MIN, Booted, ClockStepped, EventId
from loyalty_core.journal import Record
from loyalty_core.lineage import Segment
from loyalty_core.units import EpochMs, Seq

STAMPED_WITHIN_MS: Final = 3_600_000
"""An event whose time is so near to what the till's clock showed has its time from that clock."""


_UNKNOWN: Final = "?"
"""Stands for the boot of what follows a record that cannot be read: that may have been a start."""


class When(msgspec.Struct, frozen=True, kw_only=True):
    """When a record was written, by HQ's time: not before `earliest_ms`, not after `latest_ms`.

    `likely_ms` where that is known, to the delay of the quickest batch. `shown_ms` is what the till's wall
    clock showed. None is for what is not known. `apart_ms` is how far the readings of the boot differ, which
    is `boot_id`, '' where it has no name or was over when the record was sent.
    """

    earliest_ms: int | None
    latest_ms: int
    likely_ms: int | None = None
    shown_ms: int | None = None
    apart_ms: int = 0
    boot_id: str = ""

    @property
    def ahead_ms(self) -> int | None:
        """By how much the wall clock was ahead of HQ's, below 0 behind: at least so much."""
        if self.shown_ms is None:
            return None
        if self.shown_ms > self.latest_ms:
            return self.shown_ms - self.latest_ms
        if self.earliest_ms is not None and self.shown_ms < self.earliest_ms:
            return self.shown_ms - self.earliest_ms
        return 0

    def stamped_wrongly(self, occurred_at_ms: int, tolerance_ms: int) -> bool:
        """Tell whether this time of an event comes from a clock that was wrong."""
        if self.shown_ms is None or abs(self.ahead_ms or 0) <= tolerance_ms:
            return False
        # The agent's own events are clamped to what a record can hold.
        shown_ms = min(max(self.shown_ms, AT_MIN), AT_MAX)
        return abs(occurred_at_ms - shown_ms) <= STAMPED_WITHIN_MS

    def corrected_ms(self, occurred_at_ms: int) -> int | None:
        """Return when an event happened that such a clock stamped, None where only bounds are known."""
        if self.likely_ms is None or self.shown_ms is None:
            return None
        return occurred_at_ms + self.likely_ms - self.shown_ms


class Met(msgspec.Struct, frozen=True):
    """When HQ met a till, and in which boot that was, '' where that is not known."""

    at_ms: int
    boot_id: str


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """The records from one mark of a journal to the next: both clocks at the mark, and what bounds its boot.

    `zero_ms` is when the boot began, where that is known; then no bounds are needed.
    """

    boot_id: str
    monotonic_ms: int
    wall_ms: int
    zero_ms: int | None
    apart_ms: int = 0
    earliest_ms: int | None = None
    latest_ms: int | None = None

    def may_be_wrong(self, tolerance_ms: int) -> bool:
        """Tell whether the wall clock is not known to be right."""
        if self.zero_ms is None:
            return True
        return abs(self.wall_ms - self.zero_ms - self.monotonic_ms) > tolerance_ms

    def when(self, monotonic_ms: int, received_at_ms: EpochMs) -> When:
        """Return when a record of it was written."""
        shown_ms = self.wall_ms + monotonic_ms - self.monotonic_ms
        if self.zero_ms is not None and self.zero_ms + monotonic_ms <= received_at_ms:
            at_ms = self.zero_ms + monotonic_ms
            return When(
                earliest_ms=at_ms,
                latest_ms=at_ms,
                likely_ms=at_ms,
                shown_ms=shown_ms,
                apart_ms=self.apart_ms,
                boot_id=self.boot_id,
            )
        latest_ms = received_at_ms if self.latest_ms is None else min(received_at_ms, self.latest_ms)
        return When(
            earliest_ms=self.earliest_ms, latest_ms=latest_ms, shown_ms=shown_ms, boot_id=self.boot_id
        )


def stretch_of(tx: Transaction, store_id: str, event_id: EventId) -> Stretch | None:
    """Return the stretch in which a record lies, None where nothing is known of its clocks.

    A journal without a mark of its own yet goes on in the stretch in which the one before it ended. After a
    record that cannot be read and may be a start of the machine nothing is known until the next start.
    """
    journal: dict[str, Value] = {"store_id": store_id, **msgspec.structs.asdict(event_id)}
    while (row := tx.one("arrivals.clock_mark", **journal)) is None:
        named = {name: value for name, value in journal.items() if name != "seq"}
        parent = tx.one("arrivals.journal_parent", **named)
        if parent is None:
            return None
        journal |= dict(zip(("epoch", "branch", "seq"), parent, strict=True))
    boot_id, monotonic_ms, wall_ms, zero_ms, apart_ms = row
    if boot_id == _UNKNOWN:
        return None
    bounds: list[int | None] = [None, None]
    if zero_ms is None:
        found = [tx.one(f"arrivals.clock_known_{side}", **journal) for side in ("before", "after")]
        bounds = [None if one is None else one[0] for one in found]
    return Stretch(
        boot_id=boot_id,
        monotonic_ms=monotonic_ms,
        wall_ms=wall_ms,
        zero_ms=zero_ms,
        apart_ms=apart_ms,
        earliest_ms=bounds[0],
        latest_ms=bounds[1],
    )


def when(
    tx: Transaction, store_id: str, event_id: EventId, monotonic_ms: int, received_at_ms: EpochMs
) -> When:
    """Return when a record was written that HQ received then."""
    stretch = stretch_of(tx, store_id, event_id)
    if stretch is None:
        return When(earliest_ms=None, latest_ms=received_at_ms)
    return stretch.when(monotonic_ms, received_at_ms)


def keep_readings(
    tx: Transaction, terminal: Terminal, kept: Sequence[Kept], now_ms: EpochMs, *, carried: bool
) -> None:
    """Keep what kept runs say of the till's clocks.

    `carried` if they were made some time ago and brought: then `now_ms` only says that they are no later.
    """
    for run in kept:
        # What was carried says nothing of when it was made; nor does a machine that does not name its boots.
        if run.clock.boot_id and not carried:
            tx.run(
                "arrivals.boot_was_read",
                store_id=terminal.store_id,
                terminal_id=terminal.terminal_id,
                boot_id=run.clock.boot_id,
                zero_ms=now_ms - run.clock.monotonic_ms,
            )
        _keep_marks(tx, terminal, run)


def keep_marks_again(tx: Transaction, terminal: Terminal, run: Kept) -> None:
    """Keep what a kept run says of the till's clocks anew, of which more can be read now."""
    tx.run(
        "arrivals.forget_clock_marks",
        store_id=terminal.store_id,
        terminal_id=terminal.terminal_id,
        epoch=run.epoch,
        branch=run.branch,
        first_seq=run.first_seq,
        last_seq=run.last.end,
    )
    _keep_marks(tx, terminal, run)


def note_meeting(tx: Transaction, terminal: Terminal, place: Segment, now_ms: EpochMs) -> None:
    """Keep that a till came over the line whose journal ended there, all of which is held."""
    tx.run(
        "arrivals.met",
        store_id=terminal.store_id,
        terminal_id=terminal.terminal_id,
        epoch=place.epoch,
        branch=place.branch,
        seq=place.end,
        met_at_ms=now_ms,
    )


def met_before(tx: Transaction, terminal: Terminal, event_id: EventId) -> Met:
    """Return when HQ last met the till before it wrote a record: when it joined, where there was no meeting.

    A journal in which there was none goes on from its parent's.
    """
    at = event_id
    while (
        row := tx.one("arrivals.meeting", store_id=terminal.store_id, **msgspec.structs.asdict(at))
    ) is None:
        named = {name: value for name, value in msgspec.structs.asdict(at).items() if name != "seq"}
        parent = tx.one("arrivals.journal_parent", store_id=terminal.store_id, **named)
        if parent is None:
            row = tx.one("arrivals.joined_at", store_id=terminal.store_id, terminal_id=terminal.terminal_id)
            return Met(0 if row is None else row[0], "")
        at = EventId(terminal.terminal_id, *parent)
    met_at_ms, seq = row
    stretch = stretch_of(tx, terminal.store_id, msgspec.structs.replace(at, seq=seq))
    return Met(met_at_ms, "" if stretch is None else stretch.boot_id)


def marks_in(run: Kept) -> list[tuple[int, Record]]:
    """Return the records of a run that tell how the wall clock stands, with their seqs."""
    return [(seq, says) for seq, says in _turns(run) if isinstance(says, Record)]


def stretches_of(run: Kept) -> list[int]:
    """Return the seqs at which the stretches of a run may begin."""
    return sorted({run.first_seq, *(seq for seq, _ in _turns(run))})


def _turns(run: Kept) -> Iterator[tuple[int, Record | None]]:
    """Yield the records of a run after which its clocks stand otherwise; None for what cannot be read.

    Of several in a row that cannot be read the first stands for all.
    """
    lost = False
    for seq, says in enumerate(run.says, start=run.first_seq):
        if not isinstance(says, Record):
            if not lost:
                yield seq, None
            lost = True
            continue
        lost = False
        if isinstance(says.event, Booted | ClockStepped):
            yield seq, says


def _keep_marks(tx: Transaction, terminal: Terminal, run: Kept) -> None:
    """Keep the marks of a run. A step belongs to the boot of the mark before it.

    What cannot be read may have been a start of the machine, unless the run was sent in the boot before it.
    """
    turns = list(_turns(run))
    if not turns:
        return
    stretch = stretch_of(tx, terminal.store_id, id_in(terminal, run, run.first_seq))
    boot_id = None if stretch is None else stretch.boot_id
    rows: list[Values] = []
    for seq, says in turns:
        row = (terminal.store_id, *msgspec.structs.astuple(id_in(terminal, run, seq)))
        if says is None:
            if boot_id is not None and not boot_id == run.clock.boot_id != "":
                boot_id = None
                rows.append((*row, _UNKNOWN, 0, 0))
            continue
        if isinstance(says.event, Booted):
            boot_id = says.event.boot_id
        if boot_id is not None:
            rows.append((*row, boot_id, says.monotonic_ms, says.event.occurred_at_ms))
    tx.many("arrivals.add_clock_mark", rows)


def id_in(terminal: Terminal, run: Kept, seq: int) -> EventId:
    """Return the event of a seq of a run."""
    return EventId(terminal.terminal_id, run.epoch, run.branch, Seq(seq))
