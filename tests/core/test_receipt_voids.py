"""Voids of a purchase by receipt key, and of a visit by its place in the journal."""

from __future__ import annotations

import pytest

from loyalty_core.events import Fact
from tests.core.made import FRIDAY, at, day, event_id, key, purchase, returned, visit, visit_void, void
from tests.core.receipt_folding import assert_order_does_not_matter, fold, kinds, resolved


def test_a_void_leaves_nothing_of_a_purchase() -> None:
    facts = [purchase(1), void(2, when="2026-11-22 10:05")]
    (back,) = resolved(fold(*facts)).takebacks
    assert (back.id, back.remains, back.business_day) == (event_id(2), None, day("2026-11-22"))
    assert back.occurred_at_ms == at("2026-11-22 10:05")
    assert_order_does_not_matter(facts, fold(*facts))


def test_a_void_is_told_from_a_return_that_leaves_nothing() -> None:
    (voided,) = resolved(fold(purchase(1), void(2))).takebacks
    (undone,) = resolved(fold(visit(1), visit_void(2, visit(1)))).takebacks
    (all_back,) = resolved(fold(purchase(1), returned(2, 12_990))).takebacks
    assert [(back.remains, back.voids) for back in (voided, undone, all_back)] == [
        (None, True),
        (None, True),
        (None, False),
    ]


def test_a_second_void_takes_nothing_again() -> None:
    facts = [purchase(1), void(2, when=f"{FRIDAY} 10:05"), void(3, when=f"{FRIDAY} 10:06")]
    receipt = fold(*facts)
    assert [back.id for back in resolved(receipt).takebacks] == [event_id(2)]
    assert receipt.conflicts == ()
    assert_order_does_not_matter(facts, receipt)


def test_the_copy_of_a_voided_purchase_is_voided_with_it() -> None:
    facts = [purchase(1), void(2), purchase(3, terminal="T2")]
    assert len(resolved(fold(*facts)).takebacks) == 1
    assert_order_does_not_matter(facts, fold(*facts))


def test_a_void_that_comes_before_its_purchase_waits_for_it_as_an_exception() -> None:
    early = void(2, when=f"{FRIDAY} 09:00")
    alone = fold(early)
    assert (alone.owner, alone.resolved, kinds(alone)) == (None, None, [("original_missing", 2)])
    both = fold(early, purchase(1))
    assert both.conflicts == ()
    assert [back.id for back in resolved(both).takebacks] == [event_id(2)]


def test_a_void_of_a_return_by_receipt_key_is_an_exception() -> None:
    receipt = fold(void(7, of=key("R001")))
    assert (receipt.resolved, kinds(receipt)) == (None, [("original_missing", 7)])


def test_a_visit_is_voided_by_its_place_in_the_journal() -> None:
    seen = visit(7)
    facts = [seen, visit_void(8, seen)]
    receipt = fold(*facts)
    assert [(back.id, back.remains) for back in resolved(receipt).takebacks] == [(event_id(8), None)]
    assert resolved(receipt).standing is None
    assert receipt.conflicts == ()
    assert_order_does_not_matter(facts, receipt)


def test_a_second_void_of_a_visit_takes_nothing_again() -> None:
    seen = visit(7)
    receipt = fold(seen, visit_void(8, seen), visit_void(9, seen, when=f"{FRIDAY} 10:06"))
    assert [back.id for back in resolved(receipt).takebacks] == [event_id(8)]
    assert receipt.conflicts == ()


def test_a_void_of_a_visit_by_receipt_key_is_an_exception() -> None:
    facts = [visit(1, receipt=key()), void(2)]
    receipt = fold(*facts)
    assert resolved(receipt).takebacks == ()
    assert kinds(receipt) == [("original_missing", 2)]
    assert_order_does_not_matter(facts, receipt)


def test_the_void_of_a_visit_never_voids_a_purchase() -> None:
    receipt = fold(purchase(1), visit_void(2, visit(1, receipt=key())))
    assert resolved(receipt).takebacks == ()
    assert kinds(receipt) == [("original_missing", 2)]


@pytest.mark.parametrize("other", [visit(6), visit(7, epoch=2), visit(7, terminal="T2")], ids=str)
def test_a_void_of_another_place_leaves_the_visit_alone(other: Fact) -> None:
    wrong = visit_void(8, other, terminal="T1" if other.id.terminal_id == "T1" else "T2")
    receipt = fold(visit(7), wrong)
    assert resolved(receipt).takebacks == ()
    assert kinds(receipt) == [("original_missing", 8)]


def test_a_wrong_void_does_not_hide_the_right_one() -> None:
    seen = visit(7)
    receipt = fold(seen, visit_void(8, visit(6)), visit_void(9, seen))
    assert [back.id for back in resolved(receipt).takebacks] == [event_id(9)]
    assert kinds(receipt) == [("original_missing", 8)]


def test_a_visit_with_a_receipt_key_is_one_visit_and_may_be_voided_by_any_of_its_places() -> None:
    first, again = visit(1, receipt=key()), visit(4, receipt=key(), terminal="T2")
    facts = [first, again, visit_void(5, again, terminal="T2")]
    receipt = fold(*facts)
    assert resolved(receipt).item.id == first.id
    assert len(resolved(receipt).takebacks) == 1
    assert_order_does_not_matter(facts, receipt)
