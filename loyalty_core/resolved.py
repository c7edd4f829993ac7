"""What a receipt's fold hands on: one fact of a member, dated, with everything that took of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from loyalty_core.events import Claim, EventId, Order
from loyalty_core.returns import Part
from loyalty_core.units import Day, EpochMs, Minute

ItemKind = Literal["visit", "purchase", "redemption", "coupon", "adjustment"]


class Item(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the rules of a day, or the account, see of one fact.

    Of a visit or purchase `money` holds (category, net minor) a line, `parts` what is left of lines that came
    back in part, `tenders` (type, minor). Of a redemption they are (its id, points) and (reward, value), of a
    coupon (its id, 0) and (the redemption it was used in, 0), of an adjustment ("redeemable", points),
    ("qualifying", points) and (reason, 0). `claim` is what the till answered. `named_by` are the copies and
    claims that name its owner, the first first; none where it alone does.
    """

    id: EventId
    occurred_at_ms: EpochMs
    kind: ItemKind
    store_id: str
    minute: Minute
    money: tuple[tuple[str, int], ...]
    tenders: tuple[tuple[str, int], ...]
    parts: tuple[Part, ...] = ()
    claim: Claim | None = None
    named_by: tuple[EventId, ...] = ()

    @property
    def order(self) -> Order:
        """The canonical order."""
        return (self.occurred_at_ms, *msgspec.structs.astuple(self.id))

    @property
    def earns(self) -> bool:
        """Tell whether the rules of a day look at it; what does not earn belongs to the account."""
        return self.kind in ("visit", "purchase")


class Takeback(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A void (`voids`) or a return: what it leaves of the item."""

    id: EventId
    occurred_at_ms: EpochMs
    business_day: Day
    remains: Item | None
    claim: Claim | None = None
    voids: bool = False

    @property
    def order(self) -> Order:
        """The canonical order; the day fold lets no takeback come before its item."""
        return (self.occurred_at_ms, *msgspec.structs.astuple(self.id))


class Resolved(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One receipt, visit or account fact as its owner's business day takes it in."""

    business_day: Day
    item: Item
    takebacks: tuple[Takeback, ...]

    @property
    def standing(self) -> Item | None:
        """What stands of the item after all takebacks; None where nothing does."""
        return self.takebacks[-1].remains if self.takebacks else self.item
