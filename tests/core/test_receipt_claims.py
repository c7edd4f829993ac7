"""Claims of an anonymous purchase: in time, first, and what the till answered."""

from __future__ import annotations

import msgspec
import pytest

from loyalty_core.events import Claim, EventId, Fact
from loyalty_core.receipts import Conflict, ReceiptRules, fold_receipt, item_of
from loyalty_core.resolved import Resolved
from tests.core.made import FRIDAY, SEOUL, claimed, day, event_id, placed, purchase, returned
from tests.core.receipt_folding import (
    BALL,
    GLOVE,
    assert_order_does_not_matter,
    fold,
    kinds,
    moneys,
    resolved,
)

ANONYMOUS = purchase(1, member=None)


@pytest.mark.parametrize(
    ("when", "owner", "conflicts"),
    [
        (f"{FRIDAY} 12:00", "id:m2", []),
        ("2026-12-04 23:00", "id:m2", []),
        ("2026-12-05 10:00", None, [("claim_late", 5)]),
    ],
)
def test_a_claim_is_in_time_through_claim_days_after_the_purchase(
    when: str, owner: str | None, conflicts: list[tuple[str, int]]
) -> None:
    facts = [ANONYMOUS, claimed(5, when=when)]
    receipt = fold(*facts)
    assert (receipt.owner, kinds(receipt)) == (owner, conflicts)
    named_by = () if owner is None else (event_id(5),)
    item = msgspec.structs.replace(item_of(ANONYMOUS, "S1", SEOUL), named_by=named_by)
    assert resolved(receipt) == Resolved(day(FRIDAY), item, ())
    assert_order_does_not_matter(facts, receipt)


def test_claim_days_are_those_of_the_purchases_date() -> None:
    rules = ReceiptRules("S1", SEOUL, lambda on: 1 if on == day(FRIDAY) else 30)
    assert fold_receipt([ANONYMOUS, claimed(5, when="2026-11-21 12:00")], rules).owner == "id:m2"
    assert fold_receipt([ANONYMOUS, claimed(5, when="2026-11-22 12:00")], rules).owner is None


def test_a_claim_before_its_purchase_is_known_waits() -> None:
    early = claimed(5, when=f"{FRIDAY} 09:00")
    alone = fold(early)
    assert (alone.owner, alone.resolved, kinds(alone)) == (None, None, [("claim_waiting", 5)])
    both = fold(early, ANONYMOUS)
    assert (both.owner, both.conflicts) == ("id:m2", ())


def test_the_first_of_several_claims_in_time_stands() -> None:
    facts = [
        ANONYMOUS,
        claimed(2, "id:m4", when="2026-11-20 11:00", terminal="T2"),
        claimed(3, "id:m3", when="2026-11-20 11:30"),
        claimed(4, "id:m4", when="2026-11-20 12:00"),
    ]
    receipt = fold(*facts)
    assert receipt.owner == "id:m4"
    assert receipt.conflicts == (Conflict("claim_lost", event_id(3), "id:m3"),)
    assert_order_does_not_matter(facts, receipt)


def test_an_earlier_claim_that_arrives_late_takes_the_purchase() -> None:
    stood, late = claimed(3, "id:m3", when="2026-11-22 10:00"), claimed(9, "id:m4", when="2026-11-21 10:00")
    assert fold(ANONYMOUS, stood).owner == "id:m3"
    receipt = fold(ANONYMOUS, stood, late)
    assert (receipt.owner, kinds(receipt)) == ("id:m4", [("claim_lost", 3)])


def test_a_claim_that_is_late_does_not_stop_one_in_time() -> None:
    slow_clock = claimed(3, "id:m3", when="2026-11-21 10:00")
    moved = placed(1, slow_clock, "2026-12-20 10:00")
    facts = [ANONYMOUS, slow_clock, moved, claimed(4, "id:m4", when="2026-11-22 10:00")]
    receipt = fold(*facts)
    assert receipt.owner == "id:m4"
    assert receipt.conflicts == (Conflict("claim_late", event_id(3), "id:m3"),)
    assert_order_does_not_matter(facts, receipt)


def test_a_claim_that_is_late_is_no_conflict_where_the_member_has_claimed_in_time_too() -> None:
    slow_clock = claimed(3, "id:m3", when="2026-11-21 10:00")
    moved = placed(1, slow_clock, "2026-12-20 10:00")
    facts = [ANONYMOUS, slow_clock, moved, claimed(4, "id:m3", when="2026-11-22 10:00")]
    receipt = fold(*facts)
    assert (receipt.owner, kinds(receipt)) == ("id:m3", [])
    assert_order_does_not_matter(facts, receipt)


def test_the_same_member_claiming_again_is_no_conflict_even_late() -> None:
    facts = [ANONYMOUS, claimed(3, when="2026-11-21 10:00"), claimed(4, when="2026-12-20 10:00")]
    receipt = fold(*facts)
    assert (receipt.owner, receipt.conflicts) == ("id:m2", ())


@pytest.mark.parametrize("owner", ["id:m1", "card:999"])
def test_a_claim_on_a_receipt_that_a_copy_names_a_member_for_loses(owner: str) -> None:
    facts = [ANONYMOUS, purchase(8, member=owner, terminal="T2"), claimed(3, when=f"{FRIDAY} 10:01")]
    receipt = fold(*facts)
    assert receipt.owner == owner
    assert receipt.conflicts == (Conflict("claim_lost", event_id(3), "id:m2"),)
    assert_order_does_not_matter(facts, receipt)


def test_a_claim_by_the_member_whom_the_receipt_names_is_no_conflict() -> None:
    receipt = fold(purchase(1), claimed(3, "id:m1", when="2027-03-01 10:00"))
    assert (receipt.owner, receipt.conflicts) == ("id:m1", ())


def test_a_claim_that_names_nobody_changes_nothing() -> None:
    receipt = fold(ANONYMOUS, claimed(3, None), claimed(4, "id:m4", when=f"{FRIDAY} 13:00"))
    assert (receipt.owner, receipt.conflicts) == ("id:m4", ())
    assert fold(purchase(1), claimed(3, None)).conflicts == ()


def test_a_purchase_keeps_by_what_it_has_its_owner_where_it_names_none() -> None:
    copies = [ANONYMOUS, purchase(2, member=None), purchase(3, terminal="T2")]
    mine = claimed(5, "id:m1")
    assert named_by(*copies, mine) == (event_id(3, "T2"), event_id(5))
    assert named_by(*copies, claimed(5)) == (event_id(3, "T2"),)
    assert named_by(*copies[:2]) == ()
    assert named_by(*copies[:2], mine, claimed(6, "id:m1", when=f"{FRIDAY} 13:00")) == (
        event_id(5),
        event_id(6),
    )
    assert named_by(purchase(1), purchase(3), mine) == (event_id(1), event_id(3), event_id(5))
    assert named_by(purchase(1), copies[1], claimed(5)) == ()


def named_by(*facts: Fact) -> tuple[EventId, ...]:
    return resolved(fold(*facts)).item.named_by


def answered(fact: Fact, points: int) -> Fact:
    """Return a fact to which its till answered with points."""
    return msgspec.structs.replace(fact, claim=Claim(7, "GOLD", points, points))


def test_what_the_till_answered_to_who_the_purchase_went_to_is_kept() -> None:
    copy, lost = answered(purchase(2, terminal="T2"), 12), answered(claimed(3), 11)
    assert resolved(fold(ANONYMOUS, copy, lost)).item.claim == Claim(7, "GOLD", 12, 12)
    first, again = answered(claimed(4), 10), answered(claimed(5, when=f"{FRIDAY} 13:00"), 9)
    facts = [ANONYMOUS, first, again]
    assert resolved(fold(*facts)).item.claim == Claim(7, "GOLD", 10, 10)
    assert_order_does_not_matter(facts, fold(*facts))
    late = answered(claimed(6, when="2027-03-01 10:00"), 8)
    assert resolved(fold(ANONYMOUS, late)).item.claim is None


def test_what_the_till_answered_to_the_purchase_itself_comes_first() -> None:
    sale = answered(purchase(1, member=None), 12)
    assert resolved(fold(sale, answered(claimed(4), 10))).item.claim == Claim(7, "GOLD", 12, 12)
    assert resolved(fold(sale, claimed(4))).item.claim == Claim(7, "GOLD", 12, 12)


def test_what_came_back_of_a_claimed_purchase_is_taken_from_who_claimed_it() -> None:
    facts = [
        purchase(1, 10_000, member=None, lines=[BALL, GLOVE]),
        returned(2, 1_000, lines=[BALL], when="2026-11-21 10:00"),
        claimed(3, when="2026-11-22 10:00"),
    ]
    receipt = fold(*facts)
    assert receipt.owner == "id:m2"
    assert moneys(receipt) == [(2, ((("wear", 9_000),), ()))]
    assert_order_does_not_matter(facts, receipt)


@pytest.mark.parametrize(("when", "owner"), [("2026-12-18 10:00", "id:m2"), ("2026-12-19 10:00", None)])
def test_a_claim_is_in_time_by_the_placed_date_of_the_purchase(when: str, owner: str | None) -> None:
    assert fold(ANONYMOUS, placed(1, ANONYMOUS, "2026-12-04 10:00"), claimed(5, when=when)).owner == owner
