"""What tills' own software says it sold on a day (`day_total`) against the receipts that HQ holds for it.

A total and the receipts of its till and day mark it as touched, in the exchange's transaction: one look-up.
The comparison reads the whole day of that till, so it is a chore beside, done once nothing has come for a
while: a till that tells its total after every sale does not make each sale cost as much as the day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.exceptions import ArrivalException, close_arrivals, open_arrivals, restate_arrivals
from hq_server.store.connection import Transaction, Values
from loyalty_core.calendar import date_of
from loyalty_core.events import (
    ID_FORM,
    DayTotal,
    EventId,
    Fact,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptKey,
    ReturnRecorded,
)
from loyalty_core.journal import Record, unpack_record
from loyalty_core.units import Day, EpochMs, Seq

SETTLE_MS: Final = 60_000
"""How long nothing must have come for a till's day before it is compared."""
_ID: Final = re.compile(ID_FORM)


class Sold(msgspec.Struct, frozen=True):
    """Purchases and returns, and purchases less returns in minor units."""

    receipts: int
    net_minor: int


class TillDay(msgspec.Struct, frozen=True):
    """A day total that waits to be compared; `touched_at_ms` is when something last came for it."""

    store_id: str
    day: Day
    till: str
    said: Sold
    touched_at_ms: int


def take_totals(
    tx: Transaction,
    terminal: Terminal,
    epoch: int,
    branch: int,
    numbered: Iterable[tuple[int, Record]],
    now_ms: EpochMs,
) -> None:
    """Keep the totals and returns of a run, and mark the days whose receipts it holds."""
    totals: list[Values] = []
    returns: list[Values] = []
    touched: set[tuple[str, int, str]] = set()
    for seq, record in numbered:
        event = record.event
        order = (event.occurred_at_ms, terminal.terminal_id, epoch, branch, seq)
        match event:
            case PurchaseRecorded(receipt=key) | PurchaseVoided(original=key):
                touched.add(_place(key))
            case ReturnRecorded(receipt=key) if key.store == terminal.store_id:
                touched.add(_place(key))
                returns.append((*_place(key), key.number, event.net_minor, *order))
            case DayTotal() if event.store == terminal.store_id and _ID.fullmatch(event.till):
                place = (event.store, event.business_day, event.till)
                totals.append((*place, event.count, event.net_minor, *order, now_ms))
            case DayTotal():
                _refuse(tx, terminal, EventId(terminal.terminal_id, epoch, branch, Seq(seq)), event, now_ms)
    tx.many("arrivals.note_return", returns)
    tx.many("arrivals.put_day_total", totals)
    tx.many("arrivals.touch_day_total", [(*place, now_ms) for place in touched])


def totals_to_compare(tx: Transaction, now_ms: EpochMs, count: int = 1) -> list[TillDay]:
    """Return day totals that have settled and wait to be compared, the one that waits longest first."""
    rows = tx.all("arrivals.totals_to_compare", until_ms=now_ms - SETTLE_MS, count=count)
    return [
        TillDay(store_id, Day(day), till, Sold(receipts, net), touched)
        for store_id, day, till, receipts, net, touched in rows
    ]


def sold_at(tx: Transaction, store_id: str, day: Day, till: str) -> Sold:
    """Return what HQ holds for a till's day: what was voided left out, copies counted once."""
    start = f"p/{till}/{date_of(day)}"
    rows = tx.each("arrivals.facts_between", store_id=store_id, first=f"{start}/", last=f"{start}0")
    purchases, net_minor = 0, 0
    for _, of_key in groupby(rows, key=itemgetter(0)):
        standing = _standing(
            [Fact(EventId(t, e, b, Seq(s)), unpack_record(record).event) for _, t, e, b, s, record in of_key]
        )
        if standing is not None:
            purchases, net_minor = purchases + 1, net_minor + standing.net_minor
    row = tx.one("arrivals.returns_of_till_day", store_id=store_id, business_day=day, till=till)
    returns, returned = row or (0, 0)
    return Sold(purchases + returns, net_minor - returned)


def total_differs(store_id: str, till: str, day: Day) -> tuple[str, str, str]:
    """Return the name of the exception that a day total and the receipts held for it make."""
    return store_id, "day_total_differs", f"{store_id}/{till}/{date_of(day)}"


def settle_total(tx: Transaction, total: TillDay, holds: Sold, now_ms: EpochMs) -> None:
    """Open or close the exception of a compared total, unless something has come since it was read."""
    done = tx.run(
        "arrivals.total_was_compared",
        store_id=total.store_id,
        business_day=total.day,
        till=total.till,
        touched_at_ms=total.touched_at_ms,
    )
    if not done:
        return
    name = total_differs(total.store_id, total.till, total.day)
    if holds == total.said:
        close_arrivals(tx, [name], now_ms)
        return
    sentence = (
        f"the till's software sold {_told(total.said)}, headquarters holds {_told(holds)}: look there for "
        "files that were not taken and at edge-agent quarantine, then explain it with hq-server exceptions "
        "explain"
    )
    restate_arrivals(tx, [ArrivalException(*name, sentence)], now_ms)


def _standing(facts: list[Fact]) -> PurchaseRecorded | None:
    """Return the purchase of one key that stands: the first in canonical order, none where it is voided."""
    if any(isinstance(fact.event, PurchaseVoided) for fact in facts):
        return None
    purchases = [fact for fact in facts if isinstance(fact.event, PurchaseRecorded)]
    first = min(purchases, key=lambda fact: fact.order, default=None)
    return first.event if first is not None and isinstance(first.event, PurchaseRecorded) else None


def _refuse(tx: Transaction, terminal: Terminal, event_id: EventId, event: DayTotal, now_ms: EpochMs) -> None:
    sentence = f"its total is of {event.store}/{event.till}, its terminal is of store {terminal.store_id}"
    refused = ArrivalException(terminal.store_id, "receipt_other_store", str(event_id), sentence)
    open_arrivals(tx, [refused], now_ms)


def _place(key: ReceiptKey) -> tuple[str, int, str]:
    return key.store, key.business_day, key.till


def _told(sold: Sold) -> str:
    return f"{sold.receipts} receipts of {sold.net_minor} net"
