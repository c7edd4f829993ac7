"""Events for headquarters' tests, on 2026-11-21 in Seoul unless told otherwise."""

from __future__ import annotations

from loyalty_core.events import PurchaseRecorded, PurchaseVoided, ReceiptKey, VisitRecorded, VisitVoided
from tests.hq.till import NOW_MS

DAY = 20778
"""2026-11-21."""


def key(number: str, *, store: str = "S012", till: str = "T01", day: int = DAY) -> ReceiptKey:
    return ReceiptKey(store, till, day, number)


def purchase(
    number: str = "1",
    net: int = 12_990,
    member: str | None = "id:M1",
    *,
    store: str = "S012",
    at: int = NOW_MS,
    day: int = DAY,
) -> PurchaseRecorded:
    return PurchaseRecorded(member, at, day, key(number, store=store, day=day), net, 0, (), ())


def void(
    number: str = "1", *, of_store: str = "S012", store: str = "S012", at: int = NOW_MS
) -> PurchaseVoided:
    return PurchaseVoided(None, at, DAY, key(f"void-{number}", store=store), key(number, store=of_store))


def visit(member: str | None = "id:M1", *, at: int = NOW_MS, number: str | None = None) -> VisitRecorded:
    return VisitRecorded(member, at, DAY, "till", None if number is None else key(number))


def visit_void(seq: int, *, at: int = NOW_MS) -> VisitVoided:
    return VisitVoided(None, at, DAY, 1, seq, None)
