"""Which records a till's own journal has, where HQ holds a journal in several branches.

A lineage is a list of segments from the oldest to the newest; of one epoch they end ever later. The till
itself knows no branches: all that it has written is branch 0 in its own eyes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from loyalty_core.messages import Stamp


class Segment(msgspec.Struct, frozen=True, order=True):
    """The records of one branch that belong to a lineage: from where the segment before it ends, to `end`."""

    epoch: int
    branch: int
    end: int


def holder(lineage: Iterable[Segment], epoch: int, seq: int) -> Segment | None:
    """Return the segment that has this record of the till's journal, None where the lineage has no such."""
    return next((one for one in lineage if one.epoch == epoch and seq <= one.end), None)


def stamp_within(lineage: Sequence[Segment], stamps: Mapping[tuple[int, int], int]) -> Stamp | None:
    """Return the last of a lineage's events that stamps by (epoch, branch) cover, as its till numbers it."""
    found = [
        Stamp(one.epoch, 0, min(stamps[one.epoch, one.branch], one.end))
        for one in lineage
        if (one.epoch, one.branch) in stamps
    ]
    return max(found, default=None)
