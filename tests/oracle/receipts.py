"""Facts of one key -> what happened, whose it is, what was taken back and when; and what is in conflict."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

from loyalty_core.events import (
    CouponUsed,
    EventId,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionCommitted,
    ReturnRecorded,
    VisitRecorded,
    VisitVoided,
)
from tests.oracle.money import Basket, Money
from tests.oracle.told import Order, Said, version_on
from tests.oracle.world import Conflict, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A purchase or a visit as rules see it."""

    id: EventId
    order: Order
    kind: Literal["purchase", "visit"]
    day: int
    minute: int
    store: str
    money: Money
    tenders: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Back:
    """A return or void: what it left, None for nothing."""

    id: EventId
    order: Order
    day: int
    left: Item | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One purchase or visit from its beginning to its end, and the member whose it is, if anybody's."""

    key: ReceiptKey | None
    item: Item
    owner: str | None
    backs: tuple[Back, ...]

    @property
    def left(self) -> Item | None:
        """What stands in the end."""
        return self.backs[-1].left if self.backs else self.item

    @property
    def gone_by(self) -> Back | None:
        """The return or void after which nothing was left."""
        return next((back for back in self.backs if back.left is None), None)


def read_receipts(world: World, said: list[Said]) -> tuple[list[Story], set[Conflict]]:
    """Return all purchases and visits, and the conflicts among their facts."""
    conflicts: set[Conflict] = set()
    stories = [*_purchases(world, said, conflicts), *_visits(said, conflicts)]
    conflicts |= _used_twice(said) | _spent_on_nothing(said, stories)
    return stories, conflicts


def _purchases(world: World, said: list[Said], conflicts: set[Conflict]) -> list[Story]:
    sales: dict[Hashable, list[Said]] = {}
    returns: dict[Hashable, list[Said]] = {}
    for one in said:
        if isinstance(one.event, PurchaseRecorded):
            sales.setdefault(one.event.receipt, []).append(one)
    for one in said:
        if isinstance(one.event, ReturnRecorded) and one.event.original in sales:
            returns.setdefault(one.event.receipt, []).append(one)
        elif isinstance(one.event, ReturnRecorded):
            conflicts.add(("return_waiting", one.id))
    one_each = [_standing(copies, conflicts)[0] for copies in returns.values()]
    voids = [one for one in said if isinstance(one.event, PurchaseVoided)]
    claims = [one for one in said if isinstance(one.event, ReceiptClaimed) and one.called is not None]
    for one in voids:
        assert isinstance(one.event, PurchaseVoided)
        if one.event.original not in sales:
            conflicts.add(("original_missing", one.id))
    for one in claims:
        assert isinstance(one.event, ReceiptClaimed)
        if one.event.receipt not in sales:
            conflicts.add(("claim_waiting", one.id))
    stories = []
    for copies in sales.values():
        same = _standing(copies, conflicts)
        sale = same[0]
        assert isinstance(sale.event, PurchaseRecorded)
        key = sale.event.receipt
        backs = [
            one
            for one in [*one_each, *voids]
            if isinstance(one.event, ReturnRecorded | PurchaseVoided) and one.event.original == key
        ]
        of_key = [one for one in claims if isinstance(one.event, ReceiptClaimed) and one.event.receipt == key]
        basket = Basket(sale.event)
        item = _bought(sale, basket)
        story = Story(
            key=key,
            item=item,
            owner=_owner(world, same, of_key, conflicts),
            backs=tuple(_taken_back(sale, basket, backs, conflicts)),
        )
        stories.append(story)
    return stories


def _standing(copies: list[Said], conflicts: set[Conflict]) -> list[Said]:
    """Return the copies with the content of the first, which stands; others are conflicts."""
    same = [one for one in copies if _content(one) == _content(copies[0])]
    conflicts |= {("copy_differs", one.id) for one in copies if one not in same}
    return same


def _content(one: Said) -> Hashable:
    """Return kind, instant, lines, net, tax, tenders in any order, original."""
    event = one.event
    content: list[Hashable] = [type(event), event.occurred_at_ms]
    if isinstance(event, PurchaseRecorded | ReturnRecorded):
        content += [
            event.net_minor,
            event.tax_minor,
            tuple(sorted(event.lines)),
            tuple(sorted(event.tenders)),
        ]
    if isinstance(event, ReturnRecorded):
        content.append(event.original)
    return tuple(content)


def _named(same: list[Said], conflicts: set[Conflict]) -> Said | None:
    """Return the first copy that names a member; others that name another are conflicts."""
    naming = [one for one in same if one.called is not None]
    conflicts |= {("member_differs", one.id) for one in naming if one.called != naming[0].called}
    return naming[0] if naming else None


def _owner(world: World, same: list[Said], claims: list[Said], conflicts: set[Conflict]) -> str | None:
    sale = same[0]
    version = version_on(world, sale.day)
    last_day = sale.day + (version.claim_days if version else 0)
    named = _named(same, conflicts)
    in_time = [claim for claim in claims if claim.day <= last_day]
    stands = named or (in_time[0] if in_time else None)
    for claim in claims:
        if stands is not None and claim.called == stands.called:
            continue
        came_first = stands is None or claim.order < stands.order
        late = named is None and claim.day > last_day and came_first
        conflicts.add(("claim_late" if late else "claim_lost", claim.id))
    return stands.who if stands is not None else None


def _bought(sale: Said, basket: Basket) -> Item:
    """Return what is left of a purchase, as rules see it."""
    return Item(
        id=sale.id,
        order=sale.order,
        kind="purchase",
        day=sale.day,
        minute=sale.minute,
        store=sale.store,
        money=basket.money(),
        tenders=tuple(basket.tenders.items()),
    )


def _taken_back(sale: Said, basket: Basket, backs: list[Said], conflicts: set[Conflict]) -> list[Back]:
    """Return each return and void in order."""
    done = []
    for one in sorted(backs, key=lambda back: back.order):
        if isinstance(one.event, ReturnRecorded):
            taken = basket.take(one.event)
            if taken.exceeds:
                conflicts.add(("return_exceeds", one.id))
            if taken.unmatched:
                conflicts.add(("return_unmatched", one.id))
        else:
            basket.void()
        left = None if basket.is_gone() else _bought(sale, basket)
        done.append(Back(one.id, one.order, one.day, left))
    return done


def _visits(said: list[Said], conflicts: set[Conflict]) -> list[Story]:
    """Return the visits; one with a receipt key is one however often it comes."""
    together: dict[Hashable, list[Said]] = {}
    for one in said:
        if isinstance(one.event, VisitRecorded):
            together.setdefault(one.event.receipt or one.id, []).append(one)
    voids = [one for one in said if isinstance(one.event, VisitVoided)]
    undone: set[EventId] = set()
    stories = []
    for copies in together.values():
        same = _standing(copies, conflicts)
        first = same[0]
        assert isinstance(first.event, VisitRecorded)
        item = Item(
            id=first.id,
            order=first.order,
            kind="visit",
            day=first.day,
            minute=first.minute,
            store=first.store,
            money=(),
            tenders=(),
        )
        own = [one for one in voids if any(_voids(one, copy) for copy in copies)]
        undone |= {one.id for one in own}
        named = _named(same, conflicts)
        backs = tuple(Back(one.id, one.order, one.day, None) for one in own)
        owner = named.who if named is not None else None
        stories.append(Story(key=first.event.receipt, item=item, owner=owner, backs=backs))
    conflicts |= {("original_missing", one.id) for one in voids if one.id not in undone}
    return stories


def _voids(one: Said, visit: Said) -> bool:
    """Tell whether a void names the place of a visit in its own terminal's journal."""
    assert isinstance(one.event, VisitVoided)
    named = (one.id.terminal_id, one.event.epoch, one.id.branch, one.event.seq)
    return named == (visit.id.terminal_id, visit.id.epoch, visit.id.branch, visit.id.seq)


def _used_twice(said: list[Said]) -> set[Conflict]:
    """Return commits of one redemption after the first, and uses of one coupon for another redemption."""
    conflicts: set[Conflict] = set()
    committed: set[str] = set()
    used: dict[str, str] = {}
    for one in said:
        if isinstance(one.event, RedemptionCommitted):
            if one.event.redemption in committed:
                conflicts.add(("redemption_twice", one.id))
            committed.add(one.event.redemption)
        if isinstance(one.event, CouponUsed):
            first = used.setdefault(one.event.coupon, one.event.redemption)
            conflicts |= {("coupon_used_twice", one.id)} if first != one.event.redemption else set()
    return conflicts


def _spent_on_nothing(said: list[Said], stories: list[Story]) -> set[Conflict]:
    """Return first commits on a purchase of which nothing was left by then."""
    bought = [story for story in stories if story.item.kind == "purchase"]
    gone = {story.key: story.gone_by for story in bought if story.gone_by is not None}
    conflicts: set[Conflict] = set()
    committed: set[str] = set()
    for one in said:
        if isinstance(one.event, RedemptionCommitted) and one.event.redemption not in committed:
            committed.add(one.event.redemption)
            if one.event.receipt in gone and _is_later(one, gone[one.event.receipt]):
                conflicts.add(("redemption_void", one.id))
    return conflicts


def _is_later(one: Said, back: Back) -> bool:
    """Tell what came later: a journal numbers its own events, between journals there are only clocks."""
    journals = [(event.terminal_id, event.epoch, event.branch) for event in (one.id, back.id)]
    return one.id.seq > back.id.seq if journals[0] == journals[1] else one.order > back.order
