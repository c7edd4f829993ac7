"""Receipts: folded again from their facts, standing as folded, and lying where their owner's account is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from hq_server.audit.comparing import Audited, Progress, differs
from hq_server.audit.stamps import Stamps
from hq_server.house import House
from hq_server.receipt_facts import fact_of, receipt_rules
from hq_server.references import bucket_of, keys_json, members_of, reference_of
from hq_server.spread import encoded
from hq_server.store.connection import Transaction
from loyalty_core.events import Fact
from loyalty_core.receipts import fold_receipt

RECEIPTS_AT_ONCE: Final = 500


def audit_receipts(
    tx: Transaction,
    house: House,
    done: Audited,
    visiting: int | None,
    stamps: Stamps,
    progress: Progress,
    adjustments: int = 0,
) -> None:
    """Fold every receipt again and compare what lies in the accounts; nothing else may lie there but so many
    adjustments."""
    row = tx.one("arrivals.visiting_fact_count")
    if visiting is not None and (row is None or row[0] != visiting):
        differs("visiting facts", f"the records make {visiting}, there are {row[0] if row else 0}")
    live = adjustments
    for (store_id,) in tx.all("arrivals.receipt_stores"):
        placed: list[_Placed] = []
        several: list[list[Fact]] = []
        try:
            rules = receipt_rules(tx, house, [store_id])[store_id]
        except (KeyError, ValueError, OSError):
            differs(f"store {store_id}", "its time zone is none that is known")
        for key, facts in _facts(tx, store_id):
            receipt = fold_receipt(facts, rules)
            done.receipts += 1
            if len(facts) > 1:
                several.append(facts)
            if receipt.owner is not None and receipt.resolved is not None:
                owner, day = reference_of(receipt.owner, store_id), receipt.resolved.business_day
                placed.append(_Placed(f"{store_id}/{key}", owner, day, encoded(receipt.resolved)))
            for one in receipt.spent:
                if one.owner is not None:
                    owner, day = reference_of(one.owner, store_id), one.resolved.business_day
                    name = f"{store_id}/{one.name}@{key}"
                    placed.append(_Placed(name, owner, day, encoded(one.resolved)))
            if len(placed) >= RECEIPTS_AT_ONCE or len(several) == RECEIPTS_AT_ONCE:
                live += _lie_right(tx, house, placed)
                stamps.filed(store_id, several)
                placed, several = [], []
            progress("receipts", 1)
        live += _lie_right(tx, house, placed)
        stamps.filed(store_id, several)
    row = tx.one("accounts.live_receipts")
    if row is None or row[0] != live:
        differs("accounts", f"{live} facts have an owner, {row[0] if row else 0} lie in the accounts")


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
            [fact_of(tx, row[1:]) for row in of_key],
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
