"""The close of a period, tried: who would move between tiers, at what cost, and what treating all near-misses
alike would cost. Reads only, member after member; any time.

The cost of a move is an estimate: the new tier's benefits less the old one's, if the member buys in the time
to come what they bought in this period, net of returns. Gifts are counted, for nobody says what one costs.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

import msgspec

from hq_server.house import House, tier_in_force
from hq_server.merges import groups_of
from hq_server.references import bucket_of
from hq_server.spread import RESOLVED
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Period, date_of, period_named
from loyalty_core.matching import money_of
from loyalty_core.programme import Programme, Tier
from loyalty_core.tiers import gap, tier_after
from loyalty_core.units import EpochMs

LISTED_MAX: Final = 1000
ESTIMATE: Final = (
    "the new tier's discount less the old one's, on what these members bought in the period net of returns, "
    "as if they bought the same again; gifts are counted, not priced"
)


class GiftCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many more gifts of a name are to be given; fewer if below 0."""

    names: dict[str, str]
    more: int


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Members who go from one tier to another, what they bought, and what their discount then costs more."""

    from_tier: str
    to_tier: str
    members: int
    bought_minor: int
    discount_minor: int
    gifts: tuple[GiftCount, ...]


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


class _Sum(msgspec.Struct):
    members: int = 0
    bought: int | Fraction = 0


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
    tiers = {tier.code: tier for tier in ladder}
    held = tiers[tier_in_force(house.in_force(today))]
    moving: dict[tuple[str, str], _Sum] = {}
    near: dict[tuple[str, str], _Sum] = {}
    movers: list[Mover] = []
    members = 0
    for bucket in range(house.bucket_count):
        for member_id, qualifying in tx.each("accounts.standings", bucket=bucket, period_id=period.id):
            members += 1
            advance(1)
            after = tier_after(held, qualifying, ladder, programme.policy.downgrade)
            ahead = gap(qualifying, ladder)
            is_near = ahead is not None and ahead.missing <= programme.policy.near_miss
            raised = ahead.tier if ahead is not None and is_near and ahead.tier.start > after.start else after
            if after == held and raised == after:
                continue
            bought = _bought(tx, house, member_id, period)
            if after != held:
                _add(moving, held, after, bought)
                mover = Mover(
                    member_id=member_id, qualifying=qualifying, from_tier=held.code, to_tier=after.code
                )
                movers += [mover] * (len(movers) < LISTED_MAX)
            if raised != after:
                _add(near, after, raised, bought)
    return DryRun(
        id=period.id,
        last_day=date_of(period.last).isoformat(),
        ended=today > period.last,
        currency=programme.currency,
        cost_is_an_estimate=ESTIMATE,
        members=members,
        staying=members - sum(one.members for one in moving.values()),
        moves=_moves(moving, programme),
        movers=tuple(movers),
        near_miss_points=programme.policy.near_miss,
        near_miss_moves=_moves(near, programme),
    )


def _bought(tx: Transaction, house: House, member_id: str, period: Period) -> int | Fraction:
    """Return what a member, and all who count as the member, bought in the period and did not bring back."""
    bought: int | Fraction = 0
    for name in groups_of(tx, house.bucket_count, [member_id]).members[member_id]:
        for (blob,) in tx.each(
            "accounts.receipts_between",
            bucket=bucket_of(name, house.bucket_count),
            member_id=name,
            first_day=period.first,
            last_day=period.last,
        ):
            item = RESOLVED.decode(blob).standing
            if item is not None and item.kind == "purchase":
                bought += money_of(item)
    return bought


def _add(sums: dict[tuple[str, str], _Sum], old: Tier, new: Tier, bought: int | Fraction) -> None:
    one = sums.setdefault((old.code, new.code), _Sum())
    one.members += 1
    one.bought += bought


def _moves(sums: dict[tuple[str, str], _Sum], programme: Programme) -> tuple[Move, ...]:
    """Return the moves from the lowest tier up."""
    tiers = {tier.code: tier for tier in programme.ladder}
    places = {code: place for place, code in enumerate(tiers)}
    found = []
    for old, new in sorted(sums, key=lambda pair: (places[pair[0]], places[pair[1]])):
        one = sums[old, new]
        more = (_percent(tiers[new]) - _percent(tiers[old])) * one.bought
        found.append(
            Move(
                from_tier=old,
                to_tier=new,
                members=one.members,
                bought_minor=int(one.bought),
                discount_minor=int(more / 100),
                gifts=_gifts(tiers[old], tiers[new], one.members),
            )
        )
    return tuple(found)


def _percent(tier: Tier) -> Fraction:
    percents = [benefit.percent for benefit in tier.benefits if benefit.percent is not None]
    return max(percents, default=Fraction(0))


def _gifts(old: Tier, new: Tier, members: int) -> tuple[GiftCount, ...]:
    """Return the gifts that only one of the tiers gives, a member each."""
    before = [benefit.names for benefit in old.benefits if benefit.kind == "gift"]
    after = [benefit.names for benefit in new.benefits if benefit.kind == "gift"]
    more = [GiftCount(names=names, more=members) for names in after if names not in before]
    return (*more, *[GiftCount(names=names, more=-members) for names in before if names not in after])
