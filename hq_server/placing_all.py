"""All events of a till that a wrong clock dated, put on their days at once: a decision for each.

What headquarters does not place itself is for a person, since what is known of the clock is no proof there:
it says what it would do. With what it did place, who decides here agrees.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hq_server import placing
from hq_server.config import CLOCK_TOLERANCE_MS
from hq_server.dating import DATED_WRONG
from hq_server.decisions import Said
from hq_server.evidence import Recorded, event_named, recorded
from hq_server.exceptions import close_arrivals
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
    """Where an event would be put; None where what is known of the clock does not say.

    `by_headquarters` where it stands there already, placed by headquarters.
    """

    event: str
    dated: str
    date: str | None
    at: str | None
    decision: int | None = None
    by_headquarters: bool = False


def propose(tx: Transaction, terminal_id: str, tolerance_ms: int = CLOCK_TOLERANCE_MS) -> list[Proposal]:
    """Return where the first events of a terminal would be put that are open as dated wrongly.

    Raises:
        BadInput: `terminal_not_found`.
    """
    return [proposal for proposal, *_ in _proposals(tx, terminal_id, tolerance_ms)]


def place_all(
    tx: Transaction,
    house: House,
    terminal_id: str,
    by: Said,
    now_ms: EpochMs,
    tolerance_ms: int = CLOCK_TOLERANCE_MS,
) -> list[Proposal]:
    """Put each of them where it would be put, and return them with the numbers of the decisions.

    What headquarters placed stays there, and is told no more.

    Raises:
        BadInput: as `propose`.
    """
    done = []
    for proposal, found, day, at_ms in _proposals(tx, terminal_id, tolerance_ms):
        number = None
        if proposal.by_headquarters and found.filed is not None:
            close_arrivals(tx, [(found.filed.store_id, DATED_WRONG, proposal.event)], now_ms)
        elif at_ms is not None:
            number = placing.place(tx, house, found, day, at_ms, by, now_ms)
        done.append(msgspec.structs.replace(proposal, decision=number))
    return done


def _proposals(
    tx: Transaction, terminal_id: str, tolerance_ms: int
) -> list[tuple[Proposal, Recorded, Day, int | None]]:
    place = place_of(tx, find_terminal(tx, terminal_id))
    proposals = []
    for (subject,) in tx.all("arrivals.dated_events", terminal_id=terminal_id, count=AT_ONCE_MAX):
        found = recorded(tx, event_named(subject))
        event, at_ms = found.record.event, None
        last = placing.placing_of(tx, found.id)
        by_itself = last is not None and last[1]
        if last is not None and by_itself:
            at_ms = last[0].occurred_at_ms
        elif found.known.stamped_wrongly(event.occurred_at_ms, tolerance_ms):
            at_ms = found.known.corrected_ms(event.occurred_at_ms)
        day = Day(event.business_day) if at_ms is None else business_day(EpochMs(at_ms), place)
        proposal = Proposal(
            event=subject,
            dated=found.evidence.business_date,
            date=None if at_ms is None else date_of(day).isoformat(),
            at=None if at_ms is None else at_text(at_ms),
            by_headquarters=by_itself,
        )
        proposals.append((proposal, found, day, at_ms))
    return proposals
