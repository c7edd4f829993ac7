"""Restatement: when a closed total moves, the closes of the member are folded again, upward only.

What it gives is posted in the transaction of the entries that moved the total, in force from the next
business day on. It writes the accounts side, under the locks of a posting.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from hq_server.house import House
from hq_server.merges import Groups
from hq_server.references import bucket_of, places_json
from hq_server.store.connection import Transaction, Values
from hq_server.tiers.held import TierRows, rows_of
from loyalty_core.assessment import Close, Raised, highest, restated, start_of
from loyalty_core.calendar import period_named
from loyalty_core.units import Day, EpochMs


def raised_by_totals(
    tx: Transaction,
    house: House,
    groups: Groups,
    heads: Iterable[str],
    closes: Mapping[str, Mapping[int, int]],
    now_ms: EpochMs,
) -> dict[str, tuple[Raised, ...]]:
    """Return what is to be posted, so that these heads hold what their closes give by the totals of now.

    `closes` are the closed periods with the buckets that have closed them. Heads for whom nothing is to be
    posted are left out.
    """
    wanted = sorted(heads)
    if not wanted:
        return {}
    moved = Groups(groups.head_of, {head: groups.members[head] for head in wanted})
    rows = rows_of(tx, house.bucket_count, moved)
    totals: dict[str, dict[str, int]] = defaultdict(dict)
    for member, period_id, _, qualifying, _ in tx.all(
        "accounts.totals_of_members", members=places_json(wanted, house.bucket_count)
    ):
        totals[member][period_id] = qualifying
    first = Day(house.today(now_ms) + 1)
    found: dict[str, tuple[Raised, ...]] = {}
    for head in wanted:
        bucket = bucket_of(head, house.bucket_count)
        periods = sorted(period_id for period_id, buckets in closes.items() if bucket in buckets)
        of_head = closes_again(house, rows.get(head, []), periods, totals[head])
        raised = restated(of_head, [one.facts for one in rows.get(head, [])], first, house.ladder_on)
        if raised:
            found[head] = raised
    return found


def closes_again(
    house: House, rows: Iterable[TierRows], periods: Iterable[str], totals: Mapping[str, int]
) -> list[Close]:
    """Return the closed periods of who count as one member, in order, with these totals.

    A close that found none of them is taken as if it had been posted when its period's validity starts.
    """
    versions = {programme.version: programme for programme in house.programmes}
    given = [one for each in rows for one in each.assessments if one.cause == "close"]
    closes = []
    for period_id in periods:
        period = period_named(period_id, house.newest.period_months)
        own = [one for one in given if one.period_id == period_id]
        programme = versions[own[0].programme_version] if own else house.in_force(period.last)
        start = own[0].start_day if own else start_of(period, programme.policy, period.last)
        close = Close(
            period=period,
            programme=programme,
            qualifying=totals.get(period_id, 0),
            start=start,
            held=highest(programme.ladder, [one.held for one in own]) if own else None,
        )
        closes.append(close)
    return closes


def assessment_row(bucket: int, member: str, number: int, one: Raised, cause: str, now_ms: EpochMs) -> Values:
    """Return the row of an assessment that follows by itself."""
    return (
        bucket,
        member,
        number,
        one.period_id,
        cause,
        one.kind,
        one.held,
        one.tier,
        one.qualifying,
        one.programme_version,
        one.from_day,
        one.from_day,
        0,
        now_ms,
    )
