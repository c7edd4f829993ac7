"""Who is near the next tier: before the close to be invited, after it to see who is left without a ruling.

Reads only. Who stands near is told by what lacks, those who lack least first.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from hq_server.ahead import WayView, ahead_of, ways_ahead
from hq_server.desk.standing import AlikeMember, Ruled, is_closed, programme_of, ruled_on, window
from hq_server.house import House
from hq_server.periods import NEAR_MISSES_MAX
from hq_server.references import bucket_of
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Period, date_of, period_named, period_of
from loyalty_core.programme import Tier
from loyalty_core.units import Day, EpochMs


class NearMember(msgspec.Struct, frozen=True, kw_only=True):
    """One who lacks little to the next tier, and what would do it, as long as points can still be earned.

    `earned` is the tier that the total gives. `last_visit` is the business date of the last receipt or visit
    that stands. `ruled` is null before the close; `case` is the member's last one of the period.
    """

    member_id: str
    home_store: str
    last_visit: str | None
    qualifying: int
    earned: str
    tier: str
    missing: int
    ways: tuple[WayView, ...]
    ruled: Ruled | None
    decision: int | None
    case: int | None


class NearMisses(msgspec.Struct, frozen=True, kw_only=True):
    """Everyone within the tolerance of a period's programme; at most 1000 are listed."""

    period: str
    last_day: str
    state: Literal["running", "ended", "closed"]
    near_miss_points: int
    members: int
    listed: tuple[NearMember, ...]


def near_misses(tx: Transaction, house: House, period_id: str | None, now_ms: EpochMs) -> NearMisses:
    """Return who lacks at most the tolerance of a period; without an id, of the one that runs today.

    Raises:
        BadInput: `period_unknown`.
    """
    today, months = house.today(now_ms), house.newest.period_months
    period = period_of(today, months) if period_id is None else period_named(period_id, months)
    programme = programme_of(tx, house, period)
    ladder, tolerance = programme.ladder, programme.policy.near_miss
    closed = is_closed(tx, house, period)
    found: list[_Near] = []
    members = 0
    for place, tier in enumerate(ladder[1:]):
        # Only the first tier above what is earned counts; what lies below 0 earns the lowest tier too.
        reach, high = tier.start - tolerance, tier.start - 1
        low = max(reach, ladder[place].start) if place else reach
        counted = tx.one("accounts.count_between", period_id=period.id, low=low, high=high)
        members += counted[0] if counted else 0
        rows = tx.all(
            "accounts.standing_between", period_id=period.id, low=low, high=high, count=NEAR_MISSES_MAX
        )
        standing = ruled_on(tx, house, period, tier, window(tx, house, period, today), rows)
        found += [_Near(one, ladder[place], tier) for one in standing]
    found.sort(key=lambda near: (near.one.missing, near.one.member_id))
    return NearMisses(
        period=period.id,
        last_day=date_of(period.last).isoformat(),
        state="closed" if closed else "ended" if today > period.last else "running",
        near_miss_points=tolerance,
        members=members,
        listed=tuple([_told(tx, house, period, near, closed, now_ms) for near in found[:NEAR_MISSES_MAX]]),
    )


class _Near(msgspec.Struct, frozen=True):
    one: AlikeMember
    earned: Tier
    tier: Tier


def _told(
    tx: Transaction, house: House, period: Period, near: _Near, closed: bool, now_ms: EpochMs
) -> NearMember:
    """Return a member with the last visit, and the ways to the tier while the period runs."""
    one = near.one
    ahead = ahead_of(tx, house, one.member_id)
    days = [
        row[0]
        for name in ahead.members
        if (row := tx.one("accounts.last_day_there", bucket=_bucket(house, name), member_id=name)) and row[0]
    ]
    runs = period.first <= house.today(now_ms) <= period.last
    return NearMember(
        member_id=one.member_id,
        home_store=one.home_store,
        last_visit=date_of(Day(max(days))).isoformat() if days else None,
        qualifying=one.qualifying,
        earned=near.earned.code,
        tier=near.tier.code,
        missing=one.missing,
        ways=ways_ahead(tx, house, ahead, period, one.missing, now_ms) if runs else (),
        ruled=one.ruled if closed else None,
        decision=one.decision,
        case=one.case,
    )


def _bucket(house: House, member_id: str) -> int:
    return bucket_of(member_id, house.bucket_count)
