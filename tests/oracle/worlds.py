"""Whole worlds as Hypothesis thinks of them: few members, tills and days, so that facts meet.

What is drawn is what tills can report, right or wrong: copies that differ, returns of more than was sold or
before the sale, claims too late, clocks that HQ corrects. A receipt's facts are drawn together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import hypothesis.strategies as st

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
    RedemptionCancelled,
    RedemptionCommitted,
    ReturnRecorded,
    Tender,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.units import Seq
from tests.oracle.reading import figures
from tests.oracle.rulebooks import rulebooks
from tests.oracle.tale import FIVE, SEOUL, STORE_OF, at, business_day, day
from tests.oracle.world import Adjustment, Close, World

DAYS: Final = [
    "2026-06-30",
    "2026-07-01",
    "2026-07-02",
    "2026-02-28",
    "2026-12-31",
    "2027-01-01",
    "2027-07-01",
    "2025-12-31",
]
TIMES: Final = ["10:00", "10:01", "12:00", "22:30", "05:00", "04:59"]
MEMBERS: Final = ["m1", "m2", "m3"]
REFERENCES: Final = [None, "id:m1", "id:m1", "id:m1", "id:m1", "id:m2", "id:m2", "id:m3", "card:9"]
"""How tills name members; nobody is known by the card."""
TILLS: Final = ["T1", "T2", "T3"]
MEMBERS_OF: Final = {(store, f"id:{m}"): m for store in ("S1", "S2", "") for m in MEMBERS}

_nets = st.sampled_from([1_000, 500, 0, 999, 1_800, 2_500, 5_000])
_quantities = st.sampled_from([1_000, 1_000, 2_000, 3_000, 0, 1_500])
_categories = st.sampled_from(["", "golf", "food"])
_skus = st.sampled_from(["A", "A", "B", ""])
_tenders = st.lists(
    st.builds(
        Tender,
        st.sampled_from(["card", "card", "card", "points", "gift_card", "cash"]),
        st.sampled_from([500, 1_000, 1_800]),
    ),
    max_size=2,
).map(tuple)


class Pen:
    """Writes facts of one world at drawn times; places in journals are numbered through."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.days = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True))
        self.facts: list[tuple[EventId, Event]] = []

    def pick(self, *values: Any) -> Any:
        """Draw one of the values."""
        return self.draw(st.sampled_from(values))

    def times(self, *counts: int) -> range:
        """Draw how often something happens."""
        return range(self.pick(*counts))

    def when(self) -> tuple[int, int]:
        """Draw an instant and its business day."""
        text = f"{self.pick(*self.days)} {self.pick(*TIMES)}"
        return at(text), business_day(text)

    def tell(self, terminal: str, event: Event) -> EventId:
        """Write an event down."""
        place = EventId(terminal, self.pick(1, 1, 2), 0, Seq(len(self.facts) + 1))
        self.facts.append((place, event))
        return place

    def till_of(self, store: str) -> str:
        """Draw a terminal of a store."""
        return "T3" if store == "S2" else str(self.pick("T1", "T2"))

    def lines(self, least: int) -> tuple[Line, ...]:
        """Draw lines of goods."""
        kinds = st.builds(Line, st.integers(1, 3), _skus, _categories, _quantities, _nets)
        return self.draw(st.lists(kinds, min_size=least, max_size=3).map(tuple))

    def receipt(self, number: int) -> ReceiptKey:
        """Tell of a purchase with its copies and all that happens to it, or of some of that only."""
        till = self.pick(*TILLS)
        at_ms, today = self.when()
        key = ReceiptKey(STORE_OF[till], till, today, f"{number:04}")
        lines = self.lines(least=0)
        discount = () if not lines or self.pick(True, True, False) else (Line(9, "", "", 1_000, -300),)
        net = sum(one.net_minor for one in (*lines, *discount)) + self.pick(0, 0, -100, 250)
        net = net if lines else self.pick(1_000, 4_999, 0)
        paid = self.draw(_tenders)
        sale = PurchaseRecorded(self.pick(*REFERENCES), at_ms, today, key, net, 0, (*lines, *discount), paid)
        for copy in self.times(1, 1, 1, 1, 2, 3, 0):
            told = replace_event(sale, member=self.pick(*REFERENCES)) if copy else sale
            if copy and self.pick(False, False, True):
                told = replace_event(told, net_minor=net + 700)
            if copy and self.pick(False, False, True):
                told = replace_event(told, lines=told.lines[::-1])
            self.tell(self.till_of(key.store), told)
        for again in self.times(0, 0, 0, 1, 1, 2, 3):
            self.bring_back(f"R{number}{again}", key, sale)
        for again in self.times(0, 0, 0, 0, 1, 2):
            own = ReceiptKey(STORE_OF[till], till, today, f"V{number}{again}")
            self.tell(self.till_of(key.store), PurchaseVoided(None, *self.when(), own, key))
        if sale.member is None or self.pick(False, False, False, True):
            for _ in self.times(1, 0, 2, 3):
                self.tell(
                    self.pick(*TILLS, HQ), ReceiptClaimed(self.pick(*REFERENCES[1:]), *self.when(), key)
                )
        return key

    def bring_back(self, number: str, key: ReceiptKey, sale: PurchaseRecorded) -> None:
        """Tell of a return of what was sold, or of something like it."""
        till = self.pick("T1", "T3")
        at_ms, today = self.when()
        own = ReceiptKey(STORE_OF[till], till, today, number)
        sold = [one for one in sale.lines if one.sku]
        lines: tuple[Line, ...] = ()
        for _ in self.times(1, 1, 0, 2):
            like = self.pick(*sold) if sold else Line(1, "A", "", 1_000, 500)
            one_piece = Line(
                like.number, like.sku, "", 1_000, like.net_minor * 1_000 // (like.quantity or 1_000)
            )
            lines = (*lines, self.pick(like, one_piece, self.draw(st.sampled_from([like, *self.lines(1)]))))
        net = sum(one.net_minor for one in lines) if lines else self.pick(300, 1_000, 9_000, 0)
        back = ReturnRecorded(
            self.pick(None, "id:m2"), at_ms, today, own, key, net, 0, lines, self.draw(_tenders)
        )
        for copy in self.times(1, 1, 1, 2):
            told = replace_event(back, net_minor=net + 100) if copy and self.pick(True, False) else back
            self.tell(till, told)

    def visit(self, number: int) -> None:
        """Tell of a visit, of its copies if it has a receipt key, and of its void."""
        till = self.pick(*TILLS)
        at_ms, today = self.when()
        key = ReceiptKey(STORE_OF[till], till, today, f"{number:04}") if self.pick(False, True) else None
        event = VisitRecorded(self.pick("id:m1", "id:m2", None), at_ms, today, "till", key)
        places = [self.tell(till, event)]
        if key is not None and self.pick(False, True):
            other = replace_event(event, member=self.pick(*REFERENCES))
            places.append(self.tell(self.till_of(key.store), other))
        for _ in self.times(0, 0, 0, 1, 2):
            of = self.pick(*places)
            wrong = self.pick(0, 0, 0, 50)
            self.tell(of.terminal_id, VisitVoided(None, *self.when(), of.epoch, of.seq + wrong, key))

    def redemption(self, number: int, keys: list[ReceiptKey]) -> None:
        """Tell of points spent, once or twice, on a receipt or on none."""
        member, name = self.pick(*REFERENCES[1:]), f"r{number}"
        key = self.pick(None, *keys)
        store = key.store if key else "S1"
        for _ in self.times(1, 1, 1, 2):
            event = RedemptionCommitted(member, *self.when(), name, self.pick(5, 20, 100, 0), 0, "", key)
            self.tell(self.till_of(store), event)
        if self.pick(False, False, True):
            self.tell("T1", RedemptionCancelled(member, *self.when(), name, "lapsed"))

    def coupon(self) -> None:
        """Tell of a coupon, used once or more often."""
        for _ in self.times(1, 2, 3):
            event = CouponUsed(self.pick(*REFERENCES), *self.when(), "c1", self.pick("c-1", "c-2"), None)
            self.tell(self.pick(*TILLS), event)

    def place(self) -> None:
        """Tell of HQ placing an event at another time."""
        of = self.pick(*(place for place, _ in self.facts))
        at_ms, today = self.when()
        self.tell(HQ, EventPlaced(None, at_ms, today, of.terminal_id, of.epoch, of.branch, of.seq, ""))


def replace_event(event: Any, **changes: Any) -> Any:
    """Return an event with other content."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**fields, **changes})


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a world."""
    pen = Pen(draw)
    keys = [pen.receipt(number) for number in pen.times(1, 2, 3, 4)]
    for number in pen.times(0, 1, 2, 3):
        pen.visit(number)
    for number in pen.times(0, 0, 1, 2, 3):
        pen.redemption(number, keys)
    if pen.pick(False, False, False, True):
        pen.coupon()
    for _ in pen.times(0, 0, 0, 1, 2) if pen.facts else ():
        pen.place()
    adjustments = tuple(
        Adjustment(
            id=EventId(HQ, 1, 0, Seq(1_000 + number)),
            member=pen.pick("m1", "m2"),
            day=day(pen.pick(*pen.days)),
            redeemable=pen.pick(50, 0, -30),
            qualifying=pen.pick(0, 40, -30),
        )
        for number in pen.times(0, 0, 1, 2)
    )
    world = World(
        facts=tuple(pen.facts),
        programmes=draw(rulebooks([day(text) for text in DAYS])),
        places={"S1": Place(SEOUL, FIVE), "S2": Place(SEOUL, FIVE)},
        terminals=STORE_OF,
        members=MEMBERS_OF,
        through=day(pen.pick("2027-12-31", "2027-01-01", "2026-12-31", "2026-01-01", "2028-07-01")),
        tiers={
            member: tuple(
                (int(day(text)), pen.pick("BRONZE", "SILVER", "GOLD"))
                for text in pen.days
                if pen.pick(False, False, True)
            )
            for member in ("m1", "m2")
        },
        birthdays={"m1": pen.pick((2, 29), (7, 1)), "m2": (12, 31)},
        merges=pen.pick((), (), (("m2", "m1"),), (("m2", "m1"), ("m1", "m3"))),
        adjustments=adjustments,
    )
    return _closed(world, pen.pick)


def _closed(world: World, pick: Callable[..., Any]) -> World:
    """Return the world with up to two periods closed, each with what was known by then."""
    months = world.programmes[0].period_months
    names = {6: ("2026-H1", "2026-H2"), 3: ("2026-Q2", "2026-Q3"), 1: ("2026-06", "2026-07")}[months]
    facts, adjustments = world.facts, world.adjustments
    closes: dict[str, Close] = {}
    for name in names[: pick(0, 0, 1, 2)]:
        facts = world.facts if closes else _known(facts, pick)
        known = replace(world, facts=facts, adjustments=adjustments, closes=dict(closes))
        accounts = figures(known).accounts
        closes[name] = Close(
            posted=frozenset((m, one) for m, account in accounts.items() for one in account.entries),
            totals={m: account.qualifying.get(name, 0) for m, account in accounts.items()},
        )
    return replace(world, closes=closes)


def _known(
    facts: tuple[tuple[EventId, Event], ...], pick: Callable[..., Any]
) -> tuple[tuple[EventId, Event], ...]:
    """Return what HQ knew at a close: everything but returns and voids, or just any of the facts."""
    if pick(True, True, False):
        takes_back = ReturnRecorded | PurchaseVoided | VisitVoided
        return tuple(one for one in facts if not isinstance(one[1], takes_back))
    return tuple(one for one in facts if pick(True, False))
