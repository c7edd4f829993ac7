"""What rules see of visits and purchases and what a day of them gives: made short, for the core."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec

from loyalty_core.accrual import derive_day
from loyalty_core.calendar import Place, business_day, local_time
from loyalty_core.day_rules import DayRules, rules_of_day
from loyalty_core.entries import PointEntry
from loyalty_core.programme import (
    Programme,
)
from loyalty_core.resolved import Item, Resolved, Takeback
from loyalty_core.units import Day
from tests.core.made import FIVE, FRIDAY, SEOUL, at, day, event_id


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
    seen = visited(when, seq=seq, terminal=terminal, store=store, zone=zone)
    return msgspec.structs.replace(seen, kind="purchase", money=money, tenders=tuple(tenders))


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
