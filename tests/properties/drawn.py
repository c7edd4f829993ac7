"""What Hypothesis draws for the laws of the core: programmes, member-days, receipts, records.

Amounts are small and categories, stores and tenders few, so that rules meet often.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, TypeVar

import hypothesis.strategies as st
import msgspec

from loyalty_core.calendar import Place, weekday_of
from loyalty_core.events import (
    AT_MAX,
    AT_MIN,
    Booted,
    Claim,
    ClockStepped,
    ControlTotal,
    CouponUsed,
    DayClosed,
    DayTotal,
    Event,
    EventId,
    EventPlaced,
    Fact,
    Line,
    MemberPresented,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionAuthorised,
    RedemptionCancelled,
    RedemptionCommitted,
    ReturnRecorded,
    Tender,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.journal import Record
from loyalty_core.programme import (
    Affects,
    Bonus,
    Cap,
    Combine,
    Earn,
    Kind,
    Programme,
    Rule,
    Slot,
    Weight,
    When,
)
from loyalty_core.resolved import Item, Resolved, Takeback
from loyalty_core.units import MINOR_MAX, Day, EpochMs, MinorUnits, Minute, Points, Seq
from tests.core.made import FIVE, SEOUL, at, day
from tests.core.programmes import LADDER

T = TypeVar("T")
R = TypeVar("R", bound=Rule)

TODAY: Final = day("2026-11-24")
OPENING: Final = at("2026-11-24 05:00")
_KINDS: Final[list[Kind]] = ["purchase", "purchase", "visit"]
_AFFECTS: Final[list[Affects]] = [None, None, "redeemable", "qualifying"]
_COMBINES: Final[list[Combine]] = ["best", "product", "sum"]

categories = st.sampled_from(["", "golf", "food"])
tender_types = st.sampled_from(["card", "cash", "points", "gift_card", "voucher"])
stores = st.sampled_from(["S1", "S2"])
affects = st.sampled_from(_AFFECTS)
factors = st.sampled_from(["0", "0.5", "0.75", "1", "1.1", "1.5", "2", "3.25"]).map(Fraction)
raising_factors = st.sampled_from(["1", "1.1", "1.5", "2", "3.25"]).map(Fraction)
points = st.sampled_from([1, 3, 10, 0]).map(Points)
limits = st.sampled_from([None, None, None, 1, 2])
nets = st.one_of(st.integers(-500, 9_000), st.sampled_from([0, 899, 900, 999, 1_000, 2_500]))


def maybe(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    """Draw None as often as not."""
    return st.one_of(st.none(), strategy)


_ANY_CONDITIONS: Final[list[dict[str, object]]] = [
    {},
    {"on": frozenset({"visit"})},
    {"on": frozenset({"purchase"})},
    {"stores": frozenset({"S1"})},
    {"exclude_tenders": frozenset({"cash", "voucher"})},
    {"weekdays": frozenset({weekday_of(TODAY)})},
    {"weekdays": frozenset(range(7)) - {weekday_of(TODAY)}},
    {"slot": Slot(Minute(9 * 60), Minute(17 * 60))},
    {"slot": Slot(Minute(22 * 60), Minute(2 * 60))},
    {"slot": Slot(Minute(17 * 60), Minute(0))},
    {"from_day": TODAY},
    {"from_day": Day(TODAY + 1)},
    {"until_day": TODAY},
    {"until_day": Day(TODAY - 1)},
    {"tiers": frozenset({"GOLD"})},
]
_LINE_CONDITIONS: Final[list[dict[str, object]]] = [
    {"categories": frozenset({"golf"})},
    {"categories": frozenset({"golf", "food"})},
    {"categories": frozenset({""})},
    {"exclude_categories": frozenset({"golf"})},
    {"exclude_categories": frozenset({"food", ""})},
]
_MONEY_CONDITIONS: Final[list[dict[str, object]]] = [{"minimum": amount} for amount in (1, 900, 2_500)]


def whens(*, lines: bool = True, minimum: bool = True) -> st.SearchStrategy[When]:
    """Draw up to two conditions; such as look at lines or ask for a minimum only where wanted."""
    choices = [{}, *_ANY_CONDITIONS] + _LINE_CONDITIONS * (4 * lines) + _MONEY_CONDITIONS * (2 * minimum)

    def combined(drawn: list[dict[str, object]]) -> When:
        conditions: dict[str, object] = {}
        for condition in drawn:
            conditions |= condition
        return msgspec.structs.replace(When(), **conditions)

    one = st.sampled_from(choices)
    return st.one_of(st.just([]), one.map(lambda c: [c]), st.tuples(one, one).map(list)).map(combined)


def earns(when: st.SearchStrategy[When], limit: st.SearchStrategy[int | None]) -> st.SearchStrategy[Earn]:
    """Draw an earning rule."""
    pers = st.sampled_from([MinorUnits(1_000), MinorUnits(100), MinorUnits(7), MinorUnits(1), None])
    return st.builds(
        Earn, id=st.just("earn"), when=when, affects=affects, points=points, per=pers, limit_per_day=limit
    )


def weights(when: st.SearchStrategy[When], times: st.SearchStrategy[Fraction]) -> st.SearchStrategy[Weight]:
    """Draw a multiplier."""
    return st.builds(Weight, id=st.just("weight"), when=when, affects=affects, times=times)


bonuses: Final = st.one_of(
    st.builds(Bonus, id=st.just("bonus"), when=whens(), affects=affects, points=points),
    st.builds(
        Bonus,
        id=st.just("bonus"),
        when=whens(),
        affects=affects,
        points=points,
        per=st.just("day"),
        nth=st.sampled_from([None, 1, 2, 3]),
    ),
)
caps: Final = st.builds(
    Cap,
    id=st.just("cap"),
    when=whens(lines=False, minimum=False),
    affects=affects,
    points=st.sampled_from([0, 5, 20, 100]).map(Points),
    per=st.sampled_from(["event", "day"]),
)


def rules(of: st.SearchStrategy[R], least: int, most: int) -> st.SearchStrategy[tuple[R, ...]]:
    """Draw rules of a kind, each with an id of its own."""
    return st.lists(of, min_size=least, max_size=most).map(
        lambda drawn: tuple(
            msgspec.structs.replace(rule, id=f"{rule.id}-{number}") for number, rule in enumerate(drawn)
        )
    )


# Built once: to build a strategy costs more than to draw from it.
_COMBINE: Final = st.sampled_from(_COMBINES)
_BONUSES: Final = rules(bonuses, 0, 2)
_CAPS: Final = rules(caps, 0, 2)
_ANY_EARNS: Final = rules(earns(whens(), limits), 1, 2)
_ANY_WEIGHTS: Final = rules(weights(whens(), factors), 1, 4)
_FREE: Final = earns(whens(), st.none())
_LIMITED: Final = earns(whens(lines=False, minimum=False), limits)
_GENEROUS_EARNS: Final = rules(st.one_of(_FREE, _LIMITED), 1, 2)
_NO_MINIMUM: Final = weights(whens(minimum=False), factors)
_RAISING: Final = rules(st.one_of(_NO_MINIMUM, weights(whens(), raising_factors)), 1, 4)
_RAISING_ALL_LINES: Final = rules(st.one_of(_NO_MINIMUM, weights(whens(lines=False), raising_factors)), 1, 4)


@st.composite
def programmes(draw: st.DrawFn) -> Programme:
    """Draw any rules that the day fold knows."""
    return _programme(draw(_COMBINE), draw(_ANY_EARNS), draw(_ANY_WEIGHTS), draw(_BONUSES), draw(_CAPS))


@st.composite
def generous_programmes(draw: st.DrawFn, *, negative_lines: bool) -> Programme:
    """Draw rules under which spending more never earns less: see the law for the precondition."""
    raising = _RAISING_ALL_LINES if negative_lines else _RAISING
    return _programme(draw(_COMBINE), draw(_GENEROUS_EARNS), draw(raising), draw(_BONUSES))


def _programme(
    combine: Combine,
    earns: tuple[Earn, ...],
    weights: tuple[Weight, ...],
    bonuses: tuple[Bonus, ...],
    caps: tuple[Cap, ...] = (),
) -> Programme:
    return Programme(
        programme_id="drawn",
        version=1,
        effective_from=Day(0),
        currency="KRW",
        timezone="Asia/Seoul",
        place=Place(SEOUL, FIVE),
        combine=combine,
        earns=earns,
        weights=weights,
        bonuses=bonuses,
        caps=caps,
        ladder=LADDER,
    )


_MINUTES: Final = st.integers(0, 1439)
_KIND: Final = st.sampled_from(_KINDS)
_TERMINAL: Final = st.sampled_from(["T1", "T2"])
_PAID: Final = st.lists(st.tuples(tender_types, st.integers(-300, 3_000)), max_size=2)
_MONEY: Final = st.lists(st.tuples(categories, nets), min_size=1, max_size=5)
_MONEY_ABOVE_ZERO: Final = st.lists(st.tuples(categories, st.integers(0, 9_000)), min_size=1, max_size=5)


@st.composite
def items(draw: st.DrawFn, seq: int, *, negative_lines: bool = True) -> Item:
    """Draw a visit or a purchase of today; `seq` makes it one of its own."""
    minutes, kind = draw(_MINUTES), draw(_KIND)
    money = draw(_MONEY if negative_lines else _MONEY_ABOVE_ZERO) if kind == "purchase" else []
    return Item(
        EventId(draw(_TERMINAL), 1, 0, Seq(seq)),
        EpochMs(OPENING + minutes * 60_000),
        kind,
        draw(stores),
        Minute((FIVE + minutes) % 1440),
        tuple(money),
        tuple(draw(_PAID)) if kind == "purchase" else (),
    )


@st.composite
def item_lists(draw: st.DrawFn, *, negative_lines: bool = True, at_least: int = 0) -> list[Item]:
    """Draw up to four items of today."""
    count = draw(st.integers(at_least, 4))
    return [draw(items(number, negative_lines=negative_lines)) for number in range(count)]


@st.composite
def member_days(draw: st.DrawFn) -> list[Resolved]:
    """Draw a day of one to five items, some taken back in part or whole, today or later."""
    resolved = []
    for number in range(draw(st.integers(1, 5))):
        item = draw(items(number))
        backs = []
        left: Item | None = item
        for again in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
            if left is None:
                break
            left = _part_of(draw, left)
            later = draw(st.integers(-60, 3_000))
            backs.append(
                Takeback(
                    EventId("T1", 1, 0, Seq(100 + 10 * number + again)),
                    EpochMs(item.occurred_at_ms + (later + again * 3_001) * 60_000),
                    Day(TODAY + max(0, later) // 1440),
                    left,
                )
            )
        resolved.append(Resolved(TODAY, item, tuple(backs)))
    return resolved


def _part_of(draw: st.DrawFn, item: Item) -> Item | None:
    keep = draw(st.integers(0, len(item.money)))
    if not keep or draw(st.booleans()):
        return None
    return Item(
        item.id, item.occurred_at_ms, item.kind, item.store_id, item.minute, item.money[:keep], item.tenders
    )


@st.composite
def receipt_facts(draw: st.DrawFn, *, till: str = "T1", kind: Kind | None = None) -> list[Fact]:
    """Draw facts of one receipt key: copies that agree or not, voids right and wrong, returns."""
    key = ReceiptKey("S1", till, TODAY, "0001")
    visits = (kind or draw(st.sampled_from(_KINDS))) == "visit"
    facts = []
    for seq in range(1, draw(st.integers(1, 6)) + 1):
        place = EventId(draw(st.sampled_from(["T1", "T2"])), 1, draw(st.sampled_from([0, 0, 1])), Seq(seq))
        when = OPENING + draw(st.integers(0, 3)) * 60_000
        member = draw(st.sampled_from([None, "id:m1", "id:m1", "id:m2"]))
        net = draw(st.sampled_from([5_000, 5_000, 9_000]))
        original: Event = (
            VisitRecorded(member, when, TODAY, "till", key)
            if visits
            else PurchaseRecorded(member, when, TODAY, key, net, 0, (), ())
        )
        other: list[Event] = [
            original,
            PurchaseVoided(member, when, TODAY, key, key),
            VisitVoided(member, when, TODAY, 1, draw(st.integers(1, 6)), key),
            ReturnRecorded(member, when, TODAY, key, key, 100, 0, (), ()),
        ]
        facts.append(Fact(place, draw(st.sampled_from([original, original, *other]))))
    return facts


_text = st.text(max_size=64)
_name = st.text(min_size=1, max_size=32)
_some = st.text(min_size=1, max_size=64)
_count = st.integers(0, 2**53)
_sum = st.integers(-(2**53), 2**53)
_money = st.integers(-MINOR_MAX, MINOR_MAX)
_common = {
    "member": st.one_of(st.none(), st.text(min_size=3, max_size=80)),
    "occurred_at_ms": st.integers(AT_MIN, AT_MAX),
    "business_day": st.integers(10_957, 47_482),
}
_key = st.builds(ReceiptKey, _name, _name, st.integers(10_957, 47_482), st.text(min_size=1, max_size=64))
_sale = {
    "net_minor": _money,
    "tax_minor": _money,
    "lines": st.lists(
        st.builds(Line, _count, _text, _text, st.integers(-(10**12), 10**12), _money), max_size=3
    ).map(tuple),
    "tenders": st.lists(st.builds(Tender, st.text(min_size=1, max_size=64), _money), max_size=2).map(tuple),
}
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(VisitRecorded, **_common, channel=st.sampled_from(["till", "check-in"]), receipt=maybe(_key)),
    st.builds(VisitVoided, **_common, epoch=_count, seq=_count, receipt=maybe(_key)),
    st.builds(MemberPresented, **_common),
    st.builds(PurchaseRecorded, **_common, receipt=_key, **_sale),
    st.builds(ReturnRecorded, **_common, receipt=_key, original=maybe(_key), **_sale),
    st.builds(PurchaseVoided, **_common, receipt=_key, original=_key),
    st.builds(ReceiptClaimed, **_common, receipt=_key),
    st.builds(
        RedemptionAuthorised,
        **_common,
        redemption=_some,
        points=_count,
        value_minor=_money,
        reward=_text,
        coupon=_text,
        allowance=_count,
        until_ms=st.integers(AT_MIN, AT_MAX),
    ),
    st.builds(
        RedemptionCommitted,
        **_common,
        redemption=_some,
        points=_count,
        value_minor=_money,
        reward=_text,
        receipt=maybe(_key),
    ),
    st.builds(
        RedemptionCancelled, **_common, redemption=_some, reason=st.sampled_from(["cancelled", "lapsed"])
    ),
    st.builds(CouponUsed, **_common, coupon=_some, redemption=_some, receipt=maybe(_key)),
    st.builds(
        DayClosed,
        **_common,
        first_seq=_count,
        last_seq=_count,
        totals=st.lists(
            st.builds(ControlTotal, st.integers(1, 255), _count, _sum, _sum, _sum), max_size=3
        ).map(tuple),
    ),
    st.builds(DayTotal, **_common, store=_name, till=_name, count=_count, net_minor=_sum),
    st.builds(
        EventPlaced, **_common, terminal_id=_name, epoch=_count, branch=_count, seq=_count, reason=_text
    ),
    st.builds(Booted, **_common, boot_id=_text, software=_text),
    st.builds(ClockStepped, **_common, step_ms=st.integers(-(2**53), 2**53)),
)
records = st.builds(
    Record,
    event=events,
    adapter=_text,
    natural_key=maybe(_text),
    monotonic_ms=_count,
    claim=maybe(
        st.builds(Claim, _count, _text, st.integers(-(2**63), 2**64 - 1), st.integers(-(2**63), 2**63))
    ),
)
