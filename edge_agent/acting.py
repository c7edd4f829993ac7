"""What technicians do at this till, as events of its journal."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from edge_agent.books import Books
from edge_agent.recorder import Recorder
from edge_agent.store.database import Connection
from loyalty_core.errors import printable
from loyalty_core.events import TEXT_MAX, EventId, TechnicianAction
from loyalty_core.units import EpochMs

Action = Literal[
    "join",
    "log_in",
    "log_in_refused",
    "log_out",
    "try_now",
    "connection_test",
    "verify",
    "diagnostics",
    "export",
    "import",
    "quarantine_retry",
    "quarantine_mend",
    "quarantine_discard",
]
"""What a technician does, by how the journal names it."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who has logged in, by which pass, as what, and until when that pass is good."""

    person: str
    pass_id: str
    role: str
    until_ms: EpochMs


NOBODY: Final = Actor(person="", pass_id="", role="", until_ms=EpochMs(0))
"""Who has proven nothing."""


def note(
    conn: Connection,
    recorder: Recorder,
    books: Books,
    actor: Actor,
    action: Action,
    subject: str,
    outcome: str,
) -> EventId:
    """Append what somebody did, to what, and what came of it; what is longer than an event takes is cut.

    Durable with the caller's transaction.
    """
    said = [printable(text)[:TEXT_MAX] for text in (actor.person, actor.pass_id, action, subject, outcome)]
    return recorder.append(conn, books, TechnicianAction(None, *recorder.moment(books), *said))
