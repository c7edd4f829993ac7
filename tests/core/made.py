"""Facts, items and programmes, made short for the tests of the core.

Everything happens in Seoul, at store S1, on terminal T1, unless a test says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from fractions import Fraction
from typing import Final, Literal
from zoneinfo import ZoneInfo

from loyalty_core.accrual import DayRules, derive_day, rules_of_day
from loyalty_core.calendar import Place, business_day, day_of, local_time
from loyalty_core.entries import PointEntry
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
from loyalty_core.programme import (
    Affects,
    Bonus,
    Cap,
    Combine,
    Earn,
    Kind,
    Programme,
    Slot,
    Tier,
    Weight,
    When,
)
from loyalty_core.receipts import ReceiptRules
from loyalty_core.resolved import Item, Resolved, Takeback
from loyalty_core.units import Day, EpochMs, MinorUnits, Minute, Points, Seq

SEOUL: Final = ZoneInfo("Asia/Seoul")
RULES: Final = ReceiptRules("S1", SEOUL, lambda _: 14)
NEW_YORK: Final = ZoneInfo("America/New_York")
BERLIN: Final = ZoneInfo("Europe/Berlin")
FIVE: Final = Minute(5 * 60)
FRIDAY: Final = "2026-11-20"
TUESDAY: Final = "2026-11-24"
TUESDAY_IN_DECEMBER: Final = "2026-12-01"
BOTH: Final[frozenset[Kind]] = frozenset({"visit", "purchase"})
VISIT: Final[frozenset[Kind]] = frozenset({"visit"})
PURCHASE: Final[frozenset[Kind]] = frozenset({"purchase"})


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


def bought(
    net: int | None = None,
    *,
    lines: Iterable[tuple[str, int]] = (),
    tenders: Iterable[tuple[str, int]] = (),
    when: str = f"{FRIDAY} 10:00",
    seq: int = 1,
    terminal: str = "T1",
    store: str = "S1",
    zone: ZoneInfo = SEOUL,
) -> Item:
    """Return a purchase as rules see it: of `net`, or of (category, net) lines."""
    money = tuple(lines) or (("", net or 0),)
    at_ms = at(when, zone)
    _, minute = local_time(at_ms, zone)
    return Item(event_id(seq, terminal), at_ms, "purchase", store, minute, money, tuple(tenders))


def visited(
    when: str = f"{FRIDAY} 10:00",
    *,
    seq: int = 1,
    terminal: str = "T1",
    store: str = "S1",
    zone: ZoneInfo = SEOUL,
) -> Item:
    """Return a visit as rules see it."""
    at_ms = at(when, zone)
    _, minute = local_time(at_ms, zone)
    return Item(event_id(seq, terminal), at_ms, "visit", store, minute, (), ())


def taken_back(
    of: Item, when: str, *, seq: int, remains: Item | None = None, on: str | None = None
) -> Resolved:
    """Return an item with one takeback; dated `on`, or on the date of `when`."""
    back = Takeback(event_id(seq), at(when), day(on or when[:10]), remains, voids=remains is None)
    return Resolved(business_day(of.occurred_at_ms, Place(SEOUL, FIVE)), of, (back,))


def standing(*items: Item) -> list[Resolved]:
    """Return items of which nothing was taken back."""
    return [Resolved(Day(0), item, ()) for item in items]


def earn(
    rule: str = "earn",
    points: int = 1,
    *,
    per: int | None = None,
    limit: int | None = None,
    when: When | None = None,
    affects: Affects = None,
) -> Earn:
    """Return an earning rule, on purchases unless `when` says otherwise."""
    return Earn(
        id=rule,
        when=when or When(on=PURCHASE),
        affects=affects,
        points=Points(points),
        per=None if per is None else MinorUnits(per),
        limit_per_day=limit,
    )


def weight(times: str, rule: str = "weight", *, when: When | None = None, affects: Affects = None) -> Weight:
    """Return a multiplier, on everything unless `when` says otherwise."""
    return Weight(id=rule, when=when or When(), affects=affects, times=Fraction(times))


def bonus(
    points: int,
    *,
    rule: str = "bonus",
    per: Literal["event", "day", "period"] = "event",
    nth: int | None = None,
    when: When | None = None,
    affects: Affects = None,
    first: bool = False,
    birthday: bool = False,
) -> Bonus:
    """Return fixed extra points, on everything unless `when` says otherwise."""
    return Bonus(
        id=rule,
        points=Points(points),
        per=per,
        nth=nth,
        when=when or When(),
        affects=affects,
        first=first,
        birthday=birthday,
    )


def cap(
    points: int,
    per: Literal["event", "day", "period"] = "day",
    *,
    rule: str = "cap",
    when: When | None = None,
    affects: Affects = None,
) -> Cap:
    """Return a limit on points, on everything unless `when` says otherwise."""
    return Cap(id=rule, points=Points(points), per=per, when=when or When(), affects=affects)


def tier(code: str, start: int) -> Tier:
    """Return a step of a ladder."""
    return Tier(code=code, start=Points(start))


LADDER: Final = (
    tier("BRONZE", 0),
    tier("SILVER", 100),
    tier("GOLD", 300),
    tier("PLATINUM", 800),
    tier("DIAMOND", 2000),
)
SPEND: Final = earn("spend", 1, per=1000)
BEEN_THERE: Final = earn("visit", 10, limit=1, when=When(on=VISIT))
QUIET_HOURS: Final = weight(
    "1.5",
    "quiet-hours",
    when=When(on=VISIT, weekdays=frozenset({0, 1, 2, 3}), slot=Slot(FIVE, Minute(12 * 60))),
)
DECEMBER: Final = weight(
    "2", "december-double", when=When(from_day=day("2026-12-01"), until_day=day("2026-12-31"))
)


def programme(
    *,
    earns: Iterable[Earn] = (SPEND, BEEN_THERE),
    weights: Iterable[Weight] = (),
    bonuses: Iterable[Bonus] = (),
    caps: Iterable[Cap] = (),
    combine: Combine = "best",
    version: int = 7,
    effective: str = "2026-07-01",
    months: int = 6,
) -> Programme:
    """Return a programme version of these rules."""
    return Programme(
        programme_id="moonlight",
        version=version,
        effective_from=day(effective),
        currency="KRW",
        timezone="Asia/Seoul",
        place=Place(SEOUL, FIVE),
        period_months=months,
        combine=combine,
        earns=tuple(earns),
        weights=tuple(weights),
        bonuses=tuple(bonuses),
        caps=tuple(caps),
        ladder=LADDER,
    )


def moonlight(combine: Combine = "best") -> Programme:
    """Return the programme of the worked examples."""
    return programme(weights=(QUIET_HOURS, DECEMBER), combine=combine)


def rules(of: Programme, on: str = FRIDAY, tier_held: str = "BRONZE") -> DayRules:
    """Return what is in play on a date."""
    return rules_of_day(of, day(on), tier_held)


def given(of: Programme, *items: Item, on: str = FRIDAY, tier_held: str = "BRONZE") -> list[int]:
    """Return the redeemable points of each item, where qualifying points are the same."""
    entries = derive_day(rules(of, on, tier_held), standing(*items))
    assert all(entry.redeemable == entry.qualifying for entry in entries)
    return [entry.redeemable for entry in entries]


def total(entries: Iterable[PointEntry]) -> tuple[int, int]:
    """Return (redeemable, qualifying) of entries together."""
    held = list(entries)
    return sum(entry.redeemable for entry in held), sum(entry.qualifying for entry in held)
