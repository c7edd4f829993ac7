"""What technicians did on tills, as the tills reported it: a list for people, the newest first."""

from __future__ import annotations

from typing import Final

import msgspec

from hq_server.fleet_view import at_text
from hq_server.store.connection import Transaction
from loyalty_core.events import EventId
from loyalty_core.units import EpochMs, Seq

ACTIONS_MAX: Final = 1000
DAYS_MAX: Final = 3660
DAY_MS: Final = 86_400_000


class ActionView(msgspec.Struct, frozen=True, kw_only=True):
    """One action. `occurred_at` is by the till's clock, `came_at` by headquarters'."""

    event: str
    terminal: str
    occurred_at: str
    came_at: str
    person: str
    pass_id: str
    action: str
    subject: str
    outcome: str


def actions(tx: Transaction, terminal_id: str, days: int, now_ms: EpochMs) -> list[ActionView]:
    """Return what came in the last days, at most ACTIONS_MAX, of a terminal or ('') of all."""
    rows = tx.all(
        "arrivals.technician_actions",
        terminal_id=terminal_id,
        since_ms=now_ms - days * DAY_MS,
        count=ACTIONS_MAX,
    )
    found = []
    for terminal, epoch, branch, seq, came_ms, occurred_at_ms, *says in rows:
        person, pass_id, action, subject, outcome = says
        found.append(
            ActionView(
                event=str(EventId(terminal, epoch, branch, Seq(seq))),
                terminal=terminal,
                occurred_at=at_text(occurred_at_ms),
                came_at=at_text(came_ms),
                person=person,
                pass_id=pass_id,
                action=action,
                subject=subject,
                outcome=outcome,
            )
        )
    return found
