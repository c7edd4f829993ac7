"""A world told fact by fact, for the tests of the oracle.

Everything happens in Seoul, in store S1 on terminal T1, where the business day starts at 05:00, unless a test
says otherwise. T2 is a second till of S1, T3 is the till of S2. Members m1, m2 and m3 are known by `id:`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from loyalty_core.calendar import Place
from loyalty_core.events import (
    HQ,
    CouponUsed,
    Event,
    EventId,
    EventPlaced,
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
from loyalty_core.programme import Bonus, Cap, Earn, Kind, Programme, Slot, Tier, Weight, When
from loyalty_core.units import Day, MinorUnits, Minute, Points, Seq
from tests.oracle.reading import figures
from tests.oracle.world import Account, Adjustment, Close, Figures, World

SEOUL: Final = ZoneInfo("Asia/Seoul")
FIVE: Final = Minute(5 * 60)
STORE_OF: Final = {"T1": "S1", "T2": "S1", "T3": "S2", HQ: ""}
VISIT: Final[frozenset[Kind]] = frozenset({"visit"})
PURCHASE: Final[frozenset[Kind]] = frozenset({"purchase"})
FRIDAY: Final = "2026-11-20"
TUESDAY: Final = "2026-11-24"

SPEND: Final = Earn(id="spend", when=When(on=PURCHASE), points=Points(1), per=MinorUnits(1000))
BEEN_THERE: Final = Earn(id="visit", when=When(on=VISIT), points=Points(10), limit_per_day=1)
QUIET_HOURS: Final = Weight(
    id="quiet-hours",
    when=When(on=VISIT, weekdays=frozenset({0, 1, 2, 3}), slot=Slot(FIVE, Minute(12 * 60))),
    times=Fraction("1.5"),
)


def day(text: str) -> Day:
    """Return the number of an ISO date."""
    return Day((date.fromisoformat(text) - date(1970, 1, 1)).days)


def at(text: str, zone: ZoneInfo = SEOUL) -> int:
    """Return the instant of a wall time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1000


DECEMBER: Final = Weight(
    id="december-double",
    when=When(from_day=day("2026-12-01"), until_day=day("2026-12-31")),
    times=Fraction(2),
)
LADDER: Final = tuple(
    Tier(code=code, start=Points(start)) for code, start in [("BRONZE", 0), ("SILVER", 100), ("GOLD", 300)]
)


def line(net: int, sku: str = "A", *, category: str = "", pieces: int = 1, number: int = 1) -> Line:
    """Return an item of a receipt; `pieces` are whole ones."""
    return Line(number, sku, category, pieces * 1000, net)


def programme(**changes: Any) -> Programme:
    """Return the programme of the worked examples, with changes."""
    moonlight = Programme(
        programme_id="moonlight",
        version=7,
        effective_from=day("2025-01-01"),
        currency="KRW",
        timezone="Asia/Seoul",
        place=Place(SEOUL, FIVE),
        earns=(SPEND, BEEN_THERE),
        weights=(QUIET_HOURS, DECEMBER),
        ladder=LADDER,
        expiry_after_periods=2,
    )
    return msgspec.structs.replace(moonlight, **changes)


def earn(points: int, **more: Any) -> Earn:
    """Return a rule of fixed points for a purchase, or for what `when` says."""
    given: dict[str, Any] = {"id": "earn", "points": Points(points), "when": When(on=PURCHASE)}
    return Earn(**given | more)


def weight(times: str, **more: Any) -> Weight:
    """Return a multiplier."""
    given: dict[str, Any] = {"id": f"x{times}", "times": Fraction(times), "when": When()}
    return Weight(**given | more)


def bonus(points: int, **more: Any) -> Bonus:
    """Return a bonus."""
    given: dict[str, Any] = {"id": "bonus", "points": Points(points), "when": When()}
    return Bonus(**given | more)


def cap(points: int, per: str, **more: Any) -> Cap:
    """Return a cap."""
    given: dict[str, Any] = {"id": "cap", "points": Points(points), "per": per, "when": When()}
    return Cap(**given | more)


class Tale:
    """Tells facts one after the other; each returns its event's place. `m` is a member, None for nobody."""

    def __init__(self, *versions: Programme, **more: Any) -> None:
        self.versions = versions or (programme(),)
        self.facts: list[tuple[EventId, Event]] = []
        self.adjustments: list[Adjustment] = []
        self.more: dict[str, Any] = {"through": day("2027-01-01")} | more

    def tell(self, event: Event, terminal: str = "T1", *, branch: int = 0, seq: int | None = None) -> EventId:
        """Add a fact."""
        place = EventId(terminal, 1, branch, Seq(seq or len(self.facts) + 1))
        self.facts.append((place, event))
        return place

    def key(self, number: str, when: str, till: str = "T1") -> ReceiptKey:
        """Return the receipt key of a sale at a time."""
        return ReceiptKey(STORE_OF[till], till, business_day(when), number)

    def visit(
        self, when: str, m: str | None = "m1", *, till: str = "T1", number: str | None = None, on: str = ""
    ) -> EventId:
        """A member was there."""
        receipt = None if number is None else self.key(number, when)
        event = VisitRecorded(named(m), at(when), business_day(on or when), "till", receipt)
        return self.tell(event, till)

    def unvisit(self, when: str, of: EventId, *, till: str = "T1") -> EventId:
        """A visit is undone."""
        return self.tell(VisitVoided(None, at(when), business_day(when), of.epoch, of.seq, None), till)

    def buy(
        self,
        when: str,
        net: int = 0,
        m: str | None = "m1",
        *,
        lines: Sequence[Line] = (),
        paid: Iterable[tuple[str, int]] = (),
        number: str = "0001",
        till: str = "T1",
        by: str | None = None,
    ) -> EventId:
        """A sale at a till, told by its own terminal or `by` another; its net is that of the lines."""
        event = PurchaseRecorded(
            named(m),
            at(when),
            business_day(when),
            self.key(number, when, till),
            net or sum(one.net_minor for one in lines),
            0,
            tuple(lines),
            tuple(Tender(*one) for one in paid),
        )
        return self.tell(event, by or till)

    def bring_back(
        self,
        when: str,
        of: ReceiptKey | None,
        net: int = 0,
        *,
        lines: Sequence[Line] = (),
        paid: Iterable[tuple[str, int]] = (),
        number: str = "R1",
        till: str = "T1",
        m: str | None = None,
    ) -> EventId:
        """Goods come back."""
        event = ReturnRecorded(
            named(m),
            at(when),
            business_day(when),
            self.key(number, when, till),
            of,
            net or sum(one.net_minor for one in lines),
            0,
            tuple(lines),
            tuple(Tender(*one) for one in paid),
        )
        return self.tell(event, till)

    def void(self, when: str, of: ReceiptKey, *, till: str = "T1", number: str = "V1") -> EventId:
        """A sale is voided."""
        event = PurchaseVoided(None, at(when), business_day(when), self.key(number, when, till), of)
        return self.tell(event, till)

    def claim(self, when: str, of: ReceiptKey, m: str, *, till: str = "T1") -> EventId:
        """A member says that a sale was theirs."""
        return self.tell(ReceiptClaimed(named(m), at(when), business_day(when), of), till)

    def redeem(
        self,
        when: str,
        points: int,
        m: str | None = "m1",
        *,
        redemption: str = "r1",
        of: ReceiptKey | None = None,
        till: str = "T1",
    ) -> EventId:
        """Points are spent."""
        event = RedemptionCommitted(named(m), at(when), business_day(when), redemption, points, 0, "", of)
        return self.tell(event, till)

    def coupon(self, when: str, coupon: str, redemption: str, *, till: str = "T1") -> EventId:
        """A coupon is taken."""
        return self.tell(CouponUsed(None, at(when), business_day(when), coupon, redemption, None), till)

    def place(self, of: EventId, when: str) -> EventId:
        """HQ places an event at another time."""
        return self.tell(EventPlaced(None, at(when), business_day(when), *identity(of), "clock"), HQ)

    def adjust(self, on: str, redeemable: int, qualifying: int = 0, m: str = "m1") -> EventId:
        """HQ moves points by hand."""
        place = EventId(HQ, 1, 0, Seq(1000 + len(self.adjustments)))
        self.adjustments.append(
            Adjustment(id=place, member=m, day=day(on), redeemable=redeemable, qualifying=qualifying)
        )
        return place

    def world(self, **more: Any) -> World:
        """Return the world so far."""
        members = {(store, f"id:{m}"): m for store in ("S1", "S2", "") for m in ("m1", "m2", "m3")}
        given: dict[str, Any] = {
            "facts": tuple(self.facts),
            "programmes": self.versions,
            "places": {"S1": Place(SEOUL, FIVE), "S2": Place(SEOUL, FIVE)},
            "terminals": STORE_OF,
            "members": members,
            "adjustments": tuple(self.adjustments),
        }
        return World(**given | self.more | more)

    def read(self, **more: Any) -> Figures:
        """Return the figures of the world so far."""
        return figures(self.world(**more))

    def account(self, m: str = "m1", **more: Any) -> Account:
        """Return a member's figures."""
        return self.read(**more).accounts[m]

    def moved(self, m: str = "m1", **more: Any) -> list[tuple[str, int, int]]:
        """Return (kind, redeemable, qualifying) of a member's entries by date and event; a cap is last."""
        entries = self.account(m, **more).entries
        ordered = sorted(entries, key=lambda one: (one.day or 10**6, one.event is None, str(one.event)))
        return [(one.kind, *entries[one]) for one in ordered]

    def redeemable(self, event: EventId, m: str = "m1") -> int:
        """Return the redeemable points that an event moved."""
        entries = self.account(m).entries
        return sum(points.redeemable for one, points in entries.items() if one.event == event)

    def conflicts(self) -> set[tuple[str, int]]:
        """Return (kind, seq) of every conflict."""
        return {(kind, event.seq) for kind, event in self.read().conflicts}

    def close(self, period: str) -> None:
        """Close a period as things stand."""
        now = self.read()
        posted = {(m, one) for m, account in now.accounts.items() for one in account.entries}
        totals = {m: account.qualifying.get(period, 0) for m, account in now.accounts.items()}
        self.more.setdefault("closes", {})[period] = Close(posted=frozenset(posted), totals=totals)


def named(m: str | None) -> str | None:
    """Return the reference by which tills name a member."""
    return None if m is None else f"id:{m}"


def identity(of: EventId) -> tuple[str, int, int, int]:
    """Return the parts of a place."""
    return of.terminal_id, of.epoch, of.branch, of.seq


def business_day(when: str) -> Day:
    """Return the business day of a wall time; a date alone is one."""
    return Day(day(when[:10]) - ("" < when[11:] < "05:00"))
