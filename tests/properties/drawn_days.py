"""What Hypothesis draws of a day: its visits and purchases, and the facts of one receipt.

Amounts are small and categories, stores and tenders few, so that rules meet often.
"""

from __future__ import annotations

from typing import Final

import hypothesis.strategies as st

from loyalty_core.events import (
    Event,
    EventId,
    Fact,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptKey,
    ReturnRecorded,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.programme import Kind
from loyalty_core.resolved import Item, Resolved, Takeback
from loyalty_core.units import Day, EpochMs, Minute, Seq
from tests.core.made import FIVE, at, day

TODAY: Final = day("2026-11-24")
OPENING: Final = at("2026-11-24 05:00")
_KINDS: Final[list[Kind]] = ["purchase", "purchase", "visit"]
categories = st.sampled_from(["", "golf", "food"])
tender_types = st.sampled_from(["card", "cash", "points", "gift_card", "voucher"])
stores = st.sampled_from(["S1", "S2"])
nets = st.one_of(st.integers(-500, 9_000), st.sampled_from([0, 899, 900, 999, 1_000, 2_500]))

# Built once: to build a strategy costs more than to draw from it.
_MINUTES: Final = st.integers(0, 1439)
_KIND: Final = st.sampled_from(_KINDS)
_TERMINAL: Final = st.sampled_from(["T1", "T2"])
_PAID: Final = st.lists(st.tuples(tender_types, st.integers(-300, 3_000)), max_size=2)
_MONEY: Final = st.lists(st.tuples(categories, nets), min_size=1, max_size=5)
_MONEY_ABOVE_ZERO: Final = st.lists(st.tuples(categories, st.integers(0, 9_000)), min_size=1, max_size=5)


@st.composite
def items(draw: st.DrawFn, seq: int, *, negative_lines: bool = True) -> Item:
    """Draw a visit or a purchase of today; `seq` makes it one of its own."""
    minutes, kind = draw(_MINUTES), draw(_KIND)
    money = draw(_MONEY if negative_lines else _MONEY_ABOVE_ZERO) if kind == "purchase" else []
    return Item(
        EventId(draw(_TERMINAL), 1, 0, Seq(seq)),
        EpochMs(OPENING + minutes * 60_000),
        kind,
        draw(stores),
        Minute((FIVE + minutes) % 1440),
        tuple(money),
        tuple(draw(_PAID)) if kind == "purchase" else (),
    )


@st.composite
def item_lists(draw: st.DrawFn, *, negative_lines: bool = True, at_least: int = 0) -> list[Item]:
    """Draw up to four items of today."""
    count = draw(st.integers(at_least, 4))
    return [draw(items(number, negative_lines=negative_lines)) for number in range(count)]


@st.composite
def member_days(draw: st.DrawFn) -> list[Resolved]:
    """Draw a day of one to five items, some taken back in part or whole, today or later."""
    resolved = []
    for number in range(draw(st.integers(1, 5))):
        item = draw(items(number))
        backs = []
        left: Item | None = item
        for again in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
            if left is None:
                break
            left = _part_of(draw, left)
            later = draw(st.integers(-60, 3_000))
            backs.append(
                Takeback(
                    EventId("T1", 1, 0, Seq(100 + 10 * number + again)),
                    EpochMs(item.occurred_at_ms + (later + again * 3_001) * 60_000),
                    Day(TODAY + max(0, later) // 1440),
                    left,
                )
            )
        resolved.append(Resolved(TODAY, item, tuple(backs)))
    return resolved


def _part_of(draw: st.DrawFn, item: Item) -> Item | None:
    keep = draw(st.integers(0, len(item.money)))
    if not keep or draw(st.booleans()):
        return None
    return Item(
        item.id, item.occurred_at_ms, item.kind, item.store_id, item.minute, item.money[:keep], item.tenders
    )


@st.composite
def receipt_facts(draw: st.DrawFn, *, till: str = "T1", kind: Kind | None = None) -> list[Fact]:
    """Draw facts of one receipt key: copies that agree or not, voids right and wrong, returns."""
    key = ReceiptKey("S1", till, TODAY, "0001")
    visits = (kind or draw(st.sampled_from(_KINDS))) == "visit"
    facts = []
    for seq in range(1, draw(st.integers(1, 6)) + 1):
        place = EventId(draw(st.sampled_from(["T1", "T2"])), 1, draw(st.sampled_from([0, 0, 1])), Seq(seq))
        when = OPENING + draw(st.integers(0, 3)) * 60_000
        member = draw(st.sampled_from([None, "id:m1", "id:m1", "id:m2"]))
        net = draw(st.sampled_from([5_000, 5_000, 9_000]))
        original: Event = (
            VisitRecorded(member, when, TODAY, "till", key)
            if visits
            else PurchaseRecorded(member, when, TODAY, key, net, 0, (), ())
        )
        other: list[Event] = [
            original,
            PurchaseVoided(member, when, TODAY, key, key),
            VisitVoided(member, when, TODAY, 1, draw(st.integers(1, 6)), key),
            ReturnRecorded(member, when, TODAY, key, key, 100, 0, (), ()),
        ]
        facts.append(Fact(place, draw(st.sampled_from([original, original, *other]))))
    return facts
