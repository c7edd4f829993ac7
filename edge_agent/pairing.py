"""A shown card and the till's next purchase: whose it is, or whom the cashier may ask.

A purchase by HTTP pairs with a card that was shown within `pair_minutes` of its time, before or after: the
clock of the till's software may be off, and its time may be that of the first item. One that is older is from
a queue and leaves the card waiting. A file comes later than both and pairs by the order of time.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge_agent.books import Books
from edge_agent.owners import Owner, account_of
from edge_agent.store import presented
from edge_agent.store.database import Connection
from loyalty_core.events import PurchaseRecorded
from loyalty_core.units import Day

FILE_TIME_STEP_MS: Final = 60_000
"""Tills cut a time in a file to the minute: a card shown just before may bear a later time."""
_LATE: Final = (
    "a card was shown too long before this receipt to be paired with it: if it is this customer's, the "
    "receipt can still be claimed for it"
)


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """Whose card it was; or, where that is not sure, whose it may have been, and what to say about it."""

    owner: Owner | None = None
    offers: tuple[Owner, ...] = ()
    notices: tuple[str, ...] = ()


def pair(conn: Connection, books: Books, event: PurchaseRecorded, adapter: str) -> Paired:
    """End the waiting of the cards that a purchase answers, or for which it comes too late."""
    programme = books.programme_on(Day(event.business_day))
    span_ms = (programme.pair_minutes if programme else 0) * 60_000
    at_ms, by_http = event.occurred_at_ms, adapter == "http"
    ended = presented.take(conn, at_ms + (span_ms if by_http else FILE_TIME_STEP_MS))
    fitting = [card for card in ended if card.occurred_at_ms >= at_ms - span_ms]
    if len(fitting) == 1:
        return Paired(owner=_owner(conn, books, fitting[0]))
    offers = tuple([_owner(conn, books, card) for card in fitting or (ended if by_http else [])])
    return Paired(offers=offers, notices=() if fitting or not offers else (_LATE,))


def _owner(conn: Connection, books: Books, card: presented.Presented) -> Owner:
    """Return whose card it is by what is known now: HQ may have told of the member since it was shown."""
    account = account_of(conn, books.terminal.store_key, card.member)
    return Owner(recorded=card.member, account=account, member_id=None)
