"""The points of a member's business day: of every item that stands, and of every fact in its turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import floor, prod

from loyalty_core.events import EventId
from loyalty_core.programme import Programme, When
from tests.oracle.money import Money
from tests.oracle.receipts import Item, Story
from tests.oracle.told import Order, date_of
from tests.oracle.world import NOTHING, Points

ALWAYS_EXCLUDED = {"points", "gift_card"}


def matches(when: When, item: Item, tier: str) -> bool:
    """Tell whether a rule's conditions hold for an item; `tier` is the one in force that day."""
    conditions = [
        item.kind in when.on,
        when.stores is None or item.store in when.stores,
        when.weekdays is None or date_of(item.day).weekday() in when.weekdays,
        when.from_day is None or item.day >= when.from_day,
        when.until_day is None or item.day <= when.until_day,
        when.tiers is None or tier in when.tiers,
    ]
    if when.slot is not None:
        length = (when.slot.end - when.slot.start) % (24 * 60)
        conditions.append((item.minute - when.slot.start) % (24 * 60) < length)
    if when.categories is not None:
        conditions.append(item.kind == "purchase")
    if item.kind == "purchase" and (when.categories is not None or when.exclude_categories):
        conditions.append(len(counted(when, item)) > 0)
    if when.minimum:
        conditions.append(item.kind == "purchase" and eligible(when, item) >= when.minimum)
    return all(conditions)


def counted(when: When, item: Item) -> Money:
    """Return the lines that a rule does not exclude."""
    wanted = [line for line in item.money if when.categories is None or line[0] in when.categories]
    return tuple(line for line in wanted if line[0] not in when.exclude_categories)


def eligible(when: When, item: Item) -> Fraction:
    """Return the money that a rule counts, without what was paid in tenders that earn nothing."""
    excluded = ALWAYS_EXCLUDED | when.exclude_tenders
    paid = max(0, sum(amount for tender, amount in item.tenders if tender in excluded))
    return max(Fraction(0), sum((net for _, net in counted(when, item)), Fraction(0)) - paid)


def points_of_day(programme: Programme, tier: str, standing: Sequence[Item]) -> dict[EventId, Points]:
    """Return what each item of a member-day gives when exactly these stand."""
    redeemable = _points(programme, tier, standing, "redeemable")
    qualifying = _points(programme, tier, standing, "qualifying")
    return {one: Points(redeemable[one], qualifying[one]) for one in redeemable}


def _points(programme: Programme, tier: str, standing: Sequence[Item], target: str) -> dict[EventId, int]:
    """Return the points of one kind, `target`, of each item in canonical order."""
    matched: Counter[str] = Counter()
    let_through: Counter[str] = Counter()
    given: dict[EventId, int] = {}
    for item in sorted(standing, key=lambda one: one.order):
        points = 0
        for earn in programme.earns:
            if not matches(earn.when, item, tier):
                continue
            matched[earn.id] += 1
            if earn.limit_per_day is not None and matched[earn.id] > earn.limit_per_day:
                continue
            if earn.affects in (None, target):
                points += floor(_weighted(programme, earn.when, earn.points, earn.per, item, tier, target))
        for bonus in programme.bonuses:
            if bonus.per == "period" or bonus.birthday or bonus.first or not matches(bonus.when, item, tier):
                continue
            matched[bonus.id] += 1
            due = bonus.per == "event" or matched[bonus.id] == (bonus.nth or 1)
            if due and bonus.affects in (None, target):
                points += bonus.points
        for cap in programme.caps:
            if cap.per == "period" or cap.affects not in (None, target) or not matches(cap.when, item, tier):
                continue
            room = cap.points - (let_through[cap.id] if cap.per == "day" else 0)
            points = min(points, room)
            let_through[cap.id] += points
        given[item.id] = points
    return given


def _weighted(
    programme: Programme, when: When, points: int, per: int | None, item: Item, tier: str, target: str
) -> Fraction:
    """Return base x weight of an earning rule, not yet floored.

    Where weights look at categories, each of its lines has a weight of its own: the least of them weighs the
    base of all lines, and each step up to the next one weighs the base of the lines that reach it (ADR 2).
    """
    weights = [
        weight
        for weight in programme.weights
        if weight.affects in (None, target) and matches(weight.when, item, tier)
    ]
    if per is None:
        of_all = [w.times for w in weights if w.when.categories is None and not w.when.exclude_categories]
        return points * _combined(programme, of_all)
    lines = [
        (_combined(programme, [w.times for w in weights if line in counted(w.when, item)]), line[1])
        for line in counted(when, item)
    ]
    worth = below = Fraction(0)
    for level in sorted({weight for weight, _ in lines}):
        money = sum((net for weight, net in lines if weight >= level), Fraction(0))
        steps = max(Fraction(0), min(money, eligible(when, item))) // per
        worth += (level - below) * points * steps
        below = level
    return worth


def _combined(programme: Programme, times: Sequence[Fraction]) -> Fraction:
    if not times:
        return Fraction(1)
    if programme.combine == "best":
        return max(times)
    if programme.combine == "product":
        return prod(times, start=Fraction(1))
    return max(Fraction(0), 1 + sum((one - 1 for one in times), Fraction(0)))


def points_in_turn(
    programme: Programme, tier: str, stories: Sequence[Story]
) -> list[tuple[EventId, int, Points]]:
    """Return (event, its date, what it moved) for every item, return and void of a member-day, in order.

    Each moves what the day is worth after it less what it was worth before it. A return comes in its own
    place, but never before its item.
    """
    turns: list[tuple[tuple[Order, int, Order], EventId, int, EventId, Item | None]] = []
    for story in stories:
        own = story.item.order
        turns.append(((own, 0, own), story.item.id, story.item.day, story.item.id, story.item))
        for back in story.backs:
            place = (max(own, back.order), 1, back.order)
            turns.append((place, back.id, back.day, story.item.id, back.left))
    standing: dict[EventId, Item] = {}
    worth = NOTHING
    moved = []
    for _, event, day, of, left in sorted(turns, key=lambda turn: turn[0]):
        standing.pop(of, None)
        if left is not None:
            standing[of] = left
        given = points_of_day(programme, tier, tuple(standing.values())).values()
        now = Points(sum(one.redeemable for one in given), sum(one.qualifying for one in given))
        moved.append(
            (event, day, Points(now.redeemable - worth.redeemable, now.qualifying - worth.qualifying))
        )
        worth = now
    return moved
