"""What does not fit and waits for a person, by kind and age. Reads only."""

from __future__ import annotations

from collections import Counter

import msgspec

from hq_server.fleet_view import at_text
from hq_server.store.connection import Transaction
from loyalty_core.units import EpochMs


class ExceptionView(msgspec.Struct, frozen=True, kw_only=True):
    """One open exception. `store_id` is None where it is about a member rather than a till."""

    kind: str
    store_id: str | None
    subject: str
    receipt_key: str | None
    detail: str
    opened_at: str
    age_ms: int


class KindCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many of one kind are open, and how old the oldest is."""

    kind: str
    count: int
    oldest_ms: int


def open_exceptions(tx: Transaction, now_ms: EpochMs) -> list[ExceptionView]:
    """Return every open exception, the oldest first."""
    found = [
        _view(kind, store_id, subject, receipt_key, detail, opened, now_ms)
        for store_id, kind, subject, receipt_key, detail, opened in tx.all("arrivals.open_exceptions")
    ]
    found += [
        _view(kind, None, subject, None, detail, opened, now_ms)
        for kind, subject, detail, opened in tx.all("accounts.open_account_exceptions")
    ]
    return sorted(found, key=lambda one: (-one.age_ms, one.kind, one.subject))


def by_kind(found: list[ExceptionView]) -> list[KindCount]:
    """Return the exceptions counted by kind, the most frequent first."""
    return [
        KindCount(kind=kind, count=count, oldest_ms=max(one.age_ms for one in found if one.kind == kind))
        for kind, count in Counter(one.kind for one in found).most_common()
    ]


def _view(
    kind: str,
    store_id: str | None,
    subject: str,
    receipt_key: str | None,
    detail: str,
    opened_at_ms: int,
    now_ms: EpochMs,
) -> ExceptionView:
    return ExceptionView(
        kind=kind,
        store_id=store_id,
        subject=subject,
        receipt_key=receipt_key,
        detail=detail,
        opened_at=at_text(opened_at_ms),
        age_ms=max(0, now_ms - opened_at_ms),
    )
