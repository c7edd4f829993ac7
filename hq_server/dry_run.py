"""The close of a period, tried: who would move between tiers, at what cost, and what treating all near-misses
alike would cost. Reads only, member after member; any time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from hq_server.closes.cases import question, standings
from hq_server.house import House
from hq_server.move_costs import ESTIMATE, Costs, Move, bought_in
from hq_server.store.connection import Transaction
from loyalty_core.calendar import date_of, period_named
from loyalty_core.tiers import gap
from loyalty_core.units import EpochMs

LISTED_MAX: Final = 1000


class Mover(msgspec.Struct, frozen=True, kw_only=True):
    """One member who would move."""

    member_id: str
    qualifying: int
    from_tier: str
    to_tier: str


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What closing the period now would do. Of the `movers` at most 1000 are listed.

    `near_miss_moves` would come on top if everyone within `near_miss_points` were given the next tier.
    """

    id: str
    last_day: str
    ended: bool
    currency: str
    cost_is_an_estimate: str
    members: int
    staying: int
    moves: tuple[Move, ...]
    movers: tuple[Mover, ...]
    near_miss_points: int
    near_miss_moves: tuple[Move, ...]


def dry_run(
    tx: Transaction, house: House, period_id: str, now_ms: EpochMs, advance: Callable[[int], None]
) -> DryRun:
    """Return what closing a period now would do; `advance` is told of every member looked at.

    Raises:
        BadInput: `period_unknown`.
    """
    period = period_named(period_id, house.newest.period_months)
    programme, today = house.in_force(period.last), house.today(now_ms)
    ladder = programme.ladder
    asked = question(house, period, programme, now_ms)
    tiers = {tier.code: tier for tier in (*asked.ladder, *ladder)}
    giving = house.in_force(asked.start).ladder
    moving, near = Costs(), Costs()
    movers: list[Mover] = []
    members = 0
    for bucket in range(house.bucket_count):
        rows = tx.each("accounts.standings", bucket=bucket, period_id=period.id)
        for one in standings(tx, house, asked, rows):
            members += 1
            advance(1)
            member_id, qualifying = one.member_id, one.case.qualifying
            held, after = tiers[one.case.held], tiers[asked.outcome(one.case).tier]
            ahead = gap(qualifying, ladder)
            is_near = ahead is not None and ahead.missing <= programme.policy.near_miss
            raised = ahead.tier if ahead is not None and is_near and ahead.tier.start > after.start else after
            if after == held and raised == after:
                continue
            bought = bought_in(tx, house, member_id, period)
            if after != held:
                moving.add(held, after, bought)
                mover = Mover(
                    member_id=member_id, qualifying=qualifying, from_tier=held.code, to_tier=after.code
                )
                movers += [mover] * (len(movers) < LISTED_MAX)
            if raised != after:
                near.add(after, raised, bought)
    return DryRun(
        id=period.id,
        last_day=date_of(period.last).isoformat(),
        ended=today > period.last,
        currency=programme.currency,
        cost_is_an_estimate=ESTIMATE,
        members=members,
        staying=members - moving.members,
        moves=moving.moves(ladder, giving),
        movers=tuple(movers),
        near_miss_points=programme.policy.near_miss,
        near_miss_moves=near.moves(ladder, giving),
    )
