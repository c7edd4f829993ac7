"""Facts, made short for the tests of the core.

Everything happens in Seoul, at store S1, on terminal T1, unless a test says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from loyalty_core.calendar import Place, business_day, day_of
from loyalty_core.events import (
    HQ,
    CouponUsed,
    EventId,
    EventPlaced,
    Fact,
    Line,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionCommitted,
    ReturnRecorded,
    Tender,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.receipts import ReceiptRules
from loyalty_core.units import Day, EpochMs, Minute, Seq

SEOUL: Final = ZoneInfo("Asia/Seoul")


RULES: Final = ReceiptRules("S1", SEOUL, lambda _: 14)


NEW_YORK: Final = ZoneInfo("America/New_York")


BERLIN: Final = ZoneInfo("Europe/Berlin")


FIVE: Final = Minute(5 * 60)


FRIDAY: Final = "2026-11-20"


TUESDAY: Final = "2026-11-24"


TUESDAY_IN_DECEMBER: Final = "2026-12-01"


def at(text: str, zone: ZoneInfo = SEOUL, *, fold: int = 0) -> EpochMs:
    """Return the instant of a wall time such as `2026-12-01 10:00`; `fold` 1 is the second of two."""
    local = datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)
    return EpochMs(int(local.timestamp()) * 1000)


def day(text: str) -> Day:
    """Return the day number of an ISO date."""
    return day_of(date.fromisoformat(text))


def event_id(seq: int, terminal: str = "T1", *, epoch: int = 1, branch: int = 0) -> EventId:
    """Return a place in a journal."""
    return EventId(terminal, epoch, branch, Seq(seq))


def key(number: str = "0001", *, store: str = "S1", till: str = "T1", on: str = FRIDAY) -> ReceiptKey:
    """Return a receipt key."""
    return ReceiptKey(store, till, day(on), number)


def purchase(
    seq: int = 1,
    net: int = 12_990,
    *,
    member: str | None = "id:m1",
    when: str = f"{FRIDAY} 10:00",
    terminal: str = "T1",
    lines: Iterable[Line] = (),
    tenders: Iterable[Tender] = (),
    receipt: ReceiptKey | None = None,
    tax: int = 0,
    branch: int = 0,
) -> Fact:
    """Return a purchase as a till reported it."""
    at_ms = at(when)
    own = receipt or key(on=when[:10])
    event = PurchaseRecorded(member, at_ms, own.business_day, own, net, tax, tuple(lines), tuple(tenders))
    return Fact(event_id(seq, terminal, branch=branch), event)


def visit(
    seq: int = 1,
    *,
    member: str | None = "id:m1",
    when: str = f"{FRIDAY} 10:00",
    terminal: str = "T1",
    receipt: ReceiptKey | None = None,
    epoch: int = 1,
    branch: int = 0,
) -> Fact:
    """Return a visit as a till reported it."""
    at_ms = at(when)
    event = VisitRecorded(member, at_ms, business_day(at_ms, Place(SEOUL, FIVE)), "till", receipt)
    return Fact(event_id(seq, terminal, epoch=epoch, branch=branch), event)


def visit_void(
    seq: int,
    of: Fact,
    *,
    when: str = f"{FRIDAY} 10:05",
    terminal: str = "T1",
) -> Fact:
    """Return the void of a visit, by its place in the journal."""
    at_ms = at(when)
    named = of.event.receipt if isinstance(of.event, VisitRecorded) else None
    event = VisitVoided(None, at_ms, business_day(at_ms, Place(SEOUL, FIVE)), of.id.epoch, of.id.seq, named)
    return Fact(event_id(seq, terminal), event)


def void(
    seq: int,
    *,
    of: ReceiptKey | None = None,
    when: str = f"{FRIDAY} 10:05",
    terminal: str = "T1",
    receipt: ReceiptKey | None = None,
) -> Fact:
    """Return the post-void of a purchase."""
    at_ms = at(when)
    original = of or key()
    event = PurchaseVoided(
        None, at_ms, business_day(at_ms, Place(SEOUL, FIVE)), receipt or original, original
    )
    return Fact(event_id(seq, terminal), event)


def returned(
    seq: int,
    net: int = 3_990,
    *,
    of: ReceiptKey | None = None,
    when: str = f"{FRIDAY} 11:00",
    lines: Iterable[Line] = (),
    tenders: Iterable[Tender] = (),
    number: str = "R001",
    terminal: str = "T1",
) -> Fact:
    """Return a return on a purchase: of `net`, or of lines."""
    own = key(number, on=when[:10])
    event = ReturnRecorded(
        None, at(when), own.business_day, own, of or key(), net, 0, tuple(lines), tuple(tenders)
    )
    return Fact(event_id(seq, terminal), event)


def claimed(
    seq: int,
    member: str | None = "id:m2",
    *,
    of: ReceiptKey | None = None,
    when: str = f"{FRIDAY} 12:00",
    terminal: str = "T1",
) -> Fact:
    """Return a member's claim of an anonymous purchase."""
    event = ReceiptClaimed(member, at(when), day(when[:10]), of or key())
    return Fact(event_id(seq, terminal), event)


def redeemed(
    seq: int,
    points: int = 1_000,
    *,
    member: str | None = "id:m1",
    redemption: str = "r1",
    reward: str = "",
    value: int = 1_000,
    of: ReceiptKey | None = None,
    when: str = f"{FRIDAY} 10:00",
    terminal: str = "T1",
) -> Fact:
    """Return the spending of points, on a purchase where `of` names one."""
    event = RedemptionCommitted(member, at(when), day(when[:10]), redemption, points, value, reward, of)
    return Fact(event_id(seq, terminal), event)


def coupon(
    seq: int,
    name: str = "c1",
    *,
    member: str | None = "id:m1",
    redemption: str = "r1",
    of: ReceiptKey | None = None,
    when: str = f"{FRIDAY} 10:00",
    terminal: str = "T1",
) -> Fact:
    """Return the use of a coupon."""
    event = CouponUsed(member, at(when), day(when[:10]), name, redemption, of)
    return Fact(event_id(seq, terminal), event)


def placed(seq: int, of: Fact, when: str, *, on: str | None = None) -> Fact:
    """Return HQ's decision that a fact happened at `when`, on that date or the business date `on`."""
    named = of.id
    event = EventPlaced(
        None,
        at(when),
        day(on or when[:10]),
        named.terminal_id,
        named.epoch,
        named.branch,
        named.seq,
        "clock stood wrong",
    )
    return Fact(event_id(seq, HQ), event)


def line(net: int, category: str = "", *, sku: str = "A1", number: int = 1, quantity: int = 1000) -> Line:
    """Return one item of a receipt; the quantity in thousandths."""
    return Line(number, sku, category, quantity, net)
