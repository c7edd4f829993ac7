"""The fold of one receipt key: owner, content, copies and voids."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest

from loyalty_core.events import Fact, Tender
from loyalty_core.receipts import Conflict, Receipt, fold_receipt, item_of
from loyalty_core.resolved import Resolved
from tests.core.made import (
    BERLIN,
    FRIDAY,
    NEW_YORK,
    RULES,
    SEOUL,
    at,
    day,
    event_id,
    key,
    line,
    purchase,
    returned,
    visit,
    visit_void,
    void,
)


def fold(*facts: Fact) -> Receipt:
    return fold_receipt(facts, RULES)


def resolved(receipt: Receipt) -> Resolved:
    assert receipt.resolved is not None
    return receipt.resolved


def kinds(receipt: Receipt) -> list[tuple[str, int]]:
    return [(conflict.kind, conflict.event.seq) for conflict in receipt.conflicts]


def assert_order_does_not_matter(facts: Sequence[Fact], expected: Receipt) -> None:
    for shuffled in permutations(facts):
        assert fold(*shuffled) == expected
        assert fold(*shuffled, *shuffled) == expected


def test_a_purchase_is_its_member_and_its_money() -> None:
    fact = purchase(lines=[line(10_000, "golf"), line(2_990)], tenders=[Tender("card", 12_990)])
    receipt = fold(fact)
    item = resolved(receipt).item
    assert (receipt.owner, receipt.conflicts) == ("id:m1", ())
    assert (item.kind, item.store_id, item.id) == ("purchase", "S1", fact.id)
    assert item.money == (("golf", 10_000), ("", 2_990))
    assert item.tenders == (("card", 12_990),)
    assert resolved(receipt).business_day == day(FRIDAY)
    assert resolved(receipt).takebacks == ()


def test_a_visit_has_no_money() -> None:
    item = resolved(fold(visit())).item
    assert (item.kind, item.money, item.tenders) == ("visit", (), ())


def test_the_business_date_of_the_tills_software_wins_over_the_clock() -> None:
    late = purchase(when=f"{FRIDAY} 10:00", receipt=key(on="2026-11-19"))
    assert resolved(fold(late)).business_day == day("2026-11-19")


@pytest.mark.parametrize(("zone", "minute"), [(SEOUL, 600), (NEW_YORK, 20 * 60), (BERLIN, 120)])
def test_the_minute_is_that_of_the_stores_wall(zone: ZoneInfo, minute: int) -> None:
    assert item_of(visit(when="2026-11-20 10:00"), "S1", zone).minute == minute


def test_only_purchases_and_visits_are_items() -> None:
    with pytest.raises(TypeError, match="PurchaseVoided earns nothing"):
        item_of(void(1), RULES)


def test_an_anonymous_purchase_has_no_owner() -> None:
    assert fold(purchase(member=None)).owner is None


def test_an_unknown_card_is_an_owner_not_anonymous() -> None:
    assert fold(purchase(member="card:999")).owner == "card:999"


def test_the_same_content_from_two_agents_is_one_purchase() -> None:
    facts = [purchase(1), purchase(8, terminal="T2")]
    receipt = fold(*facts)
    assert (resolved(receipt).item.id, receipt.owner, receipt.conflicts) == (event_id(1), "id:m1", ())
    assert_order_does_not_matter(facts, receipt)


def test_a_copy_that_names_no_member_is_a_copy() -> None:
    facts = [purchase(1), purchase(2, member=None)]
    assert_order_does_not_matter(facts, fold(purchase(1)))


def test_a_copy_that_names_a_member_gives_an_anonymous_receipt_its_owner() -> None:
    facts = [purchase(1, member=None), purchase(2, member=None), purchase(3, member="id:m2")]
    receipt = fold(*facts)
    assert (receipt.owner, resolved(receipt).item.id, receipt.conflicts) == ("id:m2", event_id(1), ())
    assert_order_does_not_matter(facts, receipt)


def test_copies_that_name_different_members_conflict_and_the_first_stands() -> None:
    facts = [purchase(1, member=None), purchase(2, member="id:m2"), purchase(3, member="id:m3")]
    receipt = fold(*facts)
    assert receipt.owner == "id:m2"
    assert receipt.conflicts == (Conflict(kind="member_differs", event=event_id(3), names="id:m3"),)
    assert_order_does_not_matter(facts, receipt)


def test_the_same_member_named_twice_is_no_conflict() -> None:
    assert fold(purchase(1), purchase(2)).conflicts == ()


def test_of_several_contents_the_first_in_canonical_order_stands() -> None:
    facts = [
        purchase(5, 12_990, when=f"{FRIDAY} 10:00"),
        purchase(1, 9_000, when=f"{FRIDAY} 10:01", member="id:m2"),
        purchase(2, 8_000, when=f"{FRIDAY} 10:02"),
    ]
    receipt = fold(*facts)
    assert resolved(receipt).item.money == (("", 12_990),)
    assert receipt.owner == "id:m1"
    assert kinds(receipt) == [("copy_differs", 1), ("copy_differs", 2)]
    assert_order_does_not_matter(facts, receipt)


def test_an_earlier_content_that_arrives_late_takes_the_place_of_the_one_that_stood() -> None:
    stood = purchase(5, 9_000, when=f"{FRIDAY} 10:01")
    late = purchase(9, 12_990, when=f"{FRIDAY} 10:00", terminal="T2")
    assert resolved(fold(stood)).item.money == (("", 9_000),)
    assert resolved(fold(stood, late)).item.money == (("", 12_990),)


def test_another_content_gives_no_owner() -> None:
    receipt = fold(purchase(1, member=None), purchase(2, 5_000, member="id:m2"))
    assert (receipt.owner, kinds(receipt)) == (None, [("copy_differs", 2)])


def test_lines_and_tenders_in_another_order_are_a_copy() -> None:
    lines, tenders = [line(1, "a"), line(2, "b")], [Tender("card", 1), Tender("cash", 2)]
    receipt = fold(
        purchase(1, 3, lines=lines, tenders=tenders), purchase(2, 3, lines=lines[::-1], tenders=tenders[::-1])
    )
    assert receipt.conflicts == ()


def test_identical_lines_inside_one_receipt_are_genuine() -> None:
    item = resolved(fold(purchase(net=2_000, lines=[line(1_000, "a"), line(1_000, "a")]))).item
    assert item.money == (("a", 1_000), ("a", 1_000))


def test_a_void_leaves_nothing_of_a_purchase() -> None:
    facts = [purchase(1), void(2, when="2026-11-22 10:05")]
    (back,) = resolved(fold(*facts)).takebacks
    assert (back.id, back.remains, back.business_day) == (event_id(2), None, day("2026-11-22"))
    assert back.occurred_at_ms == at("2026-11-22 10:05")
    assert_order_does_not_matter(facts, fold(*facts))


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


def test_a_return_waits_as_an_exception_whether_its_original_is_known_or_not() -> None:
    assert kinds(fold(returned(5))) == [("return_waiting", 5)]
    facts = [purchase(1), returned(5), void(6, when=f"{FRIDAY} 12:00")]
    receipt = fold(*facts)
    assert kinds(receipt) == [("return_waiting", 5)]
    assert [back.id for back in resolved(receipt).takebacks] == [event_id(6)]
    assert_order_does_not_matter(facts, receipt)


def test_a_visit_is_voided_by_its_place_in_the_journal() -> None:
    seen = visit(7)
    facts = [seen, visit_void(8, seen)]
    receipt = fold(*facts)
    assert [back.id for back in resolved(receipt).takebacks] == [event_id(8)]
    assert receipt.conflicts == ()
    assert_order_does_not_matter(facts, receipt)


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


def test_a_till_cannot_void_the_visit_of_another_till() -> None:
    receipt = fold(visit(7), visit_void(8, visit(7), terminal="T2"))
    assert resolved(receipt).takebacks == ()


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


def test_nothing_amounts_to_nothing() -> None:
    assert fold() == Receipt(owner=None, resolved=None, conflicts=())
