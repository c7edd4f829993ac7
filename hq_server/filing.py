"""Decisions about receipts: a claim at headquarters, a return that is matched, an event that is placed.

Each is a fact that is filed under a receipt like those of the tills, by the terminal `HQ` or, of a return
that named no receipt, the return's own record. The fold then says what it moves. None of them is taken back:
of two placings the later stands, and what else was wrong is put right by an adjustment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from hq_server import deliver
from hq_server.dating import DATED
from hq_server.decisions import Decision, Said, decisions_about, keep_decision
from hq_server.evidence import Evidence, Recorded, event_named, recorded
from hq_server.exceptions import close_arrivals
from hq_server.house import House
from hq_server.receipt_facts import fact_of, facts_of, receipt_rules
from hq_server.receipt_keys import Filed, SetAside, filed_under
from hq_server.references import members_of, reference_of
from hq_server.spread import decide
from hq_server.store.connection import Transaction
from loyalty_core.calendar import business_day, date_of, day_written
from loyalty_core.errors import BadInput
from loyalty_core.events import (
    AT_MAX,
    AT_MIN,
    HQ,
    CouponUsed,
    Event,
    EventId,
    EventPlaced,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionCommitted,
    ReturnRecorded,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.journal import Record, pack_record
from loyalty_core.programme import claim_days_on
from loyalty_core.receipts import Receipt, fold_receipt
from loyalty_core.units import Day, EpochMs, Seq

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


class Claimed(msgspec.Struct, frozen=True):
    """The detail of a claim."""

    receipt: ReceiptKey
    occurred_at_ms: int
    business_day: int


class Matched(msgspec.Struct, frozen=True):
    """The detail of a match: where the return is filed."""

    store_id: str
    receipt_key: str


class Placed(msgspec.Struct, frozen=True):
    """The detail of a placing: where the event is filed, when it is taken to have happened, and why."""

    store_id: str
    receipt_key: str
    business_day: int
    occurred_at_ms: int
    evidence: Evidence | None = None


class FiledFact(msgspec.Struct, frozen=True):
    """The fact that a decision is: where it is filed, and its bytes."""

    filed: Filed
    id: EventId
    data: bytes


def receipt_named(text: str) -> ReceiptKey:
    """Return the receipt key of a text such as S012/T03/2026-11-21/000123.

    Raises:
        BadInput: `receipt_malformed`.
    """
    parts = text.strip().split("/", 3)
    try:
        store, till, day, number = parts
        return msgspec.convert([store, till, day_written(day), number], ReceiptKey)
    except (ValueError, BadInput):
        raise BadInput(
            "a receipt is named like S012/T03/2026-11-21/000123: store, till, business date, number",
            code="receipt_malformed",
        ) from None


def claim(
    tx: Transaction, house: House, receipt: ReceiptKey, member_id: str, by: Said, now_ms: EpochMs
) -> int:
    """Give an anonymous purchase to a member and return the decision's number.

    Raises:
        BadInput: `receipt_not_found`, `receipt_owned`, `claim_own`, `claim_late`.
    """
    today = house.today(now_ms)
    detail = Claimed(receipt, now_ms, today)
    filed = _filed(detail)
    stands = _purchase(tx, house, filed)
    if stands.owner is not None:
        owner = reference_of(stands.owner, filed.store_id)
        if members_of(tx, [owner], house.bucket_count).get(owner) == member_id:
            raise BadInput("the purchase is this member's already", code="claim_own")
        raise BadInput("the purchase names another member, card or phone, who keeps it", code="receipt_owned")
    bought = stands.resolved.business_day if stands.resolved is not None else today
    days = claim_days_on(house.programmes, bought)
    if today > bought + days:
        raise BadInput(
            f"the purchase of {date_of(bought)} could be claimed for {days} days: an adjustment can give its "
            "points",
            code="claim_late",
        )
    number = keep_decision(tx, "claim", member_id, detail, by, now_ms)
    _take(tx, house, [_claim_fact(number, member_id, detail)], now_ms)
    return number


def match(
    tx: Transaction, house: House, found: Recorded, original: ReceiptKey, by: Said, now_ms: EpochMs
) -> int:
    """Say of which purchase a return is that named none, and return the decision's number.

    Raises:
        BadInput: `return_linked`, `already_matched`, `receipt_not_found`.
    """
    event = found.record.event
    if not isinstance(event, ReturnRecorded) or event.original is not None:
        raise BadInput(f"event {found.id} is no return without its original", code="return_linked")
    if found.filed is not None:
        raise BadInput(
            f"event {found.id} is matched with {_spelled(found.filed)} already: put what is wrong right by "
            "an adjustment",
            code="already_matched",
        )
    filed = _filed(Claimed(original, found.record.event.occurred_at_ms, original.business_day))
    _purchase(tx, house, filed)
    detail = Matched(filed.store_id, filed.receipt_key)
    number = keep_decision(tx, "match", str(found.id), detail, by, now_ms)
    _take(tx, house, [FiledFact(filed, found.id, found.data)], now_ms)
    close_arrivals(tx, [(found.store_id, "return_waiting", str(found.id))], now_ms)
    return number


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


def fact_by(tx: Transaction, decision: Decision) -> FiledFact:
    """Return the fact that a decision about a receipt is, made again from the decision alone."""
    match decision.kind:
        case "claim":
            claimed = msgspec.json.decode(decision.detail, type=Claimed)
            return _claim_fact(decision.number, decision.subject, claimed)
        case "placing":
            detail = msgspec.json.decode(decision.detail, type=Placed)
            return _placing_fact(decision.number, event_named(decision.subject), decision.reason, detail)
        case _:
            matched = msgspec.json.decode(decision.detail, type=Matched)
            found = recorded(tx, event_named(decision.subject))
            return FiledFact(Filed(matched.store_id, matched.receipt_key), found.id, found.data)


def _claim_fact(number: int, member_id: str, detail: Claimed) -> FiledFact:
    event = ReceiptClaimed(f"id:{member_id}", detail.occurred_at_ms, detail.business_day, detail.receipt)
    return FiledFact(_filed(detail), _own_id(number), _packed(event))


def _placing_fact(number: int, event_id: EventId, reason: str, detail: Placed) -> FiledFact:
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
    return FiledFact(Filed(detail.store_id, detail.receipt_key), _own_id(number), _packed(event))


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
        facts.append(_placing_fact(number, event_id, by.reason, detail))
    _take(tx, house, facts, now_ms)
    gone = [
        (detail.store_id, kind, str(event_id)) for event_id, detail, *_ in placings for kind in sorted(DATED)
    ]
    close_arrivals(tx, gone, now_ms)
    return numbers


def _take(tx: Transaction, house: House, facts: Iterable[FiledFact], now_ms: EpochMs) -> None:
    """File facts and post what they move."""
    filed = [
        (one.filed, fact_of(tx, (*msgspec.structs.astuple(one.id), one.data, 1)), one.data) for one in facts
    ]
    spread = decide(tx, house, filed, now_ms)
    deliver.deliver(tx, house, None, spread, now_ms)
    deliver.dispute(tx, house, spread, now_ms)


def _purchase(tx: Transaction, house: House, filed: Filed) -> Receipt:
    """Return what a purchase amounts to.

    Raises:
        BadInput: `receipt_not_found`.
    """
    facts = facts_of(tx, filed.store_id, [filed.receipt_key]).get(filed.receipt_key, [])
    receipt = fold_receipt(facts, receipt_rules(tx, house, [filed.store_id])[filed.store_id])
    if receipt.resolved is None:
        raise BadInput(
            f"no purchase {_spelled(filed)} has come: check the key, or wait for its till",
            code="receipt_not_found",
        )
    return receipt


def _filed(detail: Claimed) -> Filed:
    """Return where a purchase's facts lie.

    Raises:
        BadInput: `receipt_malformed`.
    """
    event = ReceiptClaimed(None, detail.occurred_at_ms, detail.business_day, detail.receipt)
    try:
        filed = filed_under(_record(event), EventId(HQ, 1, 0, Seq(1)), detail.receipt.store)
    except SetAside as error:
        raise BadInput(str(error), code=error.code) from None
    if not isinstance(filed, Filed):
        raise TypeError("a claim names a receipt")
    return filed


def _own_id(number: int) -> EventId:
    return EventId(HQ, 1, 0, Seq(number))


def _record(event: Event) -> Record:
    return Record(event=event, adapter="hq", monotonic_ms=0)


def _packed(event: Event) -> bytes:
    return pack_record(_record(event))


def _spelled(filed: Filed) -> str:
    return f"{filed.store_id}/{filed.receipt_key.split('/', 1)[1]}"
