"""Whose points an event moves, and in which member-day, as this till knows it. Reads only."""

from __future__ import annotations

import msgspec

from edge_agent.books import Books
from edge_agent.own_facts import purchase_of
from edge_agent.owners import Owner, account_of
from edge_agent.store import entries, journal, receipt_facts, sources
from edge_agent.store.database import Connection
from loyalty_core.calendar import date_of
from loyalty_core.errors import BadInput
from loyalty_core.events import (
    Event,
    EventId,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReturnRecorded,
)
from loyalty_core.units import Day


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an event's points go, the member to record, and what to say about it.

    `is_theirs`: what is claimed is the claimant's already.
    """

    account: str | None = None
    day: Day
    recorded: str | None = None
    notices: tuple[str, ...] = ()
    is_theirs: bool = False


def place_of(
    conn: Connection, books: Books, event: Event, owner: Owner | None, voids: EventId | None
) -> Place:
    """Return whose points the event moves and in which member-day.

    What takes back names the member under whom this till has booked what it takes back, so that HQ's
    stamp covers it.
    """
    day = Day(event.business_day)
    if voids is not None:
        return _place_of_void(conn, books, voids, day)
    match event:
        case PurchaseVoided() | ReturnRecorded():
            return _place_of_takeback(conn, books, event, owner, day)
        case ReceiptClaimed():
            return _place_of_claim(conn, books, event, owner, day)
        case PurchaseRecorded() if owner is None:
            owner = _claimant(conn, books, event)
    return Place(
        account=owner.account if owner else None, day=day, recorded=owner.recorded if owner else None
    )


def _place_of_void(conn: Connection, books: Books, visit: EventId, day: Day) -> Place:
    record = journal.read_at(conn, visit)
    recorded = record.event.member if record else None
    if recorded is None:
        return Place(day=day)
    account = account_of(conn, books.terminal.store_key, recorded)
    return Place(
        account=account,
        day=Day(entries.day_of_event(conn, account, visit) or day),
        recorded=recorded,
    )


def _place_of_takeback(
    conn: Connection,
    books: Books,
    event: PurchaseVoided | ReturnRecorded,
    owner: Owner | None,
    day: Day,
) -> Place:
    """Return the place of the purchase that a void or return takes back, whoever brings it."""
    purchase = purchase_of(event)
    source = sources.find(conn, purchase, books.terminal.terminal_id) if purchase else None
    if source is None:
        return Place(day=day, recorded=owner.recorded if owner else None)
    record = journal.read_at(conn, source.event)
    if source.account is None or record is None:
        return Place(day=day)
    bought = record.event
    is_known = source.account.startswith("id:")
    named = source.account if is_known else bought.member or source.account
    return Place(account=source.account, day=Day(bought.business_day), recorded=named)


def _place_of_claim(
    conn: Connection, books: Books, event: ReceiptClaimed, owner: Owner | None, day: Day
) -> Place:
    """Return the place of the purchase that is claimed; what this till knows to be wrong is refused."""
    source = sources.find(conn, purchase_of(event) or "", books.terminal.terminal_id)
    recorded = owner.recorded if owner else None
    record = journal.read_at(conn, source.event) if source else None
    if source is None or record is None:
        waits = "the purchase is not known at this till: headquarters settles whether it may be claimed"
        return Place(day=day, recorded=recorded, notices=(waits,))
    bought_on = Day(record.event.business_day)
    account = owner.account if owner else None
    if source.account == account:
        theirs = "this purchase is this member's already: nothing is given twice"
        return Place(account=account, day=bought_on, recorded=recorded, notices=(theirs,), is_theirs=True)
    if source.account is not None:
        raise BadInput("this purchase is another member's already", code="claim_refused")
    last = Day(bought_on + books.claim_days(bought_on))
    if day > last:
        raise BadInput(f"this purchase could be claimed until {date_of(last).isoformat()}", code="claim_late")
    return Place(account=account, day=bought_on, recorded=recorded)


def _claimant(conn: Connection, books: Books, event: PurchaseRecorded) -> Owner | None:
    """Return who claimed an anonymous purchase in time before it came."""
    purchase = purchase_of(event) or ""
    last = event.business_day + books.claim_days(Day(event.business_day))
    known = receipt_facts.of(conn, [purchase], books.terminal.terminal_id).get(purchase, {})
    claims = [fact for fact in known.values() if isinstance(fact.event, ReceiptClaimed)]
    for fact in sorted(claims, key=lambda fact: fact.order):
        if fact.event.business_day <= last and fact.event.member is not None:
            account = account_of(conn, books.terminal.store_key, fact.event.member)
            return Owner(recorded=fact.event.member, account=account, member_id=None)
    return None
