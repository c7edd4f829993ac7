"""What technicians do at this till, as events of its journal."""

from __future__ import annotations

from typing import Final

import msgspec

from edge_agent.books import Books
from edge_agent.recorder import Recorder
from edge_agent.store.database import Connection
from loyalty_core.errors import printable
from loyalty_core.events import TEXT_MAX, EventId, TechnicianAction
from loyalty_core.units import EpochMs

LOG_IN: Final = "log_in"
LOG_IN_REFUSED: Final = "log_in_refused"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who has logged in, by which pass, as what, and until when that pass is good."""

    person: str
    pass_id: str
    role: str
    until_ms: EpochMs


NOBODY: Final = Actor(person="", pass_id="", role="", until_ms=EpochMs(0))
"""Who has proven nothing."""


def note(
    conn: Connection, recorder: Recorder, books: Books, actor: Actor, action: str, subject: str, outcome: str
) -> EventId:
    """Append what somebody did, to what, and what came of it; what is longer than an event takes is cut.

    Durable with the caller's transaction.
    """
    said = [printable(text)[:TEXT_MAX] for text in (actor.person, actor.pass_id, action, subject, outcome)]
    return recorder.append(conn, books, TechnicianAction(None, *recorder.moment(books), *said))
