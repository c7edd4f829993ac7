"""What a repair did, in sentences: one for each record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edge_agent.repair.chain import How
from edge_agent.repair.repairing import Repaired

LINES_MAX: Final = 100
_BECAME: Final[dict[How, str]] = {
    "hash": "its hash was damaged, and follows from the record again",
    "bit": "one bit was wrong, and is put back by the hash",
    "hq": "put back from HQ's copy",
    "lost": "LOST: HQ never got it. Look for its receipt in the till's own software and hand it in again",
    "chained": "whole; it follows another hash now",
}


def lines(done: Repaired) -> Iterator[str]:
    """Yield what was done."""
    if done.aside is not None:
        yield f"SQLite cannot read all of the database: the rest is in a new one, the old one is {done.aside}"
    for one in done.mended[:LINES_MAX]:
        yield f"seq {one.seq} of epoch {one.epoch}: {_BECAME[one.how]}"
    if len(done.mended) > LINES_MAX:
        yield f"and {len(done.mended) - LINES_MAX} more"
    if done.rebuilt:
        yield f"{done.rebuilt} records read: everything that follows from them is made anew"
        yield "HQ tells of all members again at the next exchange: start the agent"
        if done.unsealed:
            yield f"LOST: who {done.unsealed} new members are. Those whom HQ does not know have to join again"
    elif done.fault is None and done.aside is None:
        yield "nothing is wrong"
