"""Receipts: folded again from their facts, standing as folded, and lying where their owner's account is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from hq_server.audit.comparing import Audited, Progress, differs
from hq_server.audit.stamps import Stamps
from hq_server.house import House
from hq_server.references import bucket_of, keys_json, members_of, reference_of
from hq_server.spread import encoded
from hq_server.store.connection import Transaction
from loyalty_core.events import EventId, Fact
from loyalty_core.journal import unpack_record
from loyalty_core.receipts import ReceiptRules, fold_receipt

RECEIPTS_AT_ONCE: Final = 500


def audit_receipts(
    tx: Transaction, house: House, done: Audited, visiting: int, stamps: Stamps, progress: Progress
) -> None:
    """Fold every receipt again and compare what lies in the accounts; nothing else may lie there."""
    row = tx.one("arrivals.visiting_fact_count")
    if row is None or row[0] != visiting:
        differs("visiting facts", f"the records make {visiting}, there are {row[0] if row else 0}")
    zones = {row[0]: ZoneInfo(row[2]) for row in tx.all("arrivals.stores")}
    live = 0
    for (store_id,) in tx.all("arrivals.receipt_stores"):
        placed: list[_Placed] = []
        several: list[list[Fact]] = []
        zone = zones.get(store_id, ZoneInfo("UTC"))
        for key, facts in _facts(tx, store_id):
            receipt = fold_receipt(facts, ReceiptRules(store_id, zone, lambda _: 0))
            done.receipts += 1
            if len(facts) > 1:
                several.append(facts)
            if receipt.owner is not None and receipt.resolved is not None:
                owner, day = reference_of(receipt.owner, store_id), receipt.resolved.business_day
                placed.append(_Placed(f"{store_id}/{key}", owner, day, encoded(receipt.resolved)))
            if len(placed) == RECEIPTS_AT_ONCE or len(several) == RECEIPTS_AT_ONCE:
                live += _lie_right(tx, house, placed)
                stamps.filed(store_id, several)
                placed, several = [], []
            progress("receipts", 1)
        live += _lie_right(tx, house, placed)
        stamps.filed(store_id, several)
    row = tx.one("accounts.live_receipts")
    if row is None or row[0] != live:
        differs("accounts", f"{live} receipts have an owner, {row[0] if row else 0} lie in the accounts")


class _Placed(msgspec.Struct, frozen=True):
    receipt_id: str
    owner: str
    day: int
    blob: bytes | None


def _facts(tx: Transaction, store_id: str) -> Iterator[tuple[str, list[Fact]]]:
    rows = tx.each("arrivals.facts_of_store", store_id=store_id)
    for key, of_key in groupby(rows, key=itemgetter(0)):
        yield (
            key,
            [
                Fact(EventId(terminal_id, epoch, branch, seq), unpack_record(record).event)
                for _, terminal_id, epoch, branch, seq, record in of_key
            ],
        )


def _lie_right(tx: Transaction, house: House, placed: list[_Placed]) -> int:
    """Check that receipts lie in their member's day, or are held where no member has the reference."""
    members = members_of(tx, {one.owner for one in placed}, house.bucket_count)
    keys: dict[str, list[tuple[str | int, ...]]] = {"accounts.resolved_at": [], "accounts.held_at": []}
    for one in placed:
        name = members.get(one.owner, one.owner)
        statement = "accounts.resolved_at" if one.owner in members else "accounts.held_at"
        keys[statement].append((bucket_of(name, house.bucket_count), name, one.day, one.receipt_id))
    stands = {
        receipt_id: blob
        for statement, wanted in keys.items()
        for receipt_id, blob in tx.all(statement, keys=keys_json(wanted))
    }
    for one in placed:
        if stands.get(one.receipt_id) != one.blob:
            differs(f"receipt {one.receipt_id}", "it does not lie in its owner's account as its facts say")
    return len(placed)
