"""Everything together: from a world to every member's figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from loyalty_core.events import EventId
from tests.oracle import lots
from tests.oracle.accounts import period_bonuses, period_caps, spendings_of, spent
from tests.oracle.closes import settle
from tests.oracle.days import points_in_turn, points_of_day
from tests.oracle.receipts import Item, Story, read_receipts
from tests.oracle.told import Period, Said, period_called, period_of, survivor, tier_on, told, version_on
from tests.oracle.world import NOTHING, Account, Entries, Figures, Identity, Points, World

CREDITS = ("earn", "bonus", "cap", "clawback", "adjustment")


def figures(world: World) -> Figures:
    """Return what follows from the world for each member who has an account, and what is in conflict."""
    said = told(world)
    stories, conflicts = read_receipts(world, said)
    known = {*world.members.values(), *(one.member for one in world.adjustments)}
    members = sorted({survivor(world, member) for member in known})
    return Figures(
        accounts={member: account(world, member, said, stories) for member in members},
        conflicts=frozenset(conflicts),
    )


def account(world: World, member: str, said: Sequence[Said], stories: Sequence[Story]) -> Account:
    """Return one member's figures."""
    own = [story for story in stories if story.owner == member]
    standing = [story.left for story in own if story.left is not None]
    entries: Entries = {
        **_of_days(world, member, own),
        **period_caps(world, member, standing, _given(world, member, standing)),
        **period_bonuses(world, member, standing),
        **_adjusted(world, member),
    }
    turns = {back.id: max(back.order, story.item.order) for story in own for back in story.backs}
    settled, totals = settle(world, member, entries, turns)
    spendings = spendings_of(member, said, stories)
    expired, left = lots.fold(world, _credits(world, settled), spendings)
    settled |= {**spent(world, spendings), **expired}
    return Account(
        entries={identity: points for identity, points in settled.items() if points != NOTHING},
        balance=sum(points.redeemable for points in settled.values()),
        qualifying=totals,
        lots=left,
        tier_earned={
            name: tier_earned(world, period_called(world, name), total) for name, total in totals.items()
        },
    )


def _of_days(world: World, member: str, own: Sequence[Story]) -> Entries:
    """Return earn and clawback of each of the member's days."""
    entries: Entries = {}
    for day in sorted({story.item.day for story in own}):
        version = version_on(world, day)
        if version is None:
            continue
        of_day = [story for story in own if story.item.day == day]
        items = {story.item.id for story in of_day}
        for event, date, points in points_in_turn(version, tier_on(world, member, day), of_day):
            kind = "earn" if event in items else "clawback"
            entries[Identity(kind, event, "", date, period_of(world, day).id)] = points
    return entries


def _given(world: World, member: str, standing: Sequence[Item]) -> dict[EventId, Points]:
    """Return what each item that stands in the end was given by its day."""
    given: dict[EventId, Points] = {item.id: NOTHING for item in standing}
    for day in {item.day for item in standing}:
        version = version_on(world, day)
        if version is not None:
            of_day = [item for item in standing if item.day == day]
            given |= points_of_day(version, tier_on(world, member, day), of_day)
    return given


def _adjusted(world: World, member: str) -> Entries:
    return {
        Identity("adjustment", one.id, "", one.day, period_of(world, one.day).id): Points(
            one.redeemable, one.qualifying
        )
        for one in world.adjustments
        if survivor(world, one.member) == member
    }


def _credits(world: World, entries: Entries) -> Counter[Period]:
    """Return what each period credited, with what was taken back of it."""
    credited: Counter[Period] = Counter()
    for identity, points in entries.items():
        if identity.kind in CREDITS and points.redeemable:
            credited[period_called(world, identity.period)] += points.redeemable
    return credited


def tier_earned(world: World, period: Period, total: int) -> str:
    """Return the tier that a total earns by the ladder of the period's last day; the lowest also below 0."""
    version = version_on(world, period.last)
    if version is None:
        return ""
    reached = [tier.code for tier in version.ladder if tier.start <= total]
    return reached[-1] if reached else version.ladder[0].code
