"""The facts of a receipt as headquarters has filed them, and what their fold needs besides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from hq_server.house import House
from hq_server.references import reference_of
from hq_server.store.connection import Transaction
from loyalty_core.events import Event, EventId, Fact
from loyalty_core.journal import unpack_record
from loyalty_core.programme import claim_days_on
from loyalty_core.receipts import ReceiptRules
from loyalty_core.units import Day, Seq

_UTC: Final = ZoneInfo("UTC")


def facts_of(tx: Transaction, store_id: str, keys: Iterable[str]) -> dict[str, list[Fact]]:
    """Return every fact filed under these keys of one store, by key."""
    found: dict[str, list[Fact]] = {}
    rows = tx.all("arrivals.facts", store_id=store_id, keys=msgspec.json.encode(list(keys)).decode())
    for key, *row in rows:
        found.setdefault(key, []).append(fact_of(tx, row))
    return found


def fact_of(tx: Transaction, row: Sequence[Any]) -> Fact:
    """Return the fact of a row: the event's place, its record, 1 where another store's terminal wrote it."""
    terminal_id, epoch, branch, seq, record, visiting = row
    says = unpack_record(record)
    event = says.event
    if visiting and (event.member or "").startswith("h:"):
        event = visitor(event, _store_of(tx, terminal_id))
    return Fact(EventId(terminal_id, epoch, branch, Seq(seq)), event, says.claim)


def receipt_rules(tx: Transaction, house: House, stores: Iterable[str]) -> dict[str, ReceiptRules]:
    """Return what the folds of each store's receipts need; a store that is not known has UTC's wall."""
    stores = list(stores)
    keys = msgspec.json.encode(stores).decode()
    zones = {store_id: ZoneInfo(name) for store_id, name in tx.all("arrivals.store_zones", keys=keys)}

    def claim_days(day: Day) -> int:
        return claim_days_on(house.programmes, day)

    return {
        store_id: ReceiptRules(store_id, zones.get(store_id, _UTC), claim_days, len(house.programmes))
        for store_id in stores
    }


def visitor(event: Event, store_id: str) -> Event:
    """Return an event of another store's terminal with its member as that store's reference."""
    if event.member is None:
        return event
    return msgspec.structs.replace(event, member=reference_of(event.member, store_id))


def _store_of(tx: Transaction, terminal_id: str) -> str:
    rows = tx.all("arrivals.terminals_named", terminal_id=terminal_id)
    return str(rows[0][0]) if rows else ""
