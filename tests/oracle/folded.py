"""The same worlds through the folds of `loyalty_core`, as HQ puts them together, without a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from datetime import date

from hq_server.derivation import Account, Rulebook, Whole, whole_account
from hq_server.house import House
from hq_server.receipt_keys import COUPONS
from loyalty_core.after_close import Closed
from loyalty_core.assessment import Assessed, Group, TierFacts
from loyalty_core.calendar import day_of
from loyalty_core.entries import NO_EVENT, PointEntry
from loyalty_core.events import (
    CouponUsed,
    Event,
    EventId,
    EventPlaced,
    Fact,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionCommitted,
    ReturnRecorded,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.messages import Incarnation
from loyalty_core.programme import claim_days_on
from loyalty_core.receipts import Receipt, ReceiptRules, fold_receipt
from loyalty_core.resolved import Item, Resolved
from loyalty_core.units import Day, EpochMs, Minute
from tests.oracle.world import Adjustment, Entries, Identity, Points, World


def receipts(world: World, facts: Iterable[tuple[EventId, Event]]) -> list[Receipt]:
    """Return the fold of every receipt key, keyless visit, redemption and coupon."""
    facts = list(facts)
    filed: dict[tuple[str, Hashable], list[Fact]] = defaultdict(list)
    for place, event in facts:
        where = _filed(world, place, event)
        if where is not None:
            filed[where].append(Fact(place, event))
    for place, event in facts:
        if isinstance(event, EventPlaced):
            named = (event.terminal_id, event.epoch, event.branch, event.seq)
            for of_key in filed.values():
                if any(astuple(fact.id) == named for fact in of_key):
                    of_key.append(Fact(place, event))

    def claim_days(day: Day) -> int:
        return claim_days_on(world.programmes, day)

    return [
        fold_receipt(of_key, ReceiptRules(store, world.places["S1"].zone, claim_days))
        for (store, _), of_key in filed.items()
    ]


def astuple(place: EventId) -> tuple[str, int, int, int]:
    """Return the parts of a place."""
    return place.terminal_id, place.epoch, place.branch, place.seq


def _filed(world: World, place: EventId, event: Event) -> tuple[str, Hashable] | None:
    """Return the store and key under which HQ files a fact."""
    store = world.terminals[place.terminal_id]
    match event:
        case PurchaseRecorded(receipt=key) | ReceiptClaimed(receipt=key) | PurchaseVoided(original=key):
            return key.store, key
        case ReturnRecorded(original=ReceiptKey() as key) | RedemptionCommitted(receipt=ReceiptKey() as key):
            return key.store, key
        case RedemptionCommitted(redemption=name):
            return store, name
        case CouponUsed(coupon=name):
            return COUPONS, name
        case VisitRecorded(receipt=ReceiptKey() as key) | VisitVoided(receipt=ReceiptKey() as key):
            return store, ("visit", key)
        case VisitRecorded():
            return store, astuple(place)
        case VisitVoided(epoch=epoch, seq=seq):
            return store, (place.terminal_id, epoch, place.branch, seq)
    return None


def accounts(world: World, folded: Iterable[Receipt]) -> Mapping[str, Whole]:
    """Return what should stand for each member."""
    days: dict[str, dict[int, list[Resolved]]] = defaultdict(lambda: defaultdict(list))

    def give(owner: str | None, resolved: Resolved | None) -> None:
        member = world.members.get(("S1", owner or ""))
        if member is not None and resolved is not None:
            days[_survivor(world, member)][resolved.business_day].append(resolved)

    for receipt in folded:
        give(receipt.owner, receipt.resolved)
        for spent in receipt.spent:
            give(spent.owner, spent.resolved)
    for one in world.adjustments:
        give(f"id:{one.member}", Resolved(Day(one.day), _adjusted(one), ()))
    rules = Rulebook(House(bucket_count=1, incarnation=Incarnation(1, b""), programmes=world.programmes))
    return {
        member: whole_account(
            rules,
            Account(
                days=days[member],
                birthday=_birthday(world, member),
                closed=_closed(world, member),
                through=Day(world.through),
                tiers=_tiers(world, member),
            ),
        )
        for member in {_survivor(world, one) for one in world.members.values()}
    }


def _tiers(world: World, member: str) -> Group:
    return [
        TierFacts(
            tuple(
                Assessed(number=number, tier=code, from_day=Day(first))
                for number, (first, code) in enumerate(sorted(steps))
            )
        )
        for one, steps in world.tiers.items()
        if _survivor(world, one) == member
    ]


def _survivor(world: World, member: str) -> str:
    for gone, into in world.merges:
        member = into if member == gone else member
    return member


def _birthday(world: World, member: str) -> int | None:
    born = world.birthdays.get(member)
    return None if born is None else day_of(date(2000, *born))


def _closed(world: World, member: str) -> dict[str, Closed]:
    return {
        period: Closed(
            qualifying=sum(
                total for whose, total in close.totals.items() if _survivor(world, whose) == member
            ),
            clawed=frozenset(
                one.event
                for whose, one in close.posted
                if one.kind == "clawback"
                and one.period == period
                and one.event is not None
                and _survivor(world, whose) == member
            ),
        )
        for period, close in world.closes.items()
    }


def _adjusted(one: Adjustment) -> Item:
    money = (("redeemable", one.redeemable), ("qualifying", one.qualifying))
    return Item(one.id, EpochMs(0), "adjustment", "", Minute(0), money, (("goodwill", 0),))


def as_read(entries: Iterable[PointEntry]) -> Entries:
    """Return entries as the oracle writes them, those of zero left out."""
    summed: Entries = {}
    for entry in entries:
        identity = Identity(
            kind=entry.kind,
            event=None if entry.event == NO_EVENT else entry.event,
            rule=entry.rule if entry.kind in ("bonus", "cap", "adjustment") else "",
            day=None if entry.kind == "cap" else int(entry.business_day),
            period=entry.period_id,
        )
        points = Points(entry.redeemable, entry.qualifying)
        summed[identity] = summed.get(identity, Points(0, 0)).plus(points)
    return {identity: points for identity, points in summed.items() if points != (0, 0)}
