"""Claimed receipts under a programme that changes for how long a purchase can be claimed: folded again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from hq_server import deliver
from hq_server.decisions import every_decision
from hq_server.filing import fact_by
from hq_server.house import House
from hq_server.receipt_facts import facts_of, receipt_rules
from hq_server.spread import fold_again
from hq_server.store.connection import Transaction
from loyalty_core.errors import BadInput
from loyalty_core.programme import Programme, claim_days_on
from loyalty_core.receipts import fold_receipt
from loyalty_core.units import Day, EpochMs

CLAIMS_MAX: Final = 20_000
"""The most claimed receipts that one publication folds again: all of it is one transaction."""
_AT_ONCE: Final = 500


def claims_moved(tx: Transaction, before: House, programme: Programme) -> int:
    """Return how many claimed receipts a version gives another owner, or none."""
    after = msgspec.structs.replace(before, programmes=(*before.programmes, programme))
    moved = 0
    for store_id, keys in _claimed(tx, before, programme):
        old, new = (
            receipt_rules(tx, before, [store_id])[store_id],
            receipt_rules(tx, after, [store_id])[store_id],
        )
        for facts in facts_of(tx, store_id, keys).values():
            moved += fold_receipt(facts, old).owner != fold_receipt(facts, new).owner
    return moved


def fold_claims_again(
    tx: Transaction, before: House, house: House, programme: Programme, now_ms: EpochMs
) -> None:
    """Fold claimed receipts again under a version that has just been published, and post what that moves.

    Raises:
        BadInput: `claims_too_many`.
    """
    for store_id, keys in _claimed(tx, before, programme):
        spread = fold_again(tx, house, before, store_id, keys, now_ms)
        deliver.deliver(tx, house, None, spread, now_ms)
        deliver.dispute(tx, house, spread, now_ms)


def _claimed(tx: Transaction, before: House, programme: Programme) -> Iterator[tuple[str, list[str]]]:
    """Yield the receipts that claims name which a version may judge otherwise, by store, some at once.

    A claim before the version's first date is of a purchase before it, or in time under any version.
    """
    since = programme.effective_from
    starts = [since, *(one.effective_from for one in before.programmes if one.effective_from > since)]
    if all(claim_days_on(before.programmes, Day(day)) == programme.claim_days for day in starts):
        return
    found = set(tx.all("arrivals.claimed_receipts", business_day=since))
    for decision in every_decision(tx, "claim"):
        filed = fact_by(tx, decision).filed
        found.add((filed.store_id, filed.receipt_key))
    if len(found) > CLAIMS_MAX:
        raise BadInput(
            f"{len(found)} claims would be judged anew, at most {CLAIMS_MAX} are: keep claim_days, or take a "
            "later effective_from",
            code="claims_too_many",
        )
    for store_id, of_store in groupby(sorted(found), key=itemgetter(0)):
        keys = [key for _, key in of_store]
        for first in range(0, len(keys), _AT_ONCE):
            yield store_id, keys[first : first + _AT_ONCE]
