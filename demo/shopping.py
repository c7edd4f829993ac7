"""What customers do besides buying: bring a part back, claim what they bought without a card, spend points.

All of it follows from the place of a basket among those that are played, so it is the same in every run.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from demo.receipts import STORES, Basket, Item, store_id

STAGES: Final = 3
RETURN_EVERY: Final = 33
CLAIM_EVERY: Final = 150
SPENDERS: Final = 5
"""How many households pay with points in the last stage; one does in the second, while the line is down."""
POINTS_STEP: Final = 100
POINTS_MAX: Final = 200
REWARD: Final = "coffee"
"""What one of the spenders takes for its points; it costs `POINTS_STEP`."""
DESK: Final = store_id(STORES[0])
"""The store where baskets of all stores are claimed, and points are spent."""
_ELSEWHERE: Final = (0, 1, 0, 2)
"""How many stores further the returns go, in turn."""
_WORTH_MAX: Final = 200


class Sold(msgspec.Struct, frozen=True):
    """A basket at the till, `named` where a card was shown. `points` pay a part of it, or buy a `reward`."""

    basket: Basket
    named: bool = True
    points: int = 0
    reward: str = ""

    @property
    def at(self) -> datetime:
        """When."""
        return self.basket.sold_at

    @property
    def store_id(self) -> str:
        """Where."""
        return self.basket.store_id


class Returned(msgspec.Struct, frozen=True):
    """One piece of a basket comes back, to any store. `line` is its number in the basket."""

    basket: Basket
    line: int
    item: Item
    store_id: str
    at: datetime

    @property
    def number(self) -> str:
        """The number of the return's own receipt."""
        return f"R{self.basket.number}"


class Claimed(msgspec.Struct, frozen=True):
    """A household says that a basket without a card was theirs."""

    basket: Basket
    store_id: str
    at: datetime


Deed = Sold | Returned | Claimed


def stages(baskets: Sequence[Basket]) -> list[Sequence[Basket]]:
    """Return the baskets in three runs of one size."""
    size = -(-len(baskets) // STAGES)
    return [baskets[start : start + size] for start in range(0, STAGES * size, size)]


def plan(baskets: Sequence[Basket], strangers: Collection[int]) -> list[list[Deed]]:
    """Return what happens in each stage, in order of time.

    `strangers` are households whose cards nobody knows for a while: they do not spend or claim.
    """
    begins = [stage[0].sold_at for stage in stages(baskets)[1:]]
    known = [b for b in baskets if b.household not in strangers]
    at_desk = [b for b in known if b.store_id == DESK]
    spends = _spending(at_desk, begins)
    spenders = {deed.basket.household for deed in spends.values()}
    returns = list(_returns([b for b in baskets if b.household not in spenders]))
    returned = {deed.basket.number for deed in returns}
    claims = list(_claims([b for b in known if b.household not in spenders and b.number not in returned]))
    unnamed = {deed.basket.number for deed in claims}
    sold = [spends.get(b.number, Sold(b, named=b.number not in unnamed)) for b in baskets]
    deeds: list[Deed] = [*sold, *returns, *claims, *_of_a_spender(at_desk, list(spends.values()))]
    found: list[list[Deed]] = [[] for _ in range(STAGES)]
    for deed in sorted(deeds, key=lambda deed: deed.at):
        found[bisect_right(begins, deed.at)].append(deed)
    return found


def _of_a_spender(baskets: Sequence[Basket], spends: Sequence[Sold]) -> Iterator[Returned]:
    """Yield a return by one who spends points, and has enough without it: a whole story in few movements."""
    for sale in reversed(spends):
        theirs = [b for b in baskets if b.household == sale.basket.household and b.sold_at < sale.at]
        for basket in theirs:
            dear = _dearest(basket)
            at = basket.sold_at + timedelta(minutes=40)
            left = sum(map(_worth, theirs)) - _worth(basket)
            if dear is not None and at < sale.at and left >= sale.points:
                yield Returned(basket, *dear, basket.store_id, at)
                return


def _returns(baskets: Sequence[Basket]) -> Iterator[Returned]:
    """Yield the returns: of every so many baskets the next of which a part can come back before the end."""
    stores, owed, count = [store_id(number) for number in STORES], 0, 0
    for place, basket in enumerate(baskets):
        owed += place % RETURN_EVERY == 0
        at = basket.sold_at + timedelta(days=count % 9, minutes=40)
        dear = _dearest(basket)
        if owed and dear is not None and at <= baskets[-1].sold_at:
            line, item = dear
            where = stores.index(basket.store_id) + _ELSEWHERE[count % len(_ELSEWHERE)]
            yield Returned(basket, line, item, stores[where % len(stores)], at)
            owed, count = owed - 1, count + 1


def _dearest(basket: Basket) -> tuple[int, Item] | None:
    """Return one piece of the dearest line and the line's number, where there is something beside it."""
    goods = [
        (item.net_minor, line, item)
        for line, item in enumerate(basket.items, start=1)
        if item.net_minor > 0 and item.quantity.isdecimal() and int(item.quantity) > 0
    ]
    if len(goods) < 2:
        return None
    _, line, item = max(goods, key=lambda one: one[:2])
    net = item.net_minor // int(item.quantity)
    return line, msgspec.structs.replace(item, quantity="1", net_minor=net)


def _claims(baskets: Sequence[Basket]) -> Iterator[Claimed]:
    """Yield the claims: of every so many baskets the next that can be claimed before the end."""
    owed, count = 0, 0
    for place, basket in enumerate(baskets):
        owed += place % CLAIM_EVERY == CLAIM_EVERY // 3
        at = basket.sold_at + timedelta(days=1 + count % 12)
        if owed and basket.net_minor >= 1000 and at <= baskets[-1].sold_at:
            yield Claimed(basket, DESK, at)
            owed, count = owed - 1, count + 1


def _spending(baskets: Sequence[Basket], begins: Sequence[datetime]) -> dict[str, Sold]:
    """Return the sales for which points are spent, by number: one offline, the others in the last stage.

    A household spends no more than what its baskets at this till have earned at the least: offline before the
    line was cut, for that is what headquarters has allowed. Those who buy seldom spend: their story is short.
    """
    earned, allowed = Counter[int](), Counter[int]()
    times = Counter(basket.household for basket in baskets)
    offline: list[tuple[Basket, int]] = []
    online: dict[int, tuple[Basket, int]] = {}
    for basket in baskets:
        stage, one = bisect_right(begins, basket.sold_at), basket.household
        if stage == 0:
            allowed[one] += _worth(basket)
        known = (allowed if stage == 1 else earned)[one]
        points = min(known, POINTS_MAX) // POINTS_STEP * POINTS_STEP
        if points and basket.net_minor >= 10 * points:
            if stage == 1:
                offline.append((basket, points))
            elif stage == 2:
                online.setdefault(one, (basket, points))
        earned[one] += _worth(basket)
    chosen = offline[len(offline) // 3 :][:1]
    others = sorted(online.values(), key=lambda each: (times[each[0].household], each[0].number))
    seldom = [each for each in others if each[0].household not in {b.household for b, _ in chosen}][:SPENDERS]
    spends = {b.number: Sold(b, points=points) for b, points in chosen + seldom[::-1]}
    for basket, _ in seldom[1:2]:
        spends[basket.number] = Sold(basket, points=POINTS_STEP, reward=REWARD)
    return spends


def _worth(basket: Basket) -> int:
    """Return the points that a basket earns at the least."""
    return min(_WORTH_MAX, sum(item.net_minor for item in basket.items if item.category != "FUEL") // 100)
