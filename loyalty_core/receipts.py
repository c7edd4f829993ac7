"""The fold of one receipt key: all facts that name it -> owner, content, what remains after each takeback.

A visit without a receipt key is folded alone, with its void; so are a redemption that names no receipt, and
the uses of one coupon. The result does not depend on the order in which the facts are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from loyalty_core.calendar import local_time
from loyalty_core.events import (
    CouponUsed,
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
    content_hash,
    money_of_lines,
)
from loyalty_core.resolved import Item, ItemKind, Resolved, Takeback
from loyalty_core.returns import Remainder, after, money, whole
from loyalty_core.units import Day, EpochMs, Minute, Seq

_Original = PurchaseRecorded | VisitRecorded
ConflictKind = Literal[
    "copy_differs",
    "member_differs",
    "original_missing",
    "return_waiting",
    "return_exceeds",
    "return_unmatched",
    "returns_too_many",
    "claim_waiting",
    "claim_late",
    "claim_lost",
    "redemption_twice",
    "redemption_void",
    "coupon_used_twice",
]

RETURNS_MAX: Final = 100
"""The most returns of one purchase that take anything: each keeps what it leaves of all lines."""


class Conflict(msgspec.Struct, frozen=True, gc=False):
    """A fact that does not go with the rest; each becomes an exception at HQ. `names` is the other member."""

    kind: ConflictKind
    event: EventId
    names: str = ""


class Spent(msgspec.Struct, frozen=True, gc=False):
    """A redemption or coupon: its name under the receipt, whose it is, and what its account takes in."""

    name: str
    owner: str | None
    resolved: Resolved


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The fold's result. `owner` is a look-up form or None; `resolved` is None while no original is known."""

    owner: str | None
    resolved: Resolved | None
    conflicts: tuple[Conflict, ...]
    spent: tuple[Spent, ...] = ()


class ReceiptRules(msgspec.Struct, frozen=True):
    """What a fold needs besides the facts: the store, its zone, and `claim_days` by business day.

    `programmes` is how many versions that is read from.
    """

    store_id: str
    zone: ZoneInfo
    claim_days: Callable[[Day], int]
    programmes: int = 0


def fold_receipt(facts: Iterable[Fact], rules: ReceiptRules) -> Receipt:
    """Return what the facts of one receipt key amount to, whatever order they are given in.

    The store is the key's; its zone gives the local minute that time-of-day rules look at.
    """
    given = {fact.id: fact for fact in facts}
    if len(given) == 1:
        (only,) = given.values()
        if isinstance(only.event, _Original):
            item = item_of(only, rules.store_id, rules.zone)
            return Receipt(only.event.member, Resolved(Day(only.event.business_day), item, ()), ())
    return _Fold(given, rules).receipt()


def item_of(fact: Fact, store_id: str, zone: ZoneInfo) -> Item:
    """Return what the rules see of a purchase or visit.

    Raises:
        TypeError: for any other event.
    """
    event = fact.event
    at_ms = EpochMs(event.occurred_at_ms)
    _, minute = local_time(at_ms, zone)
    match event:
        case PurchaseRecorded():
            money = money_of_lines(event.net_minor, event.lines)
            tenders = tuple([(tender.type, tender.amount_minor) for tender in event.tenders])
            return Item(fact.id, at_ms, "purchase", store_id, minute, money, tenders, (), fact.claim)
        case VisitRecorded():
            return Item(fact.id, at_ms, "visit", store_id, minute, (), (), (), fact.claim)
    raise TypeError(f"{type(event).__name__} earns nothing")


class _Fold:
    """The facts of one key in canonical order, and the conflicts found among them."""

    def __init__(self, given: dict[EventId, Fact], rules: ReceiptRules) -> None:
        self._rules = rules
        self._facts = sorted(given.values(), key=lambda fact: fact.order)
        self._conflicts: list[Conflict] = []
        self._placed: dict[EventId, EventPlaced] = {}
        for _, fact in sorted(given.items()):  # of two decisions about one event the later stands
            match fact.event:
                case EventPlaced(terminal_id=terminal_id, epoch=epoch, branch=branch, seq=seq) as placed:
                    self._placed[EventId(terminal_id, epoch, branch, Seq(seq))] = placed

    def receipt(self) -> Receipt:
        """Return what they amount to."""
        originals = [f for f in self._facts if isinstance(f.event, _Original)]
        if not originals:
            self._all_wait()
            spent = self._spent(None)
            return Receipt(None, None, tuple(self._conflicts), spent)
        first = originals[0]
        owner, naming = self._owner(originals)
        takebacks = self._takebacks(first, originals)
        item = self._item(first)
        if naming not in ([], [first]):
            named_by = tuple([fact.id for fact in naming])
            item = msgspec.structs.replace(item, claim=item.claim or naming[0].claim, named_by=named_by)
        resolved = Resolved(self._day(first), item, takebacks)
        emptied = next((back for back in takebacks if back.remains is None), None)
        spent = self._spent(emptied)
        return Receipt(owner, resolved, tuple(self._conflicts), spent)

    def _all_wait(self) -> None:
        for fact in self._facts:
            match fact.event:
                case ReturnRecorded():
                    self._conflict("return_waiting", fact)
                case PurchaseVoided() | VisitVoided():
                    self._conflict("original_missing", fact)
                case ReceiptClaimed():
                    self._conflict("claim_waiting", fact)

    def _owner(self, originals: list[Fact]) -> tuple[str | None, list[Fact]]:
        """Return the member whom the first copy that names one names, else the first who claimed in time.

        With it come the copies and claims that say so: their tills have answered with the points.
        """
        first = originals[0]
        owner, content = first.event.member, content_hash(first.event)
        naming = [] if owner is None else [first]
        for fact in originals[1:]:
            named = fact.event.member
            if content_hash(fact.event) != content:
                self._conflict("copy_differs", fact)
            elif named is not None and owner in (None, named):
                owner = named
                naming.append(fact)
            elif named is not None:
                self._conflict("member_differs", fact, named)
        until = self._day(first) + self._rules.claim_days(self._day(first))
        late: list[tuple[Fact, str]] = []
        for fact in self._facts:
            if not isinstance(fact.event, ReceiptClaimed) or fact.event.member is None:
                continue
            if owner not in (None, fact.event.member):
                self._conflict("claim_lost", fact, fact.event.member)
            elif owner is None and self._day(fact) > until:
                late.append((fact, fact.event.member))
            else:
                owner = fact.event.member
                naming.append(fact)
        for fact, named in late:
            if named != owner:
                self._conflict("claim_late", fact, named)
        return owner, naming

    def _takebacks(self, first: Fact, originals: list[Fact]) -> tuple[Takeback, ...]:
        if isinstance(first.event, PurchaseRecorded):
            return self._purchase_takebacks(first, first.event)
        places = {(f.id.terminal_id, f.id.epoch, f.id.seq) for f in originals}
        found: list[Takeback] = []
        for fact in self._facts:
            match fact.event:
                case VisitVoided(epoch=epoch, seq=seq) if (fact.id.terminal_id, epoch, seq) in places:
                    found.append(self._takeback(fact, None))
                case VisitVoided() | PurchaseVoided():
                    self._conflict("original_missing", fact)
        return tuple(found[:1])

    def _purchase_takebacks(self, first: Fact, purchase: PurchaseRecorded) -> tuple[Takeback, ...]:
        found: list[Takeback] = []
        left: Remainder | None = whole(purchase)
        known: dict[ReceiptKey, bytes] = {}
        for fact in self._facts:
            match fact.event:
                case PurchaseVoided() if left is not None:
                    left = None
                    found.append(self._takeback(fact, None))
                case VisitVoided():
                    self._conflict("original_missing", fact)
                case ReturnRecorded() as back if back.receipt in known:
                    if content_hash(back) != known[back.receipt]:
                        self._conflict("copy_differs", fact)
                case ReturnRecorded() as back:
                    known[back.receipt] = content_hash(back)
                    if left is None or len(known) > RETURNS_MAX:
                        self._conflict("return_exceeds" if left is None else "returns_too_many", fact)
                        continue
                    left = self._returned(fact, back, left)
                    remains = None if left is None else self._remaining(first, left)
                    found.append(self._takeback(fact, remains))
        return tuple(found)

    def _returned(self, fact: Fact, back: ReturnRecorded, left: Remainder) -> Remainder | None:
        """Return what one return leaves, None where that is nothing."""
        taken = after(left, back)
        if taken.exceeds:
            self._conflict("return_exceeds", fact)
        if taken.unmatched:
            self._conflict("return_unmatched", fact)
        return None if taken.left.is_nothing else taken.left

    def _remaining(self, first: Fact, left: Remainder) -> Item:
        """Return the item of which this is left."""
        kept, parts = money(left)
        tenders = tuple([(tender.type, tender.amount_minor) for tender in left.tenders])
        return msgspec.structs.replace(
            self._item(first), money=kept, tenders=tenders, parts=parts, claim=None
        )

    def _spent(self, emptied: Takeback | None) -> tuple[Spent, ...]:
        """Return what was redeemed on this receipt; its points come back where nothing of it remains."""
        found: dict[str, Spent] = {}
        for fact in self._facts:
            match fact.event:
                case RedemptionCommitted(redemption=name, points=points, reward=reward, value_minor=value):
                    item = self._account_item(fact, "redemption", (name, points), (reward, value))
                    kind: ConflictKind = "redemption_twice"
                    place = f"r/{name}"
                case CouponUsed(coupon=name, redemption=redemption):
                    item = self._account_item(fact, "coupon", (name, 0), (redemption, 0))
                    kind = "coupon_used_twice"
                    place = f"c/{name}"
                case _:
                    continue
            if place in found:
                same_use = item.kind == "coupon" and found[place].resolved.item.tenders == item.tenders
                if not same_use:
                    self._conflict(kind, fact)
                continue
            backs = (emptied,) if emptied is not None and item.kind == "redemption" else ()
            if any(_came_after(fact, back) for back in backs):
                self._conflict("redemption_void", fact)
            found[place] = Spent(place, fact.event.member, Resolved(self._day(fact), item, backs))
        return tuple(found.values())

    def _account_item(
        self, fact: Fact, kind: ItemKind, money: tuple[str, int], tender: tuple[str, int]
    ) -> Item:
        at_ms = EpochMs(fact.event.occurred_at_ms)
        return Item(
            fact.id, at_ms, kind, self._rules.store_id, Minute(0), (money,), (tender,), (), fact.claim
        )

    def _takeback(self, fact: Fact, remains: Item | None) -> Takeback:
        at_ms, voids = EpochMs(fact.event.occurred_at_ms), not isinstance(fact.event, ReturnRecorded)
        return Takeback(fact.id, at_ms, self._day(fact), remains, fact.claim, voids)

    def _item(self, fact: Fact) -> Item:
        item = item_of(fact, self._rules.store_id, self._rules.zone)
        placed = self._placed.get(fact.id)
        if placed is None:
            return item
        _, minute = local_time(EpochMs(placed.occurred_at_ms), self._rules.zone)
        return msgspec.structs.replace(item, minute=minute)

    def _day(self, fact: Fact) -> Day:
        placed = self._placed.get(fact.id)
        return Day((fact.event if placed is None else placed).business_day)

    def _conflict(self, kind: ConflictKind, fact: Fact, names: str = "") -> None:
        self._conflicts.append(Conflict(kind, fact.id, names))


def _came_after(fact: Fact, back: Takeback) -> bool:
    """Tell whether a fact came after a takeback: in one journal by its numbers, whatever the clocks said."""
    one, other = fact.id, back.id
    if (one.terminal_id, one.epoch, one.branch) == (other.terminal_id, other.epoch, other.branch):
        return one.seq > other.seq
    return fact.order > back.order
