"""The fold of one receipt key: whose it is, what stands of it, and what is a copy."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
import pytest

from loyalty_core.events import Claim, Tender
from loyalty_core.receipts import Conflict, Receipt, item_of
from loyalty_core.resolved import Item
from loyalty_core.units import Minute
from tests.core.made import (
    BERLIN,
    FRIDAY,
    NEW_YORK,
    SEOUL,
    at,
    day,
    event_id,
    key,
    line,
    purchase,
    visit,
    void,
)
from tests.core.receipt_folding import assert_order_does_not_matter, fold, kinds, resolved


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


def test_a_visit_has_no_money_and_keeps_what_the_till_answered() -> None:
    answered = msgspec.structs.replace(visit(), claim=Claim(7, "GOLD", 10, 10))
    assert resolved(fold(answered)).item == Item(
        event_id(1), at(f"{FRIDAY} 10:00"), "visit", "S1", Minute(600), (), (), (), Claim(7, "GOLD", 10, 10)
    )


def test_the_business_date_of_the_tills_software_wins_over_the_clock() -> None:
    late = purchase(when=f"{FRIDAY} 10:00", receipt=key(on="2026-11-19"))
    assert resolved(fold(late)).business_day == day("2026-11-19")


@pytest.mark.parametrize(("zone", "minute"), [(SEOUL, 600), (NEW_YORK, 20 * 60), (BERLIN, 120)])
def test_the_minute_is_that_of_the_stores_wall(zone: ZoneInfo, minute: int) -> None:
    assert item_of(visit(when="2026-11-20 10:00"), "S1", zone).minute == minute


def test_only_purchases_and_visits_are_items() -> None:
    with pytest.raises(TypeError, match="PurchaseVoided earns nothing"):
        item_of(void(1), "S1", SEOUL)


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


def test_nothing_amounts_to_nothing() -> None:
    assert fold() == Receipt(owner=None, resolved=None, conflicts=())
