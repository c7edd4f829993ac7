"""Events for headquarters' tests, on 2026-11-21 in Seoul unless told otherwise."""

from __future__ import annotations

from loyalty_core.events import (
    Line,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionCommitted,
    ReturnRecorded,
    VisitRecorded,
    VisitVoided,
)
from tests.hq.till import NOW_MS

DAY = 20778
"""2026-11-21."""


def on(day: int, after_ms: int, at: int | None) -> int:
    """Return the time of an event of a day where none is given: so long after the hour of `NOW_MS`."""
    return NOW_MS + (day - DAY) * 86_400_000 + after_ms if at is None else at


def key(number: str, *, store: str = "S012", till: str = "T01", day: int = DAY) -> ReceiptKey:
    return ReceiptKey(store, till, day, number)


def purchase(
    number: str = "1",
    net: int = 12_990,
    member: str | None = "id:M1",
    *,
    store: str = "S012",
    at: int | None = None,
    day: int = DAY,
) -> PurchaseRecorded:
    return PurchaseRecorded(member, on(day, 0, at), day, key(number, store=store, day=day), net, 0, (), ())


def void(
    number: str = "1",
    *,
    of_store: str = "S012",
    of_day: int = DAY,
    store: str = "S012",
    at: int | None = None,
    day: int = DAY,
) -> PurchaseVoided:
    receipt = key(f"void-{number}", store=store, day=day)
    return PurchaseVoided(None, on(day, 0, at), day, receipt, key(number, store=of_store, day=of_day))


def back(
    number: str = "r1",
    *,
    of: str | None = "1",
    net: int = 3_990,
    lines: tuple[Line, ...] = (),
    at: int | None = None,
    day: int = DAY,
    store: str = "S012",
    of_store: str = "S012",
    of_day: int = DAY,
) -> ReturnRecorded:
    original = None if of is None else key(of, store=of_store, day=of_day)
    receipt = key(number, store=store, day=day)
    return ReturnRecorded(None, on(day, 1, at), day, receipt, original, net, 0, lines, ())


def claim(
    number: str = "1", member: str = "id:M1", *, at: int | None = None, day: int = DAY, of_day: int = DAY
) -> ReceiptClaimed:
    return ReceiptClaimed(member, on(day, 2, at), day, key(number, day=of_day))


def spent(
    points: int,
    redemption: str = "R1",
    member: str = "id:M1",
    *,
    paid: str | None = None,
    at: int | None = None,
    day: int = DAY,
) -> RedemptionCommitted:
    return RedemptionCommitted(
        member, on(day, 3, at), day, redemption, points, points, "", None if paid is None else key(paid)
    )


def visit(member: str | None = "id:M1", *, at: int = NOW_MS, number: str | None = None) -> VisitRecorded:
    return VisitRecorded(member, at, DAY, "till", None if number is None else key(number))


def visit_void(seq: int, *, at: int = NOW_MS) -> VisitVoided:
    return VisitVoided(None, at, DAY, 1, seq, None)
