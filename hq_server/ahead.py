"""What lies ahead of a member: the ways to the next tier, for staff, other systems and the member's page.

A way holds in every store. Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

import msgspec

from hq_server.house import House, tier_in_force
from hq_server.references import bucket_of
from hq_server.spread import RESOLVED
from hq_server.store.connection import Transaction
from loyalty_core.accrual import counted_items
from loyalty_core.calendar import WEEKDAYS, Period, date_of, local_time
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


def ways_ahead(
    tx: Transaction, house: House, members: Sequence[str], period: Period, missing: int, now_ms: EpochMs
) -> tuple[WayView, ...]:
    """Return the ways to earn what a member lacks in a period. `members` are all who count as the member."""
    place = house.newest.place
    today = house.today(now_ms)
    asked = Asked(
        programmes=house.programmes,
        period=period,
        today=today,
        tiers=(tier_in_force(house.in_force(today)),),
        store_id=None,
        starts=place.starts,
    )
    progress = Progress(
        missing=missing,
        today=_receipts(tx, house, members, today, today),
        minute=local_time(now_ms, place.zone)[1],
        used=_used(tx, house, members, period),
    )
    return tuple([_view(way, house.newest.currency) for way in _GUIDE.ways(asked, progress)])


def _used(tx: Transaction, house: House, members: Sequence[str], period: Period) -> dict[str, int]:
    """Return what each cap over the period has let through, in qualifying points."""
    used = {cap.id: 0 for each in house.programmes for cap in each.caps if cap.per == "period"}
    if not used:
        return used
    receipts = _receipts(tx, house, members, period.first, period.last)
    days = []
    for day, of_day in groupby(receipts, key=attrgetter("business_day")):
        programme = version_for(house.programmes, day)
        if programme is not None:
            rules = rules_of_day(programme, day, tier_in_force(programme))
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
