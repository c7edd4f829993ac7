"""Decisions about receipts: a claim at headquarters, a return that is matched; and every decision's fact.

Each is a fact that is filed under a receipt like those of the tills, by the terminal `HQ` or, of a return
that named no receipt, the return's own record. The fold then says what it moves. Neither is taken back: what
was wrong is put right by an adjustment. How events are placed: `placing`.
"""

from __future__ import annotations

import msgspec

from hq_server.decisions import Decision, Said, keep_decision
from hq_server.evidence import Recorded, event_named, recorded
from hq_server.exceptions import close_arrivals
from hq_server.filed_facts import FiledFact, own_id, packed, record_of, take
from hq_server.house import House
from hq_server.placing import Placed, placing_fact
from hq_server.receipt_facts import facts_of, receipt_rules
from hq_server.receipt_keys import Filed, SetAside, filed_under
from hq_server.references import members_of, reference_of
from hq_server.store.connection import Transaction
from loyalty_core.calendar import date_of, day_written
from loyalty_core.errors import BadInput
from loyalty_core.events import (
    HQ,
    EventId,
    ReceiptClaimed,
    ReceiptKey,
    ReturnRecorded,
)
from loyalty_core.programme import claim_days_on
from loyalty_core.receipts import Receipt, fold_receipt
from loyalty_core.units import EpochMs, Seq


class Claimed(msgspec.Struct, frozen=True):
    """The detail of a claim."""

    receipt: ReceiptKey
    occurred_at_ms: int
    business_day: int


class Matched(msgspec.Struct, frozen=True):
    """The detail of a match: where the return is filed."""

    store_id: str
    receipt_key: str


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
    take(tx, house, [_claim_fact(number, member_id, detail)], now_ms)
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
    take(tx, house, [FiledFact(filed, found.id, found.data)], now_ms)
    close_arrivals(tx, [(found.store_id, "return_waiting", str(found.id))], now_ms)
    return number


def fact_by(tx: Transaction, decision: Decision) -> FiledFact:
    """Return the fact that a decision about a receipt is, made again from the decision alone."""
    match decision.kind:
        case "claim":
            claimed = msgspec.json.decode(decision.detail, type=Claimed)
            return _claim_fact(decision.number, decision.subject, claimed)
        case "placing":
            detail = msgspec.json.decode(decision.detail, type=Placed)
            return placing_fact(decision.number, event_named(decision.subject), decision.reason, detail)
        case _:
            matched = msgspec.json.decode(decision.detail, type=Matched)
            found = recorded(tx, event_named(decision.subject))
            return FiledFact(Filed(matched.store_id, matched.receipt_key), found.id, found.data)


def _claim_fact(number: int, member_id: str, detail: Claimed) -> FiledFact:
    event = ReceiptClaimed(f"id:{member_id}", detail.occurred_at_ms, detail.business_day, detail.receipt)
    return FiledFact(_filed(detail), own_id(number), packed(event))


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
        filed = filed_under(record_of(event), EventId(HQ, 1, 0, Seq(1)), detail.receipt.store)
    except SetAside as error:
        raise BadInput(str(error), code=error.code) from None
    if not isinstance(filed, Filed):
        raise TypeError("a claim names a receipt")
    return filed


def _spelled(filed: Filed) -> str:
    return f"{filed.store_id}/{filed.receipt_key.split('/', 1)[1]}"
