"""What it costs that members move between tiers: an estimate, added up by the move. Reads only.

It is the new tier's benefits less the old one's, by the version in force when the tier begins, if the member
buys in the time to come what they bought in the period, net of returns. Gifts are counted, for nobody says
what one costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import msgspec

from hq_server.house import House
from hq_server.merges import groups_of
from hq_server.references import bucket_of
from hq_server.spread import RESOLVED
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Period
from loyalty_core.matching import money_of
from loyalty_core.programme import Tier

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


class _Sum(msgspec.Struct):
    members: int = 0
    bought: int | Fraction = 0


class Costs:
    """Members who move, added up by where from and where to."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], _Sum] = {}

    def add(self, old: Tier, new: Tier, bought: int | Fraction) -> None:
        """Add one member, who bought for so many minor units."""
        one = self._sums.setdefault((old.code, new.code), _Sum())
        one.members += 1
        one.bought += bought

    @property
    def members(self) -> int:
        """How many members move."""
        return sum(one.members for one in self._sums.values())

    def moves(self, ladder: Sequence[Tier], giving: Sequence[Tier]) -> tuple[Move, ...]:
        """Return the moves from the ladder's lowest tier up, with what the tiers of `giving` give."""
        tiers = {tier.code: tier for tier in (*ladder, *giving)}
        places = {code: place for place, code in enumerate(tiers)}
        found = []
        for old, new in sorted(self._sums, key=lambda pair: (places[pair[0]], places[pair[1]])):
            one = self._sums[old, new]
            more = (tiers[new].discount - tiers[old].discount) * one.bought
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


def bought_in(tx: Transaction, house: House, member_id: str, period: Period) -> int | Fraction:
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


def _gifts(old: Tier, new: Tier, members: int) -> tuple[GiftCount, ...]:
    """Return the gifts that only one of the tiers gives, a member each."""
    before = [benefit.names for benefit in old.benefits if benefit.kind == "gift"]
    after = [benefit.names for benefit in new.benefits if benefit.kind == "gift"]
    more = [GiftCount(names=names, more=members) for names in after if names not in before]
    return (*more, *[GiftCount(names=names, more=-members) for names in before if names not in after])
