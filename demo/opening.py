"""A till that was there before the first sale: the story goes over months, and its journal begins with them.

Business days from there on are the till's to close. This is the one thing that the demo writes into a store.
"""

from __future__ import annotations

from contextlib import closing
from datetime import date, datetime, time

import msgspec

from demo.processes import Till
from demo.receipts import DAY_STARTS, ZONE
from edge_agent.config import read_config
from edge_agent.recorder import Recorder
from edge_agent.store.database import connect, transaction
from edge_agent.version import VERSION
from loyalty_core.calendar import day_of
from loyalty_core.events import Booted
from loyalty_core.units import EpochMs


class _Morning(msgspec.Struct, frozen=True):
    """A clock that stands at one moment."""

    at_ms: EpochMs

    def wall_ms(self) -> EpochMs:
        """Return that moment."""
        return self.at_ms

    def monotonic_ms(self) -> int:
        """Return 0: the machine has just started."""
        return 0

    def boot_id(self) -> str:
        """Return a boot of its own."""
        return "first"


def begin(till: Till, day: date) -> None:
    """Let the journal of a till that has joined begin on a business day."""
    at = (datetime.combine(day, time()) + DAY_STARTS).replace(tzinfo=ZONE)
    clock = _Morning(EpochMs(round(at.timestamp() * 1000)))
    recorder = Recorder(read_config(till.config), clock)
    with closing(connect(till.database)) as conn, transaction(conn):
        booted = Booted(None, clock.at_ms, day_of(day), clock.boot_id(), VERSION)
        recorder.append(conn, recorder.books(conn), booted)
