"""What follows from a member's whole life: period caps, period bonuses, redemptions and their way back."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loyalty_core.events import EventId, RedemptionCommitted
from loyalty_core.programme import Bonus
from tests.oracle.days import matches
from tests.oracle.receipts import Back, Item, Story
from tests.oracle.told import Order, Said, date_of, period_of, tier_on, version_on
from tests.oracle.world import NOTHING, Entries, Identity, Points, World

Target = Literal["redeemable", "qualifying"]
TARGETS: tuple[Target, Target] = ("redeemable", "qualifying")


def period_caps(world: World, member: str, standing: Sequence[Item], given: dict[EventId, Points]) -> Entries:
    """Return one movement for each cap and period: minus what the items that stand exceed it by."""
    cut: Entries = {}
    for target in TARGETS:
        let_through: Counter[tuple[str, str]] = Counter()
        for item in in_life(standing):
            version = version_on(world, item.day)
            period = period_of(world, item.day).id
            points = getattr(given[item.id], target)
            for cap in version.caps if version else ():
                if cap.per != "period" or cap.affects not in (None, target):
                    continue
                if not matches(cap.when, item, tier_on(world, member, item.day)):
                    continue
                room = max(0, cap.points - let_through[cap.id, period])
                kept = min(points, room)
                let_through[cap.id, period] += kept
                identity = Identity("cap", None, cap.id, None, period)
                cut[identity] = cut.get(identity, NOTHING).plus(only(target, kept - points))
                points = kept
    return cut


def only(target: Target, points: int) -> Points:
    """Return points of one kind."""
    return Points(points, 0) if target == "redeemable" else Points(0, points)


def in_life(standing: Sequence[Item]) -> list[Item]:
    """Return items by day, those of a day in canonical order."""
    return sorted(standing, key=lambda item: (item.day, item.order))


def period_bonuses(world: World, member: str, standing: Sequence[Item]) -> Entries:
    """Return the bonuses that look beyond a day: n-th of a period, birthday, first in life."""
    bonuses: Entries = {}
    counted: Counter[tuple[str, str]] = Counter()
    life = in_life(standing)
    given_once: set[str] = set()
    for place, item in enumerate(life):
        version = version_on(world, item.day)
        period = period_of(world, item.day).id
        for bonus in version.bonuses if version else ():
            if not _matches(world, member, bonus, item):
                continue
            if bonus.first:
                due = bonus.id not in given_once
                due &= not any(_matches(world, member, bonus, earlier) for earlier in life[:place])
                given_once |= {bonus.id} if due else set()
            elif bonus.birthday:
                due = is_birthday(world.birthdays.get(member), item.day)
                if due and bonus.per == "period":
                    counted[bonus.id, period] += 1
                    due = counted[bonus.id, period] == 1
            elif bonus.per == "period":
                counted[bonus.id, period] += 1
                due = counted[bonus.id, period] == (bonus.nth or 1)
            else:
                continue
            if due:
                identity = Identity("bonus", item.id, bonus.id, item.day, period)
                bonuses[identity] = Points(
                    bonus.points if bonus.affects in (None, "redeemable") else 0,
                    bonus.points if bonus.affects in (None, "qualifying") else 0,
                )
    return bonuses


def _matches(world: World, member: str, bonus: Bonus, item: Item) -> bool:
    return matches(bonus.when, item, tier_on(world, member, item.day))


def is_birthday(born: tuple[int, int] | None, day: int) -> bool:
    """Tell whether a date is the birthday: 29 February is on the 28th in a common year."""
    today = date_of(day)
    if born == (2, 29) and not calendar.isleap(today.year):
        born = (2, 28)
    return born == (today.month, today.day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """A redemption, and what gave its points back, if anything did."""

    id: EventId
    order: Order
    day: int
    points: int
    back: Back | None


def spendings_of(member: str, said: Sequence[Said], stories: Sequence[Story]) -> list[Spending]:
    """Return a member's redemptions, each id once, in canonical order."""
    bought = {story.key: story for story in stories if story.item.kind == "purchase"}
    known: set[str] = set()
    spendings = []
    for one in said:
        if not isinstance(one.event, RedemptionCommitted) or one.event.redemption in known:
            continue
        known.add(one.event.redemption)
        if one.who == member:
            paid = bought.get(one.event.receipt)
            spendings.append(
                Spending(
                    id=one.id,
                    order=one.order,
                    day=one.day,
                    points=one.event.points,
                    back=paid.gone_by if paid is not None else None,
                )
            )
    return spendings


def spent(world: World, spendings: Sequence[Spending]) -> Entries:
    """Return the movements of redemptions and of points that came back."""
    entries: Entries = {}
    for one in spendings:
        period = period_of(world, one.day).id
        entries[Identity("redemption", one.id, "", one.day, period)] = Points(-one.points, 0)
        if one.back is not None:
            day = one.back.day
            identity = Identity("redeem_rollback", one.back.id, "", day, period_of(world, day).id)
            entries[identity] = entries.get(identity, NOTHING).plus(Points(one.points, 0))
    return entries
