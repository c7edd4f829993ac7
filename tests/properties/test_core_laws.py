"""Laws of the core, on whatever Hypothesis can think of.

The reading of the day rules in `naive_total` is written a second time, from docs and not from
`loyalty_core.accrual`: it is slow, counts everything from the start for every question, and knows only
fractions. Where the two differ, one of them misreads the rules.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor, prod
from typing import Literal
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import msgpack
import msgspec
from hypothesis import example, given, settings

from loyalty_core.accrual import derive_day, rules_of_day
from loyalty_core.calendar import Place, business_day, date_of, period_after, period_of
from loyalty_core.entries import EntryKind, PointEntry, diff
from loyalty_core.envelope import key_id, open_sealed, peek, public_of, seal
from loyalty_core.errors import BadEnvelope, BadWire
from loyalty_core.events import AT_MAX, AT_MIN, Fact, content_hash
from loyalty_core.journal import Record, chain, first_hash, pack_record, place_run, unpack_record
from loyalty_core.messages import Exchange, Reply, unpack_records
from loyalty_core.programme import Programme, When
from loyalty_core.receipts import Receipt, fold_receipt
from loyalty_core.resolved import Item, Resolved
from loyalty_core.units import Day, EpochMs, MinorUnits, Minute, Seq
from loyalty_core.wire import compress, decompress, unpack
from tests.core.days import bought, standing, total
from tests.core.made import BERLIN, NEW_YORK, RULES, SEOUL, event_id
from tests.core.programmes import earn, programme, weight
from tests.properties.drawn import (
    TODAY,
    generous_programmes,
    item_lists,
    member_days,
    programmes,
    receipt_facts,
    records,
)

Target = Literal["redeemable", "qualifying"]
tiers = st.sampled_from(["BRONZE", "GOLD"])
shuffles = st.randoms(use_true_random=False)


def shuffled(chance: random.Random, values: Iterable[object]) -> list[object]:
    mixed = list(values)
    chance.shuffle(mixed)
    return mixed


# The day rules, read a second time.


def naive_matches(when: When, item: Item, today: Day, tier: str) -> bool:
    real_date = date(1970, 1, 1) + timedelta(days=today)
    conditions = [
        item.kind in when.on,
        when.stores is None or item.store_id in when.stores,
        when.weekdays is None or real_date.weekday() in when.weekdays,
        when.from_day is None or today >= when.from_day,
        when.until_day is None or today <= when.until_day,
        when.tiers is None or tier in when.tiers,
    ]
    if when.slot is not None:
        length = (when.slot.end - when.slot.start) % 1440
        conditions.append((item.minute - when.slot.start) % 1440 < length)
    if item.kind == "visit":
        conditions += [when.categories is None, when.minimum == 0]
    else:
        lines = naive_lines(when, item)
        if when.categories is not None or when.exclude_categories:
            conditions.append(len(lines) > 0)
        if when.minimum:
            conditions.append(naive_eligible(when, item) >= when.minimum)
    return all(conditions)


def naive_lines(when: When, item: Item) -> list[tuple[str, int]]:
    kept = [line for line in item.money if when.categories is None or line[0] in when.categories]
    return [line for line in kept if line[0] not in when.exclude_categories]


def naive_eligible(when: When, item: Item) -> int:
    barred = {"points", "gift_card"} | set(when.exclude_tenders)
    paid_otherwise = max(0, sum(amount for kind, amount in item.tenders if kind in barred))
    return max(0, sum(net for _, net in naive_lines(when, item)) - paid_otherwise)


def naive_combined(of: Programme, times: Sequence[Fraction]) -> Fraction:
    if not times:
        return Fraction(1)
    by_name = {
        "best": lambda: max(times),
        "product": lambda: prod(times, start=Fraction(1)),
        "sum": lambda: max(Fraction(0), Fraction(1) + sum(Fraction(one) - 1 for one in times)),
    }
    return Fraction(by_name[of.combine]())


def naive_total(of: Programme, today: Day, tier: str, stand: Sequence[Item], target: Target) -> int:
    """Return what a day of these items is worth in one kind of points."""
    in_order = sorted(
        stand, key=lambda i: (i.occurred_at_ms, i.id.terminal_id, i.id.epoch, i.id.branch, i.id.seq)
    )
    seen: Counter[str] = Counter()
    let_through: Counter[str] = Counter()
    whole = 0
    for item in in_order:
        points = 0
        weights = [
            w for w in of.weights if w.affects in (None, target) and naive_matches(w.when, item, today, tier)
        ]
        for rule in of.earns:
            if not naive_matches(rule.when, item, today, tier):
                continue
            seen[rule.id] += 1
            if rule.limit_per_day is not None and seen[rule.id] > rule.limit_per_day:
                continue
            if rule.affects not in (None, target):
                continue
            if rule.per is None:
                on_all = [
                    w.times for w in weights if w.when.categories is None and not w.when.exclude_categories
                ]
                points += floor(rule.points * naive_combined(of, on_all))
                continue
            worth, last = Fraction(0), Fraction(0)
            weighed = [
                (naive_combined(of, [w.times for w in weights if line in naive_lines(w.when, item)]), line[1])
                for line in naive_lines(rule.when, item)
            ]
            for level in sorted({factor for factor, _ in weighed}):
                money = sum(net for factor, net in weighed if factor >= level)
                counted = max(0, min(money, naive_eligible(rule.when, item)))
                worth += (level - last) * rule.points * (counted // rule.per)
                last = level
            points += floor(worth)
        for bonus in of.bonuses:
            if not naive_matches(bonus.when, item, today, tier):
                continue
            seen[bonus.id] += 1
            due = bonus.per == "event" or seen[bonus.id] == (1 if bonus.nth is None else bonus.nth)
            if due and bonus.affects in (None, target):
                points += bonus.points
        for cap in of.caps:
            if cap.affects not in (None, target) or not naive_matches(cap.when, item, today, tier):
                continue
            room = cap.points - (let_through[cap.id] if cap.per == "day" else 0)
            points = min(points, room)
            let_through[cap.id] += points
        whole += points
    return whole


def naive_day(of: Programme, tier: str, resolved: Sequence[Resolved], target: Target) -> dict[int, int]:
    """Return seq -> points: for each fact in order, the day's worth with it less the worth before it."""
    facts: list[tuple[tuple[object, ...], int, Item, Item | None]] = []
    for one in resolved:
        order = (one.item.occurred_at_ms, *msgspec.structs.astuple(one.item.id))
        facts.append(((order, 0, order), one.item.id.seq, one.item, one.item))
        for back in one.takebacks:
            own = (back.occurred_at_ms, *msgspec.structs.astuple(back.id))
            facts.append(((max(own, order), 1, own), back.id.seq, one.item, back.remains))
    stand: dict[int, Item] = {}
    worth, given_by = 0, {}
    for _, seq, item, left in sorted(facts, key=lambda fact: fact[0]):
        stand.pop(item.id.seq, None)
        if left is not None:
            stand[item.id.seq] = left
        now = naive_total(of, TODAY, tier, list(stand.values()), target)
        worth, given_by[seq] = now, now - worth
    return given_by


@settings(max_examples=300)
@given(programmes(), tiers, member_days())
def test_a_slow_second_reading_of_the_rules_gives_the_same_integers(
    of: Programme, tier: str, resolved: list[Resolved]
) -> None:
    entries = derive_day(rules_of_day(of, TODAY, tier), resolved)
    assert {e.event.seq: e.redeemable for e in entries} == naive_day(of, tier, resolved, "redeemable")
    assert {e.event.seq: e.qualifying for e in entries} == naive_day(of, tier, resolved, "qualifying")


@given(programmes(), tiers, member_days())
def test_the_steps_of_an_entry_lead_from_nothing_to_its_points(
    of: Programme, tier: str, resolved: list[Resolved]
) -> None:
    for entry in derive_day(rules_of_day(of, TODAY, tier), resolved):
        for target, points in (("redeemable", entry.redeemable), ("qualifying", entry.qualifying)):
            steps = [step for step in entry.steps if step.affects in (None, target)]
            if entry.kind == "clawback":
                assert [step.after - step.before for step in steps] == [points]
                continue
            at_last = 0
            for step in steps:
                assert step.before == at_last
                at_last = step.after
            assert at_last == points


# Order, repetition, splitting.


@given(receipt_facts(), shuffles, st.integers(1, 3))
def test_order_and_repetition_change_nothing_of_a_receipt(
    facts: list[Fact], chance: random.Random, times: int
) -> None:
    mixed = shuffled(chance, facts * times)
    assert fold(mixed) == fold(facts)


def fold(facts: Iterable[object]) -> Receipt:
    return fold_receipt([fact for fact in facts if isinstance(fact, Fact)], RULES)


@given(programmes(), tiers, member_days(), shuffles, st.integers(1, 2))
def test_order_and_repetition_change_nothing_of_a_day(
    of: Programme, tier: str, resolved: list[Resolved], chance: random.Random, times: int
) -> None:
    rules = rules_of_day(of, TODAY, tier)
    mixed = [one for one in shuffled(chance, resolved * times) if isinstance(one, Resolved)]
    assert derive_day(rules, mixed) == derive_day(rules, resolved)


@given(programmes(), tiers, item_lists())
def test_what_a_till_answered_in_order_stands_when_more_comes_after_it(
    of: Programme, tier: str, drawn: list[Item]
) -> None:
    rules = rules_of_day(of, TODAY, tier)
    in_order = sorted(drawn, key=lambda item: item.order)
    whole = derive_day(rules, standing(*in_order))
    for count in range(len(in_order)):
        assert derive_day(rules, standing(*in_order[:count])) == whole[:count]


def desired_of(rules_of: Programme, facts: Iterable[Fact]) -> dict[str, tuple[PointEntry, ...]]:
    """Return what should stand for each member, from the facts known so far."""
    known: dict[int, list[Fact]] = {}
    for fact in facts:
        known.setdefault(fact.id.seq // 10, []).append(fact)
    days: dict[str, list[Resolved]] = {"id:m1": [], "id:m2": []}
    for together in known.values():
        receipt = fold_receipt(together, RULES)
        if receipt.resolved is not None and receipt.owner is not None:
            days[receipt.owner].append(receipt.resolved)
    rules = rules_of_day(rules_of, TODAY, "GOLD")
    return {member: derive_day(rules, resolved) for member, resolved in days.items()}


@given(
    programmes(),
    st.tuples(*(receipt_facts(till=f"K{n}") for n in range(3))),
    shuffles,
    st.lists(st.integers(1, 5), min_size=1, max_size=12),
)
def test_the_ledger_ends_the_same_however_the_facts_are_split_ordered_and_repeated(
    of: Programme, receipts: tuple[list[Fact], ...], chance: random.Random, sizes: list[int]
) -> None:
    # A seq is one event: three receipts may not share their places in the journal.
    facts = [
        Fact(msgspec.structs.replace(fact.id, seq=Seq(fact.id.seq + 10 * number)), fact.event)
        for number, drawn in enumerate(receipts)
        for fact in drawn
    ]
    arriving = shuffled(chance, facts)
    ledgers: dict[str, list[PointEntry]] = {"id:m1": [], "id:m2": []}
    known: list[Fact] = []
    for size in [*sizes, len(facts)]:
        chunk, arriving = arriving[:size], arriving[size:]
        known += [fact for fact in [*chunk, *known[:2]] if isinstance(fact, Fact)]
        for member, desired in desired_of(of, known).items():
            ledgers[member] += diff(desired, ledgers[member])
    for member, desired in desired_of(of, facts).items():
        assert by_key(ledgers[member]) == by_key(desired)
        assert diff(desired, ledgers[member]) == ()


# diff.


_kinds: list[EntryKind] = ["earn", "clawback", "bonus"]
point_entries = st.builds(
    PointEntry,
    event=st.integers(1, 3).map(event_id),
    kind=st.sampled_from(_kinds),
    earned_day=st.sampled_from([Day(1), Day(2)]),
    business_day=st.sampled_from([Day(1), Day(2)]),
    period_id=st.sampled_from(["2026-H1", "2026-H2"]),
    redeemable=st.integers(-20, 20),
    qualifying=st.integers(-20, 20),
    programme_version=st.integers(1, 2),
)
ledgers = st.lists(
    st.one_of(
        point_entries,
        st.tuples(point_entries, st.sampled_from(_kinds)).map(
            lambda drawn: msgspec.structs.replace(drawn[0], kind="correction", corrects=drawn[1])
        ),
    ),
    max_size=8,
)


def by_key(entries: Iterable[PointEntry]) -> dict[tuple[object, ...], tuple[int, int]]:
    sums: dict[tuple[object, ...], tuple[int, int]] = {}
    for e in entries:
        key = (e.event, e.corrects or e.kind, e.earned_day, e.business_day, e.period_id)
        before = sums.get(key, (0, 0))
        sums[key] = (before[0] + e.redeemable, before[1] + e.qualifying)
    return {key: points for key, points in sums.items() if points != (0, 0)}


@given(st.lists(point_entries, max_size=8), ledgers)
def test_what_is_posted_and_the_diff_are_together_what_should_stand(
    desired: list[PointEntry], posted: list[PointEntry]
) -> None:
    moves = diff(desired, posted)
    assert by_key([*posted, *moves]) == by_key(desired)
    assert total([*posted, *moves]) == total(desired)
    assert all(move.redeemable or move.qualifying for move in moves)


@given(st.lists(point_entries, max_size=8), ledgers)
def test_a_diff_that_was_applied_leaves_nothing_to_do(
    desired: list[PointEntry], posted: list[PointEntry]
) -> None:
    assert diff(desired, [*posted, *diff(desired, posted)]) == ()


@given(st.lists(point_entries, max_size=8), ledgers, shuffles)
def test_the_order_of_a_ledger_changes_no_movement(
    desired: list[PointEntry], posted: list[PointEntry], chance: random.Random
) -> None:
    mixed = [entry for entry in shuffled(chance, posted) if isinstance(entry, PointEntry)]
    wished = [entry for entry in shuffled(chance, desired) if isinstance(entry, PointEntry)]
    assert by_key(diff(wished, mixed)) == by_key(diff(desired, posted))


# Spending more never earns less.
#
# The precondition: no cap; no weight below 1 with a `minimum`; no `limit_per_day` on a rule that looks at
# money or lines to decide whether it matches; and, where lines of negative net occur, no weight that has both
# a `minimum` and categories. The examples after the law show that each part is needed.


def assert_more_is_not_less(of: Programme, tier: str, drawn: Sequence[Item], more: Item) -> None:
    rules = rules_of_day(of, TODAY, tier)
    after = [more if item.id == more.id else item for item in drawn]
    less, most = (total(derive_day(rules, standing(*day))) for day in (drawn, after))
    assert most[0] >= less[0]
    assert most[1] >= less[1]


@st.composite
def more_spent(draw: st.DrawFn, *, negative_lines: bool) -> tuple[list[Item], Item]:
    """Draw a day, and one of its purchases with a line raised or added."""
    drawn = draw(item_lists(negative_lines=negative_lines, at_least=1))
    purchases = [item for item in drawn if item.kind == "purchase"]
    if not purchases:
        return drawn, drawn[0]
    item = draw(st.sampled_from(purchases))
    extra = draw(st.integers(0, 3_000))
    place = draw(st.integers(0, len(item.money)))
    money = list(item.money)
    if place == len(money):
        money.append((draw(st.sampled_from(["", "golf", "food"])), extra))
    else:
        money[place] = (money[place][0], money[place][1] + extra)
    return drawn, msgspec.structs.replace(item, money=tuple(money))


@settings(max_examples=200)
@given(generous_programmes(negative_lines=False), tiers, more_spent(negative_lines=False))
def test_spending_more_never_earns_less_without_a_cap(
    of: Programme, tier: str, spent: tuple[list[Item], Item]
) -> None:
    assert_more_is_not_less(of, tier, *spent)


@settings(max_examples=150)
@given(generous_programmes(negative_lines=True), tiers, more_spent(negative_lines=True))
def test_spending_more_never_earns_less_where_discounts_are_lines_of_their_own(
    of: Programme, tier: str, spent: tuple[list[Item], Item]
) -> None:
    assert_more_is_not_less(of, tier, *spent)


def points_of(of: Programme, *bought_items: Item) -> int:
    return total(derive_day(rules_of_day(of, TODAY, "BRONZE"), standing(*bought_items)))[0]


def test_a_weight_below_one_with_a_minimum_may_earn_less_for_more() -> None:
    of = programme(earns=[earn(per=100)], weights=[weight("0.5", when=When(minimum=MinorUnits(2_000)))])
    assert (points_of(of, bought(1_999)), points_of(of, bought(2_000))) == (19, 10)


def test_a_limit_on_a_rule_that_asks_for_money_may_earn_less_for_more() -> None:
    of = programme(earns=[earn(per=1000, limit=1, when=When(minimum=MinorUnits(1_000)))])
    later = bought(9_000, seq=2, when="2026-11-20 12:00")
    assert (points_of(of, bought(999), later), points_of(of, bought(1_000), later)) == (9, 1)


def test_a_weight_on_a_discount_line_that_waits_for_a_minimum_may_earn_less_for_more() -> None:
    def only(*names: str, minimum: int = 0) -> When:
        return When(categories=frozenset(names), minimum=MinorUnits(minimum))

    of = programme(
        earns=[earn(per=1000)],
        weights=[
            weight("3", "a", when=only("discount")),
            weight("4", "b", when=only("golf")),
            weight("1.3", "c", when=only("food", "discount", minimum=100)),
        ],
        combine="product",
    )
    less, more = (
        bought(lines=[("food", net), ("discount", -4_900), ("golf", 10_000)]) for net in (4_999, 5_000)
    )
    assert (points_of(of, less), points_of(of, more)) == (30, 27)


# Calendar.


@given(
    st.integers(AT_MIN, AT_MAX),
    st.sampled_from([SEOUL, NEW_YORK, BERLIN]),
    st.integers(0, 1439),
)
def test_a_business_day_is_the_wall_date_or_the_day_before(at_ms: int, zone: ZoneInfo, starts: int) -> None:
    wall = datetime.fromtimestamp(at_ms // 1000, zone)
    expected = wall.date() - timedelta(days=wall.hour * 60 + wall.minute < starts)
    assert date_of(business_day(EpochMs(at_ms), Place(zone, Minute(starts)))) == expected


@given(st.integers(10_957, 47_482).map(Day), st.sampled_from([1, 3, 6, 12]))
def test_every_day_lies_in_exactly_one_period(on: Day, months: int) -> None:
    period = period_of(on, months)
    assert period.first <= on <= period.last
    assert period_of(period.first, months) == period_of(period.last, months) == period
    assert period_after(period, months).first == period.last + 1


# Bytes.


@given(records)
def test_a_record_and_its_bytes_are_one(record: Record) -> None:
    data = pack_record(record)
    assert unpack_record(data) == record
    assert pack_record(unpack_record(data)) == data


@given(records, st.data())
def test_damaged_record_bytes_are_refused_or_are_the_canonical_form_of_another(
    record: Record, data: st.DataObject
) -> None:
    damaged = bytearray(pack_record(record))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        how = data.draw(st.integers(0, 2))
        if how == 0:
            damaged[place] = data.draw(st.integers(0, 255))
        elif how == 1:
            damaged[place:place] = data.draw(st.binary(max_size=3))
        elif len(damaged) > 1:
            del damaged[place]
    try:
        other = unpack_record(bytes(damaged))
    except BadWire:
        return
    assert pack_record(other) == bytes(damaged)


# Arrays, integers and texts of all kinds, so that more than the first byte is looked at.
plain_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(),
        st.text(max_size=8),
        st.binary(max_size=40),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=10),
        st.dictionaries(st.one_of(st.integers(0, 9), st.text(max_size=3)), inner, max_size=2),
    ),
    max_leaves=12,
)
any_bytes = st.one_of(
    st.binary(max_size=200),
    plain_values.map(msgpack.packb),
    st.lists(plain_values, min_size=7, max_size=10).map(msgpack.packb),
)
TILL = b"\x01" * 32
KEYS = {key_id(public_of(TILL)): public_of(TILL)}


@given(any_bytes)
@example(b"\x91" * 5_000)
@example(b"\xdd\xff\xff\xff\xff")
def test_whatever_bytes_come_nothing_but_a_refusal_is_raised(data: bytes) -> None:
    for read in (
        lambda: unpack(data, Exchange),
        lambda: unpack(data, Reply),
        lambda: unpack_record(data),
        lambda: unpack_records(data),
        lambda: unpack_records(compress(data)),
        lambda: decompress(data, bytes_max=1_000),
        lambda: open_sealed(data, "dangol/batch/1", KEYS),
        lambda: peek(data, "dangol/batch/1"),
        lambda: open_sealed(seal("dangol/batch/1", data, TILL) + data[:1], "dangol/batch/1", KEYS),
    ):
        try:
            read()
        except (BadWire, BadEnvelope):
            continue


@given(st.binary(max_size=300), st.integers(1, 400))
def test_compressed_bytes_come_back_whole_or_not_at_all(plain: bytes, bytes_max: int) -> None:
    try:
        assert decompress(compress(plain), bytes_max=bytes_max) == plain
    except BadWire:
        assert len(plain) > bytes_max
    else:
        assert len(plain) <= bytes_max


@settings(max_examples=50)
@given(receipt_facts(), receipt_facts())
def test_equal_content_is_told_by_its_hash(one: list[Fact], other: list[Fact]) -> None:
    def content(fact: Fact) -> tuple[object, ...]:
        event = fact.event
        of = [
            getattr(event, name, None) for name in ("net_minor", "tax_minor", "lines", "tenders", "original")
        ]
        return type(event).__name__, event.occurred_at_ms, *of

    for first in one:
        for second in other:
            same = content(first) == content(second)
            assert (content_hash(first.event) == content_hash(second.event)) is same


# The journal.


@given(
    st.lists(st.binary(max_size=4), max_size=8),
    st.lists(st.binary(max_size=4), max_size=8),
    st.integers(1, 9),
    st.integers(0, 8),
)
def test_a_run_is_placed_where_comparing_the_journals_would_place_it(
    kept: list[bytes], theirs: list[bytes], first: int, count: int
) -> None:
    start = first_hash("T1", 1)
    head = len(kept)
    ours = dict(enumerate([start, *chain(start, kept)]))
    hashes = chain(start, theirs)
    before = (start if first == 1 else hashes[first - 2]) if first - 1 <= len(hashes) else b"?" * 32
    run = hashes[first - 1 : first - 1 + count]
    known = {seq: value for seq, value in ours.items() if first - 1 <= seq < first + len(run)}
    verdict = place_run(Seq(head), Seq(first), before, run, known)
    differing = next(
        (seq for seq in range(1, min(head, len(theirs)) + 1) if kept[seq - 1] != theirs[seq - 1]), None
    )
    if first > head + 1:
        assert (verdict.kind, verdict.seq) == ("gap", head + 1)
    elif before == b"?" * 32:
        assert verdict.kind == "fork"
    elif differing is not None and differing < first:
        assert (verdict.kind, verdict.seq) == ("fork", first - 1)
    elif differing is not None and differing < first + len(run):
        assert (verdict.kind, verdict.seq) == ("fork", differing)
    elif first + len(run) - 1 > head:
        assert (verdict.kind, verdict.seq) == ("next", max(first, head + 1))
    else:
        assert (verdict.kind, verdict.seq) == ("known", head)
