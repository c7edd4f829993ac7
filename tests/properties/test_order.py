"""However facts are split, ordered and repeated, the ledger ends the same, and `diff` brings it there."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TypeVar

import hypothesis.strategies as st
import msgspec
from hypothesis import given

from loyalty_core.accrual import derive_day
from loyalty_core.day_rules import rules_of_day
from loyalty_core.entries import EntryKind, PointEntry, diff
from loyalty_core.events import Fact
from loyalty_core.programme import Programme
from loyalty_core.receipts import fold_receipt
from loyalty_core.resolved import Item, Resolved
from loyalty_core.units import Day, Seq
from tests.core.days import standing, total
from tests.core.made import RULES, event_id
from tests.properties.drawn_days import TODAY, item_lists, member_days, receipt_facts
from tests.properties.drawn_programmes import programmes, tiers

T = TypeVar("T")
shuffles = st.randoms(use_true_random=False)


def shuffled(chance: random.Random, values: Iterable[T]) -> list[T]:
    mixed = list(values)
    chance.shuffle(mixed)
    return mixed


# Receipts and days.


@given(receipt_facts(), shuffles, st.integers(1, 3))
def test_order_and_repetition_change_nothing_of_a_receipt(
    facts: list[Fact], chance: random.Random, times: int
) -> None:
    assert fold_receipt(shuffled(chance, facts * times), RULES) == fold_receipt(facts, RULES)


@given(programmes(), tiers, member_days(), shuffles, st.integers(1, 2))
def test_order_and_repetition_change_nothing_of_a_day(
    of: Programme, tier: str, resolved: list[Resolved], chance: random.Random, times: int
) -> None:
    rules = rules_of_day(of, TODAY, tier)
    assert derive_day(rules, shuffled(chance, resolved * times)) == derive_day(rules, resolved)


@given(programmes(), tiers, item_lists())
def test_what_a_till_answered_in_order_stands_when_more_comes_after_it(
    of: Programme, tier: str, drawn: list[Item]
) -> None:
    rules = rules_of_day(of, TODAY, tier)
    in_order = sorted(drawn, key=lambda item: item.order)
    whole = derive_day(rules, standing(*in_order))
    for count in range(len(in_order)):
        assert derive_day(rules, standing(*in_order[:count])) == whole[:count]


# The ledger.


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
        known += [*chunk, *known[:2]]
        for member, desired in desired_of(of, known).items():
            ledgers[member] += diff(desired, ledgers[member])
    for member, desired in desired_of(of, facts).items():
        assert by_key(ledgers[member]) == by_key(desired)
        assert diff(desired, ledgers[member]) == ()


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
    mixed = diff(shuffled(chance, desired), shuffled(chance, posted))
    assert by_key(mixed) == by_key(diff(desired, posted))
