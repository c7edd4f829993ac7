"""The accounts read day by day, in order and without holding them all: for previews and for the audit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from hq_server.posting import MemberDay, posted_entry
from hq_server.spread import RESOLVED
from hq_server.store.connection import Row, Transaction
from loyalty_core.entries import PointEntry
from loyalty_core.resolved import Resolved

_KEY = itemgetter(0, 1)


class LedgerDay(msgspec.Struct, frozen=True):
    """One member-day: the receipts it is derived from, and what is posted for it.

    `steps` (as they are stored) and `posted_at_ms` go with `posted`, one for one.
    """

    member_id: str
    business_day: int
    receipts: list[Resolved]
    posted: list[PointEntry]
    steps: list[str]
    posted_at_ms: list[int]


def ledger_days(tx: Transaction, bucket: int, since: int = 0) -> Iterator[LedgerDay]:
    """Return every member-day of a bucket from a date on that has receipts or entries, in order."""
    receipts = _groups(tx.each("accounts.receipts_in_order", bucket=bucket, business_day=since))
    entries = _groups(tx.each("accounts.entries_in_order", bucket=bucket, business_day=since))
    left, right = next(receipts, None), next(entries, None)
    while left is not None or right is not None:
        key = min(group[0] for group in (left, right) if group is not None)
        of_receipts = left[1] if left is not None and left[0] == key else []
        of_entries = right[1] if right is not None and right[0] == key else []
        yield LedgerDay(
            key[0],
            key[1],
            [RESOLVED.decode(row[2]) for row in of_receipts],
            [posted_entry(row) for row in of_entries],
            [row[13] for row in of_entries],
            [row[14] for row in of_entries],
        )
        left = next(receipts, None) if of_receipts else left
        right = next(entries, None) if of_entries else right


def _groups(rows: Iterator[Row]) -> Iterator[tuple[MemberDay, list[tuple[Any, ...]]]]:
    for key, group in groupby(rows, key=_KEY):
        yield key, list(group)
