"""What lies ahead of a member: the ways to the next tier, for staff, other systems and the member's page.

A way holds in every store. Reads only.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

import msgspec

from hq_server.house import House
from hq_server.merges import groups_of
from hq_server.references import bucket_of
from hq_server.spread import RESOLVED
from hq_server.store.connection import Transaction
from hq_server.tiers.held import tiers_of
from loyalty_core.accrual import counted_items
from loyalty_core.assessment import Group, assess, assessed_on, start_of, tier_on, tier_steps
from loyalty_core.calendar import WEEKDAYS, Period, date_of, local_time, period_of
from loyalty_core.day_rules import rules_of_day
from loyalty_core.explain import clock_text
from loyalty_core.guidance import Guide, Progress, Way
from loyalty_core.outlook import Asked
from loyalty_core.period_rules import Counted, Counts, fold_period
from loyalty_core.programme import version_for
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day, EpochMs
from loyalty_core.ways_words import way_text

_GUIDE: Final = Guide()
"""Keeps what it worked out for as long as the programmes stand that it was worked out from."""


class WayView(msgspec.Struct, frozen=True, kw_only=True):
    """One way that is sure to earn what is missing: `count` visits, or one purchase of `minor` or more.

    The conditions are those of a rule, null where there is none: `from` and `until` are times of day,
    `from_date` and `until_date` business dates. `ko` and `en` say all of it.
    """

    kind: Literal["visits", "purchase"]
    count: int
    minor: int
    weekdays: tuple[str, ...] | None
    from_: str | None = msgspec.field(name="from")
    until: str | None
    from_date: str | None
    until_date: str | None
    one_a_day: bool
    from_tomorrow: bool
    only_eligible: bool
    ko: str
    en: str


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """Of whom is asked: all who count as the member, what was decided of their tiers, the closed periods, and
    the qualifying totals by period."""

    members: Sequence[str]
    tiers: Group
    closed: Container[str]
    totals: Mapping[str, int]


def ahead_of(tx: Transaction, house: House, member_id: str) -> Ahead:
    """Return what is to be known of a member to look ahead."""
    bucket = bucket_of(member_id, house.bucket_count)
    groups = groups_of(tx, house.bucket_count, [member_id])
    rows = tx.all("accounts.totals_of", bucket=bucket, member_id=member_id)
    return Ahead(
        members=groups.members.get(member_id, ()),
        tiers=tiers_of(tx, house.bucket_count, groups).get(member_id, ()),
        closed=closed_in(tx, bucket),
        totals={row[0]: row[2] for row in rows},
    )


def closed_in(tx: Transaction, bucket: int) -> set[str]:
    """Return the periods that are closed for the members of a bucket."""
    return {period_id for _, period_id, _ in tx.all("accounts.closes", buckets=f"[{bucket}]")}


def ways_ahead(
    tx: Transaction,
    house: House,
    of: Ahead,
    period: Period,
    missing: int,
    now_ms: EpochMs,
) -> tuple[WayView, ...]:
    """Return the ways to earn what a member lacks in a period."""
    place = house.newest.place
    today = house.today(now_ms)
    asked = Asked(
        programmes=house.programmes,
        period=period,
        today=today,
        tiers=_tiers(house, of, period, today),
        store_id=None,
        starts=place.starts,
    )
    progress = Progress(
        missing=missing,
        today=_receipts(tx, house, of.members, today, today),
        minute=local_time(now_ms, place.zone)[1],
        used=_used(tx, house, of, period),
    )
    return tuple([_view(way, house.newest.currency) for way in _GUIDE.ways(asked, progress)])


def _tiers(house: House, of: Ahead, period: Period, today: Day) -> tuple[str, ...]:
    """Return the tiers that the member may hold until the period ends, the present one first.

    That is what is decided, and what the close of the period before gives by the points of now.
    """
    steps = tier_steps(of.tiers, today, house.ladder_on)
    found = [step.tier for step in steps if step.from_day <= period.last]
    before = period_of(Day(period.first - 1), house.newest.period_months)
    if before.id not in of.closed:
        programme = house.in_force(before.last)
        eve = Day(start_of(before, programme.policy, today) - 1)
        assessed = assessed_on(of.tiers, eve, programme.ladder)
        held = tier_on(of.tiers, eve, programme.ladder)
        found.append(assess(of.totals.get(before.id, 0), held, assessed, programme).tier)
    return tuple(dict.fromkeys(found))


def _used(tx: Transaction, house: House, of: Ahead, period: Period) -> dict[str, int]:
    """Return what each cap over the period has let through, in qualifying points."""
    used = {cap.id: 0 for each in house.programmes for cap in each.caps if cap.per == "period"}
    if not used:
        return used
    receipts = _receipts(tx, house, of.members, period.first, period.last)
    days = []
    for day, of_day in groupby(receipts, key=attrgetter("business_day")):
        programme = version_for(house.programmes, day)
        if programme is not None:
            rules = rules_of_day(programme, day, tier_on(of.tiers, day, programme.ladder))
            days.append((day, counted_items(rules, list(of_day))))
    counts = Counts()
    fold_period(period.id, days, lambda day: version_for(house.programmes, day), Counted(), counts)
    return used | {cap_id: use.through[1] for cap_id, use in counts.caps.items()}


def _receipts(tx: Transaction, house: House, members: Sequence[str], first: Day, last: Day) -> list[Resolved]:
    """Return what stands of these members' receipts and visits, by day."""
    found: list[Resolved] = []
    for member_id in members:
        rows = tx.all(
            "accounts.receipts_between",
            bucket=bucket_of(member_id, house.bucket_count),
            member_id=member_id,
            first_day=first,
            last_day=last,
        )
        found += [RESOLVED.decode(blob) for (blob,) in rows]
    return sorted(found, key=attrgetter("business_day"))


def _view(way: Way, currency: str) -> WayView:
    frame, slot = way.frame, way.frame.slot
    return WayView(
        kind=way.kind,
        count=way.count,
        minor=way.minor,
        weekdays=None if frame.weekdays is None else tuple(WEEKDAYS[day] for day in sorted(frame.weekdays)),
        from_=None if slot is None else clock_text(slot.start),
        until=None if slot is None else clock_text(slot.end),
        from_date=None if frame.from_day is None else date_of(frame.from_day).isoformat(),
        until_date=None if frame.until_day is None else date_of(frame.until_day).isoformat(),
        one_a_day=way.one_a_day,
        from_tomorrow=way.from_tomorrow,
        only_eligible=way.only_eligible,
        ko=way_text(way, currency, "ko"),
        en=way_text(way, currency, "en"),
    )
