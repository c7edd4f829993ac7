"""All events of a till that a wrong clock dated, put on their days at once: a decision for each.

Only a person decides, since what a clock says is evidence and no proof; headquarters says what it would do.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hq_server import filing
from hq_server.decisions import Said
from hq_server.evidence import Recorded, event_named, recorded
from hq_server.fleet import find_terminal
from hq_server.fleet_view import at_text
from hq_server.house import House
from hq_server.open_days import place_of
from hq_server.store.connection import Transaction
from loyalty_core.calendar import business_day, date_of
from loyalty_core.units import Day, EpochMs

AT_ONCE_MAX: Final = 500
"""The most events that one command looks at."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """Where an event would be put; None where what is known of the clock does not say."""

    event: str
    dated: str
    date: str | None
    at: str | None
    decision: int | None = None


def propose(tx: Transaction, terminal_id: str) -> list[Proposal]:
    """Return where the first events of a terminal would be put that are open as dated wrongly.

    Raises:
        BadInput: `terminal_not_found`.
    """
    return [proposal for proposal, *_ in _proposals(tx, terminal_id)]


def place_all(tx: Transaction, house: House, terminal_id: str, by: Said, now_ms: EpochMs) -> list[Proposal]:
    """Put each of them where it would be put, and return them with the numbers of the decisions.

    Raises:
        BadInput: as `propose`.
    """
    done = []
    for proposal, found, day, at_ms in _proposals(tx, terminal_id):
        number = filing.place(tx, house, found, day, at_ms, by, now_ms) if at_ms is not None else None
        done.append(msgspec.structs.replace(proposal, decision=number))
    return done


def _proposals(tx: Transaction, terminal_id: str) -> list[tuple[Proposal, Recorded, Day, int | None]]:
    place = place_of(tx, find_terminal(tx, terminal_id))
    proposals = []
    for (subject,) in tx.all("arrivals.dated_events", terminal_id=terminal_id, count=AT_ONCE_MAX):
        found = recorded(tx, event_named(subject))
        event, at_ms = found.record.event, None
        if found.known.stamped_wrongly(event.occurred_at_ms):
            at_ms = found.known.corrected_ms(event.occurred_at_ms)
        day = Day(event.business_day) if at_ms is None else business_day(EpochMs(at_ms), place)
        proposal = Proposal(
            event=subject,
            dated=found.evidence.business_date,
            date=None if at_ms is None else date_of(day).isoformat(),
            at=None if at_ms is None else at_text(at_ms),
        )
        proposals.append((proposal, found, day, at_ms))
    return proposals
