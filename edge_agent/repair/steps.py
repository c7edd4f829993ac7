"""All that `verify` looks at, in its order, with how far it has come: for the command and for the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from edge_agent.repair.checking import check_derived
from edge_agent.store import journal
from edge_agent.store.database import Connection, DatabaseError, one_state
from edge_agent.store.integrity import Fault, unreadable, verify

Phase = Literal["database", "journal", "derived"]


class Progress(msgspec.Struct, frozen=True):
    """What is looked at now, and how many of how many records were."""

    phase: Phase
    done: int
    total: int


def check(conn: Connection, told: Callable[[Progress], None]) -> Fault | None:
    """Return the first fault, None where all is whole. Each half reads one state, whoever writes meanwhile.

    What `told` raises ends it.

    Raises:
        StoreError: the disk does not give back what is on it.
    """
    try:
        with one_state(conn):
            total = sum(journal.last_seq(conn, *one) for one in journal.epochs(conn))
            told(Progress("database", 0, total))
            fault = verify(conn, lambda done: told(Progress("journal", done, total)))
    except (DatabaseError, UnicodeDecodeError) as error:  # SQLite quotes what is damaged
        return unreadable(error)
    fault = fault or check_derived(conn, lambda done: told(Progress("derived", done, total)))
    if fault is None:
        told(Progress("derived", total, total))
    return fault
