"""The rules of a day, read a second time.

The reading in `naive_total` is written from docs and not from `loyalty_core.accrual`: it is slow, counts
everything from the start for every question, and knows only fractions. Where the two differ, one of them
misreads the rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from math import floor, prod
from typing import Literal

import msgspec
from hypothesis import given, settings

from loyalty_core.accrual import DaySoFar, counted_items, derive_day
from loyalty_core.day_rules import rules_of_day
from loyalty_core.programme import Programme, When
from loyalty_core.resolved import Item, Resolved
from loyalty_core.units import Day
from tests.core import programmes as made
from tests.properties.drawn_days import TODAY, items, member_days
from tests.properties.drawn_programmes import programmes, tiers

Target = Literal["redeemable", "qualifying"]


def naive_matches(when: When, item: Item, today: Day, tier: str) -> bool:
    real_date = date(1970, 1, 1) + timedelta(days=today)
    conditions = [
        item.kind in when.on,
        when.stores is None or item.store_id in when.stores,
        when.weekdays is None or real_date.weekday() in when.weekdays,
        when.from_day is None or today >= when.from_day,
        when.until_day is None or today <= when.until_day,
        when.tiers is None or tier in when.tiers,
    ]
    if when.slot is not None:
        length = (when.slot.end - when.slot.start) % 1440
        conditions.append((item.minute - when.slot.start) % 1440 < length)
    if item.kind == "visit":
        conditions += [when.categories is None, when.minimum == 0]
    else:
        lines = naive_lines(when, item)
        if when.categories is not None or when.exclude_categories:
            conditions.append(len(lines) > 0)
        if when.minimum:
            conditions.append(naive_eligible(when, item) >= when.minimum)
    return all(conditions)


def naive_lines(when: When, item: Item) -> list[tuple[str, int]]:
    kept = [line for line in item.money if when.categories is None or line[0] in when.categories]
    return [line for line in kept if line[0] not in when.exclude_categories]


def naive_eligible(when: When, item: Item) -> int:
    barred = {"points", "gift_card"} | set(when.exclude_tenders)
    paid_otherwise = max(0, sum(amount for kind, amount in item.tenders if kind in barred))
    return max(0, sum(net for _, net in naive_lines(when, item)) - paid_otherwise)


def naive_combined(of: Programme, times: Sequence[Fraction]) -> Fraction:
    if not times:
        return Fraction(1)
    by_name = {
        "best": lambda: max(times),
        "product": lambda: prod(times, start=Fraction(1)),
        "sum": lambda: max(Fraction(0), Fraction(1) + sum(Fraction(one) - 1 for one in times)),
    }
    return Fraction(by_name[of.combine]())


def naive_total(of: Programme, today: Day, tier: str, stand: Sequence[Item], target: Target) -> int:
    """Return what a day of these items is worth in one kind of points."""
    in_order = sorted(
        stand, key=lambda i: (i.occurred_at_ms, i.id.terminal_id, i.id.epoch, i.id.branch, i.id.seq)
    )
    seen: Counter[str] = Counter()
    let_through: Counter[str] = Counter()
    whole = 0
    for item in in_order:
        points = 0
        weights = [
            w for w in of.weights if w.affects in (None, target) and naive_matches(w.when, item, today, tier)
        ]
        for rule in of.earns:
            if not naive_matches(rule.when, item, today, tier):
                continue
            seen[rule.id] += 1
            if rule.limit_per_day is not None and seen[rule.id] > rule.limit_per_day:
                continue
            if rule.affects not in (None, target):
                continue
            if rule.per is None:
                on_all = [
                    w.times for w in weights if w.when.categories is None and not w.when.exclude_categories
                ]
                points += floor(rule.points * naive_combined(of, on_all))
                continue
            worth, last = Fraction(0), Fraction(0)
            weighed = [
                (naive_combined(of, [w.times for w in weights if line in naive_lines(w.when, item)]), line[1])
                for line in naive_lines(rule.when, item)
            ]
            for level in sorted({factor for factor, _ in weighed}):
                money = sum(net for factor, net in weighed if factor >= level)
                counted = max(0, min(money, naive_eligible(rule.when, item)))
                worth += (level - last) * rule.points * (counted // rule.per)
                last = level
            points += floor(worth)
        for bonus in of.bonuses:
            if not naive_matches(bonus.when, item, today, tier):
                continue
            seen[bonus.id] += 1
            due = bonus.per == "event" or seen[bonus.id] == (1 if bonus.nth is None else bonus.nth)
            if due and bonus.affects in (None, target):
                points += bonus.points
        for cap in of.caps:
            if cap.affects not in (None, target) or not naive_matches(cap.when, item, today, tier):
                continue
            room = cap.points - (let_through[cap.id] if cap.per == "day" else 0)
            points = min(points, room)
            let_through[cap.id] += points
        whole += points
    return whole


def naive_day(of: Programme, tier: str, resolved: Sequence[Resolved], target: Target) -> dict[int, int]:
    """Return seq -> points: for each fact in order, the day's worth with it less the worth before it."""
    facts: list[tuple[tuple[object, ...], int, Item, Item | None]] = []
    for one in resolved:
        order = (one.item.occurred_at_ms, *msgspec.structs.astuple(one.item.id))
        facts.append(((order, 0, order), one.item.id.seq, one.item, one.item))
        for back in one.takebacks:
            own = (back.occurred_at_ms, *msgspec.structs.astuple(back.id))
            facts.append(((max(own, order), 1, own), back.id.seq, one.item, back.remains))
    stand: dict[int, Item] = {}
    worth, given_by = 0, {}
    for _, seq, item, left in sorted(facts, key=lambda fact: fact[0]):
        stand.pop(item.id.seq, None)
        if left is not None:
            stand[item.id.seq] = left
        now = naive_total(of, TODAY, tier, list(stand.values()), target)
        worth, given_by[seq] = now, now - worth
    return given_by


@settings(max_examples=300)
@given(programmes(), tiers, member_days())
def test_a_slow_second_reading_of_the_rules_gives_the_same_integers(
    of: Programme, tier: str, resolved: list[Resolved]
) -> None:
    entries = derive_day(rules_of_day(of, TODAY, tier), resolved)
    assert {e.event.seq: e.redeemable for e in entries} == naive_day(of, tier, resolved, "redeemable")
    assert {e.event.seq: e.qualifying for e in entries} == naive_day(of, tier, resolved, "qualifying")


@given(programmes(), tiers, member_days())
def test_the_steps_of_an_entry_lead_from_nothing_to_its_points(
    of: Programme, tier: str, resolved: list[Resolved]
) -> None:
    for entry in derive_day(rules_of_day(of, TODAY, tier), resolved):
        for target, points in (("redeemable", entry.redeemable), ("qualifying", entry.qualifying)):
            steps = [step for step in entry.steps if step.affects in (None, target)]
            if entry.kind == "clawback":
                assert [step.after - step.before for step in steps] == [points]
                continue
            at_last = 0
            for step in steps:
                assert step.before == at_last
                at_last = step.after
            assert at_last == points


@given(programmes(), tiers, member_days())
def test_what_a_day_counts_is_what_stands_of_it_and_earns_as_if_it_alone_had_been(
    of: Programme, tier: str, resolved: list[Resolved]
) -> None:
    everything = made.cap(1, "period")
    rules = msgspec.structs.replace(rules_of_day(of, TODAY, tier), counted=(everything,))
    standing = [Resolved(TODAY, one.standing, ()) for one in resolved if one.standing is not None]
    alone = [(entry.event, entry.redeemable, entry.qualifying) for entry in derive_day(rules, standing)]
    assert [(item.id, item.redeemable, item.qualifying) for item in counted_items(rules, resolved)] == alone


@settings(deadline=None)
@given(programmes(), tiers, member_days(), items(99))
def test_what_an_item_would_add_last_is_what_the_day_gives_more_with_it(
    programme: Programme, tier: str, day: list[Resolved], item: Item
) -> None:
    last = msgspec.structs.replace(item, occurred_at_ms=max(one.item.occurred_at_ms for one in day) + 1)
    rules = rules_of_day(programme, TODAY, tier)
    before, after = (derive_day(rules, known) for known in (day, [*day, Resolved(TODAY, last, ())]))
    more = [
        sum(getattr(entry, target) for entry in after) - sum(getattr(entry, target) for entry in before)
        for target in ("redeemable", "qualifying")
    ]
    so_far = DaySoFar(rules, day)
    assert [list(so_far.gain(item)), list(so_far.gain(item))] == [more, more]


@settings(deadline=None)
@given(programmes(), tiers, member_days(), items(98), items(99))
def test_items_taken_last_have_the_entries_that_the_whole_day_gives_them(
    programme: Programme, tier: str, day: list[Resolved], one: Item, other: Item
) -> None:
    backs = [back.occurred_at_ms for resolved in day for back in resolved.takebacks]
    end = max(backs + [resolved.item.occurred_at_ms for resolved in day])
    rules, so_far = rules_of_day(programme, TODAY, tier), DaySoFar(rules_of_day(programme, TODAY, tier), day)
    for late, item in enumerate((one, other), start=1):
        last = msgspec.structs.replace(item, occurred_at_ms=end + late)
        before, day = derive_day(rules, day), [*day, Resolved(TODAY, last, ())]
        so_far, entry = so_far.with_next(last)
        assert derive_day(rules, day) == (*before, entry)
