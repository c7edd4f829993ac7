"""An event that is placed: taken to have happened on another business date, by a person or by headquarters.

The record stays as it is; the placing is a fact beside it, of which the last one stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from hq_server.dating import DATED
from hq_server.decisions import Said, decisions_about, keep_decision
from hq_server.evidence import Evidence, Recorded
from hq_server.exceptions import close_arrivals
from hq_server.filed_facts import FiledFact, own_id, packed, take
from hq_server.house import House
from hq_server.receipt_keys import Filed
from hq_server.store.connection import Transaction
from loyalty_core.calendar import business_day, date_of
from loyalty_core.errors import BadInput
from loyalty_core.events import (
    AT_MAX,
    AT_MIN,
    CouponUsed,
    EventId,
    EventPlaced,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    RedemptionCommitted,
    ReturnRecorded,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.units import Day, EpochMs

_PLACED_KINDS: Final = (
    VisitRecorded
    | VisitVoided
    | PurchaseRecorded
    | PurchaseVoided
    | ReturnRecorded
    | ReceiptClaimed
    | RedemptionCommitted
    | CouponUsed
)
_REASON_SHOWN: Final = 64
HEADQUARTERS: Final = "headquarters"
"""Who decides where nobody has to."""


class Placed(msgspec.Struct, frozen=True):
    """The detail of a placing: where the event is filed, when it is taken to have happened, and why."""

    store_id: str
    receipt_key: str
    business_day: int
    occurred_at_ms: int
    evidence: Evidence | None = None


def place(
    tx: Transaction, house: House, found: Recorded, day: Day, at_ms: int | None, by: Said, now_ms: EpochMs
) -> int:
    """Put an event on another business date, and instant if given; a later placing replaces this one.

    Raises:
        BadInput: as `placed`.
    """
    detail = placed(tx, house, found, day, at_ms, now_ms)
    return _keep_placings(tx, house, [(found.id, detail, by, None)], now_ms)[0]


def place_by_itself(
    tx: Transaction, house: House, placings: Iterable[tuple[EventId, Placed, str]], now_ms: EpochMs
) -> None:
    """Put events on days that are proven: a decision of headquarters for each, with its reason, and once."""
    _keep_placings(
        tx,
        house,
        [
            (event_id, detail, Said(HEADQUARTERS, reason), f"placing/{event_id}")
            for event_id, detail, reason in placings
        ],
        now_ms,
    )


def placing_of(tx: Transaction, event_id: EventId) -> tuple[Placed, bool] | None:
    """Return how an event was placed last, and whether headquarters did that by itself."""
    last = decisions_about(tx, "placing", str(event_id))[-1:]
    if not last:
        return None
    by_itself = last[0].made_by == HEADQUARTERS and last[0].natural_key is not None
    return msgspec.json.decode(last[0].detail, type=Placed), by_itself


def placed(
    tx: Transaction, house: House, found: Recorded, day: Day, at_ms: int | None, now_ms: EpochMs
) -> Placed:
    """Return the detail of a placing that may be made.

    Raises:
        BadInput: `event_not_placed`, `event_not_filed`, `date_ahead`, `instant_off_date`, `already_placed`.
    """
    if not isinstance(found.record.event, _PLACED_KINDS):
        raise BadInput(
            f"event {found.id} is of a kind that moves nothing by its date", code="event_not_placed"
        )
    if found.filed is None:
        raise BadInput(
            f"event {found.id} is a return that no purchase is known of: match it first",
            code="event_not_filed",
        )
    if house.today(now_ms) < day != found.record.event.business_day:
        raise BadInput(f"{date_of(day)} is still to come", code="date_ahead")
    place_of_day = house.newest.place
    at = found.record.event.occurred_at_ms if at_ms is None else at_ms
    if at_ms is not None and not (
        AT_MIN <= at_ms <= AT_MAX and abs(business_day(EpochMs(at_ms), place_of_day) - day) <= 1
    ):
        raise BadInput(f"the instant does not lie on {date_of(day)} or beside it", code="instant_off_date")
    detail = Placed(found.filed.store_id, found.filed.receipt_key, day, at, found.evidence)
    last = placing_of(tx, found.id)
    stands = found.record.event if last is None else last[0]
    if (stands.business_day, stands.occurred_at_ms) == (day, at):
        raise BadInput(f"event {found.id} stands at this date and time already", code="already_placed")
    return detail


def placing_fact(number: int, event_id: EventId, reason: str, detail: Placed) -> FiledFact:
    """Return the fact that a placing is."""
    event = EventPlaced(
        None,
        detail.occurred_at_ms,
        detail.business_day,
        event_id.terminal_id,
        event_id.epoch,
        event_id.branch,
        event_id.seq,
        reason[:_REASON_SHOWN],
    )
    return FiledFact(Filed(detail.store_id, detail.receipt_key), own_id(number), packed(event))


def _keep_placings(
    tx: Transaction,
    house: House,
    placings: Sequence[tuple[EventId, Placed, Said, str | None]],
    now_ms: EpochMs,
) -> list[int]:
    """Keep placings and post what they move; returns the numbers of the decisions."""
    numbers, facts = [], []
    for event_id, detail, by, natural_key in placings:
        number = keep_decision(tx, "placing", str(event_id), detail, by, now_ms, natural_key=natural_key)
        numbers.append(number)
        facts.append(placing_fact(number, event_id, by.reason, detail))
    take(tx, house, facts, now_ms)
    gone = [
        (detail.store_id, kind, str(event_id)) for event_id, detail, *_ in placings for kind in sorted(DATED)
    ]
    close_arrivals(tx, gone, now_ms)
    return numbers
