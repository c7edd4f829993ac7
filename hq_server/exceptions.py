"""Differences that need a person: opened once, with a sentence, and closed when they are no more.

Two tables, one on each side; the kind is stable and other systems may rely on it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hq_server.references import bucket_of
from hq_server.store.connection import Transaction
from loyalty_core.units import EpochMs


class ArrivalException(msgspec.Struct, frozen=True):
    """Something about what a till handed in. `receipt_key` ties it to a receipt whose fold may end it."""

    store_id: str
    kind: str
    subject: str
    detail: str
    receipt_key: str | None = None


class AccountException(msgspec.Struct, frozen=True):
    """Something about a member or a reference; it lives in the bucket of `owner`."""

    owner: str
    kind: str
    subject: str
    detail: str = ""


def open_arrivals(tx: Transaction, found: Iterable[ArrivalException], now_ms: EpochMs) -> None:
    """Open these; those that are open already keep their age."""
    tx.many(
        "arrivals.open_exception",
        [(one.store_id, one.kind, one.subject, one.receipt_key, one.detail, now_ms) for one in found],
    )


def restate_arrivals(tx: Transaction, found: Iterable[ArrivalException], now_ms: EpochMs) -> None:
    """Open these; those that are open keep their age, and their explanation while they say the same."""
    tx.many(
        "arrivals.restate_exception",
        [(one.store_id, one.kind, one.subject, one.detail, now_ms) for one in found],
    )


def close_arrivals(tx: Transaction, gone: Iterable[tuple[str, str, str]], now_ms: EpochMs) -> None:
    """Close (store, kind, subject) where open."""
    tx.many("arrivals.close_exception", [(*one, now_ms) for one in gone])


def current_of(tx: Transaction, names: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return which of these (store, kind, subject) are not closed."""
    keys = msgspec.json.encode(list(names)).decode()
    return [(store_id, kind, subject) for store_id, kind, subject in tx.all("arrivals.current_of", keys=keys)]


def open_accounts(
    tx: Transaction, found: Iterable[AccountException], bucket_count: int, now_ms: EpochMs
) -> None:
    """Open these; those that are open already keep their age."""
    tx.many(
        "accounts.open_account_exception",
        [(bucket_of(one.owner, bucket_count), one.kind, one.subject, one.detail, now_ms) for one in found],
    )


def close_accounts(
    tx: Transaction, gone: Iterable[AccountException], bucket_count: int, now_ms: EpochMs
) -> None:
    """Close these where open."""
    tx.many(
        "accounts.close_account_exception",
        [(bucket_of(one.owner, bucket_count), one.kind, one.subject, now_ms) for one in gone],
    )
