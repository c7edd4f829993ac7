"""A qualification period as it stands: who would be in which tier, who is near the next, who is silent.

Reads only.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from hq_server.closes.cases import outcomes, question
from hq_server.closes.readiness import Readiness, readiness
from hq_server.closes.states import CloseView, PeriodState, closes, period_view
from hq_server.fleet_view import at_text, watermark
from hq_server.house import House
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Period, date_of, period_named, period_of
from loyalty_core.programme import Tier
from loyalty_core.tiers import gap, tier_earned
from loyalty_core.units import Day, EpochMs

NEAR_MISSES_MAX: Final = 1000


class TierCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many members earn a tier by their points of now, and how many would hold it after a close.

    `after_close` looks at what each holds and how far the rules let one fall; None where that is decided.
    """

    tier: str
    starts_at: int
    members: int
    after_close: int | None


class NearMiss(msgspec.Struct, frozen=True, kw_only=True):
    """A member who lacks few points to the next tier."""

    member_id: str
    qualifying: int
    tier: str
    missing: int


class LastWord(msgspec.Struct, frozen=True, kw_only=True):
    """How far a terminal has reported: the business day of its last event, None for nothing yet.

    `watermark` is the last business day that it has closed without a gap, in each journal that it may write.
    """

    terminal_id: str
    state: str
    last_day: str | None
    watermark: str | None
    seen_at: str
    waiting: int


class PeriodStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One period. `readiness` is what its close waits for; `close` is how far that has come."""

    id: str
    first_day: str
    last_day: str
    state: PeriodState
    close: CloseView | None
    readiness: Readiness
    near_miss_points: int
    tiers: tuple[TierCount, ...]
    near_misses: tuple[NearMiss, ...]
    terminals: tuple[LastWord, ...]


def status(tx: Transaction, house: House, period_id: str | None, now_ms: EpochMs) -> PeriodStatus:
    """Return how a period stands; without an id, the one that is open today.

    Raises:
        BadInput: `period_unknown`.
    """
    today = house.today(now_ms)
    months = house.newest.period_months
    period = period_of(today, months) if period_id is None else period_named(period_id, months)
    programme = house.in_force(period.last)
    view = period_view(tx, house, period, closes(tx).get(period.id))
    after: Counter[str] | None = None
    if view.state == "open":
        after = Counter()
        for outcome, members in outcomes(tx, house, question(house, period, programme, now_ms)):
            after[outcome.tier] += members
    return PeriodStatus(
        id=period.id,
        first_day=view.first_day,
        last_day=view.last_day,
        state=view.state,
        close=view.close,
        readiness=readiness(tx, house, period, now_ms),
        near_miss_points=programme.policy.near_miss,
        tiers=_tiers(tx, period, programme.ladder, after),
        near_misses=_near_misses(tx, period, programme.ladder, programme.policy.near_miss),
        terminals=_terminals(tx),
    )


def _tiers(
    tx: Transaction, period: Period, ladder: tuple[Tier, ...], after: Counter[str] | None
) -> tuple[TierCount, ...]:
    counts = dict.fromkeys((tier.code for tier in ladder), 0)
    for qualifying, members in tx.all("accounts.totals_by_points", period_id=period.id):
        counts[tier_earned(qualifying, ladder).code] += members
    row = tx.one("accounts.present_count")
    everyone: int = row[0] if row else 0
    # Who has no total has earned nothing in this period, and nothing is 0 points.
    counts[tier_earned(0, ladder).code] += max(0, everyone - sum(counts.values()))
    return tuple(
        [
            TierCount(
                tier=tier.code,
                starts_at=tier.start,
                members=counts[tier.code],
                after_close=None if after is None else after[tier.code],
            )
            for tier in ladder
        ]
    )


def _near_misses(
    tx: Transaction, period: Period, ladder: tuple[Tier, ...], tolerance: int
) -> tuple[NearMiss, ...]:
    """Return who lacks at most the tolerance, those who lack least first."""
    found: list[NearMiss] = []
    for place, tier in enumerate(ladder[1:]):
        # Only the first tier above what is earned counts; what lies below 0 earns the lowest tier too.
        reach = tier.start - tolerance
        low, high = max(reach, ladder[place].start) if place else reach, tier.start - 1
        rows = tx.all(
            "accounts.members_between", period_id=period.id, low=low, high=high, count=NEAR_MISSES_MAX
        )
        if low <= 0 <= high:
            silent = tx.all("accounts.members_without_total", period_id=period.id, count=NEAR_MISSES_MAX)
            rows += [(member_id, 0) for (member_id,) in silent]
        for member_id, qualifying in rows:
            missing = gap(qualifying, ladder)
            if missing is not None:
                points = missing.missing
                found.append(
                    NearMiss(member_id=member_id, qualifying=qualifying, tier=tier.code, missing=points)
                )
    found.sort(key=lambda one: (one.missing, one.member_id))
    return tuple(found[:NEAR_MISSES_MAX])


def _terminals(tx: Transaction) -> tuple[LastWord, ...]:
    found = []
    for row in tx.all("arrivals.terminals"):
        last = tx.one("arrivals.last_day", store_id=row[0], terminal_id=row[1])
        found.append(
            LastWord(
                terminal_id=row[1],
                state=row[2],
                last_day=date_of(Day(last[0])).isoformat() if last else None,
                watermark=watermark(tx, row[0], row[1]),
                seen_at=at_text(row[7]),
                waiting=row[9],
            )
        )
    return tuple(found)
