"""Upgrades between closes, where the rules say `upgrade = "monthly"`: from the first of a month, upward only.

They are decided from the entries dated before that day, and hold from the first business day after posting.
A chore, a bucket a transaction, each bucket once a month. A month that nobody lived through is left out: its
points count in the next one, and in the close.
"""

from __future__ import annotations

from typing import Final

from hq_server.house import House
from hq_server.merges import groups_of
from hq_server.posting import post
from hq_server.references import keys_json
from hq_server.store.connection import Transaction, Values
from hq_server.tiers.held import tiers_of
from hq_server.tiers.restating import assessment_row
from hq_server.work import Work
from loyalty_core.assessment import Close, upgraded
from loyalty_core.calendar import date_of, day_of, period_of
from loyalty_core.programme import version_for
from loyalty_core.units import Day, EpochMs

NO_TIER_ABOVE: Final = 2**60
"""More points than anybody has."""


def upgrades_are_due(tx: Transaction, house: House, now_ms: EpochMs) -> bool:
    """Tell whether members of some bucket are to be looked at for this month."""
    month = _month(house, now_ms)
    row = None if month is None else tx.one("accounts.least_upgraded")
    return month is not None and row is not None and row[0] < month


def upgrade_next(tx: Transaction, house: House, now_ms: EpochMs) -> int:
    """Move up who is due in the next bucket; returns how many members that are."""
    month = _month(house, now_ms)
    buckets = [] if month is None else tx.all("accounts.buckets_to_upgrade", month_day=month)
    if month is None or not buckets:
        return 0
    ((bucket,), *_) = buckets
    raised = _upgrade(tx, house, bucket, month, now_ms)
    tx.run("accounts.set_upgraded_on", bucket=bucket, month_day=month)
    return raised


def _month(house: House, now_ms: EpochMs) -> Day | None:
    """Return the first day of this month, if the rules of that day move members up monthly."""
    month = day_of(date_of(house.today(now_ms)).replace(day=1))
    programme = version_for(house.programmes, month) if house.programmes else None
    return month if programme is not None and programme.policy.upgrade == "monthly" else None


def _upgrade(tx: Transaction, house: House, bucket: int, month: Day, now_ms: EpochMs) -> int:
    """Post what members of a bucket are due; returns how many members that are."""
    first = Day(house.today(now_ms) + 1)
    period = period_of(Day(month - 1), house.newest.period_months)
    programme = house.in_force(period.last)
    ladder = programme.ladder
    above = [*[tier.start for tier in ladder[1:]], NO_TIER_ABOVE]
    ((_, number, *_),) = tx.all("accounts.lock_buckets", buckets=f"[{bucket}]")
    found: dict[str, int] = dict(
        tx.all(
            "accounts.to_upgrade",
            bucket=bucket,
            period_id=period.id,
            month_day=month,
            first_day=first,
            ladder=keys_json((tier.code, start) for tier, start in zip(ladder, above, strict=True)),
            next_start=above[0],
        )
    )
    groups = groups_of(tx, house.bucket_count, found)
    tiers = tiers_of(tx, house.bucket_count, groups)
    rows: list[Values] = []
    raised: set[str] = set()
    for member, qualifying in found.items():
        close = Close(period=period, programme=programme, qualifying=qualifying, start=first)
        for one in upgraded(close, tiers.get(member, ()), first, house.ladder_on):
            number += 1
            rows.append(assessment_row(bucket, member, number, one, "monthly", now_ms))
            raised.add(member)
    tx.many("accounts.add_assessment", rows)
    tx.many("accounts.set_change_no", [(bucket, number)])
    for member in raised:
        tx.run("accounts.mark_member_days_from", bucket=bucket, member_id=member, business_day=first)
    post(tx, house, Work(renewed=raised), now_ms)
    return len(raised)
