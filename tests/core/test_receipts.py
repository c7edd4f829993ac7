"""The fold of one receipt key: owner, content, copies, voids, returns, claims, placing and what was spent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from zoneinfo import ZoneInfo

import msgspec
import pytest

from loyalty_core.events import Claim, Fact, Tender
from loyalty_core.receipts import Conflict, Receipt, ReceiptRules, fold_receipt, item_of
from loyalty_core.resolved import Item, Resolved, Takeback
from loyalty_core.units import Minute
from tests.core.made import (
    BERLIN,
    FRIDAY,
    NEW_YORK,
    RULES,
    SEOUL,
    at,
    claimed,
    coupon,
    day,
    event_id,
    key,
    line,
    placed,
    purchase,
    redeemed,
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


def test_nothing_amounts_to_nothing() -> None:
    assert fold() == Receipt(owner=None, resolved=None, conflicts=())


# Returns.


BALL = line(1_000, "golf", sku="BALL", number=1)
GLOVE = line(9_000, "wear", sku="GLOVE", number=2)
THREE_TEES = line(990, "golf", sku="TEE", number=3, quantity=3_000)
TEE = line(330, "golf", sku="TEE", number=1)


def backs(receipt: Receipt) -> list[tuple[int, Item | None]]:
    """Return (seq, what remains) of every takeback."""
    return [(back.id.seq, back.remains) for back in resolved(receipt).takebacks]


def moneys(receipt: Receipt) -> list[tuple[int, object]]:
    """Return (seq, money and parts that remain) of every takeback, None for nothing."""
    return [(seq, (left.money, left.parts) if left is not None else None) for seq, left in backs(receipt)]


def test_a_return_leaves_the_lines_that_did_not_come_back() -> None:
    sale = purchase(
        1, 10_000, lines=[BALL, GLOVE], tenders=[Tender("gift_card", 2_000), Tender("card", 8_000)]
    )
    refund = Tender("gift_card", 500)
    facts = [sale, returned(2, 1_000, when="2026-11-27 15:00", lines=[BALL], tenders=[refund])]
    receipt = fold(*facts)
    item = resolved(receipt).item
    left = msgspec.structs.replace(
        item,
        money=(("wear", 9_000),),
        tenders=(("gift_card", 2_000), ("card", 8_000), ("gift_card", -500)),
    )
    assert item == item_of(sale, "S1", SEOUL)
    assert resolved(receipt).takebacks == (
        Takeback(event_id(2), at("2026-11-27 15:00"), day("2026-11-27"), left),
    )
    assert (receipt.owner, receipt.conflicts) == ("id:m1", ())
    assert resolved(receipt).standing == left
    assert_order_does_not_matter(facts, receipt)


def test_several_returns_of_one_purchase_each_leave_what_the_ones_before_left() -> None:
    sale = purchase(1, 9_990, lines=[GLOVE, THREE_TEES])
    facts = [
        sale,
        returned(2, 330, when="2026-11-21 10:00", lines=[TEE], number="R001"),
        returned(3, 330, when="2026-11-22 10:00", lines=[TEE], number="R002"),
        returned(4, 9_330, when="2026-11-23 10:00", lines=[TEE, GLOVE], number="R003"),
    ]
    receipt = fold(*facts)
    assert moneys(receipt) == [
        (2, ((("wear", 9_000),), (("golf", 990, 2_000, 3_000),))),
        (3, ((("wear", 9_000),), (("golf", 990, 1_000, 3_000),))),
        (4, None),
    ]
    assert receipt.conflicts == ()
    assert resolved(receipt).standing is None
    assert_order_does_not_matter(facts, receipt)


def test_a_return_before_its_original_waits_as_an_exception_and_takes_nothing_until_matched() -> None:
    early = returned(5, 1_000, lines=[BALL], when=f"{FRIDAY} 09:00")
    alone = fold(early)
    assert (alone.owner, alone.resolved, kinds(alone)) == (None, None, [("return_waiting", 5)])
    facts = [early, purchase(1, 10_000, lines=[BALL, GLOVE])]
    both = fold(*facts)
    assert both.conflicts == ()
    assert moneys(both) == [(5, ((("wear", 9_000),), ()))]
    assert_order_does_not_matter(facts, both)


def test_a_return_above_what_remains_is_an_exception_and_takes_what_is_there() -> None:
    facts = [purchase(1, 10_000, lines=[BALL, GLOVE]), returned(2, 2_000, lines=[BALL, BALL])]
    receipt = fold(*facts)
    assert moneys(receipt) == [(2, ((("wear", 9_000),), ()))]
    assert receipt.conflicts == (Conflict("return_exceeds", event_id(2)),)
    assert_order_does_not_matter(facts, receipt)


def test_a_return_of_what_was_not_sold_is_an_exception_and_takes_nothing() -> None:
    facts = [purchase(1, 10_000, lines=[BALL, GLOVE]), returned(2, 500, lines=[line(500, sku="OTHER")])]
    receipt = fold(*facts)
    assert resolved(receipt).standing == resolved(receipt).item
    assert kinds(receipt) == [("return_unmatched", 2)]
    assert_order_does_not_matter(facts, receipt)


def test_a_return_may_be_both_exceptions_at_once() -> None:
    receipt = fold(purchase(1, 1_000, lines=[BALL]), returned(2, lines=[BALL, BALL, line(1, sku="OTHER")]))
    assert kinds(receipt) == [("return_exceeds", 2), ("return_unmatched", 2)]
    assert backs(receipt) == [(2, None)]


def test_a_return_after_everything_is_back_takes_nothing_and_is_an_exception() -> None:
    facts = [
        purchase(1, 1_000, lines=[BALL]),
        returned(2, 1_000, lines=[BALL], when="2026-11-21 10:00"),
        returned(3, 1_000, lines=[BALL], when="2026-11-22 10:00", number="R002"),
    ]
    receipt = fold(*facts)
    assert backs(receipt) == [(2, None)]
    assert kinds(receipt) == [("return_exceeds", 3)]
    assert_order_does_not_matter(facts, receipt)


def test_of_two_returns_of_one_piece_the_first_in_canonical_order_takes_it() -> None:
    late = returned(9, 1_000, lines=[BALL], when="2026-11-21 10:00", number="R009")
    stood = returned(2, 1_000, lines=[BALL], when="2026-11-22 10:00")
    sale = purchase(1, 10_000, lines=[BALL, GLOVE])
    assert kinds(fold(sale, stood)) == []
    receipt = fold(sale, stood, late)
    assert kinds(receipt) == [("return_exceeds", 2)]
    assert [seq for seq, _ in backs(receipt)] == [9, 2]
    assert resolved(receipt).takebacks[0].remains == resolved(receipt).takebacks[1].remains


def test_a_return_that_comes_twice_is_one_return() -> None:
    facts = [
        purchase(1, 9_990, lines=[GLOVE, THREE_TEES]),
        returned(2, 330, lines=[TEE]),
        returned(7, 330, lines=[TEE], terminal="T2"),
    ]
    receipt = fold(*facts)
    assert moneys(receipt) == [(2, ((("wear", 9_000),), (("golf", 990, 2_000, 3_000),)))]
    assert receipt.conflicts == ()
    assert_order_does_not_matter(facts, receipt)


def test_of_several_contents_of_a_returns_key_the_first_stands() -> None:
    facts = [
        purchase(1, 9_990, lines=[GLOVE, THREE_TEES]),
        returned(2, 330, lines=[TEE], when=f"{FRIDAY} 11:00"),
        returned(3, 9_000, lines=[GLOVE], when=f"{FRIDAY} 11:01"),
        returned(4, 330, lines=[TEE], when=f"{FRIDAY} 11:00", terminal="T2"),
    ]
    receipt = fold(*facts)
    assert [seq for seq, _ in backs(receipt)] == [2]
    assert kinds(receipt) == [("copy_differs", 3)]
    assert_order_does_not_matter(facts, receipt)


def test_a_copy_of_the_last_return_is_no_exception() -> None:
    facts = [purchase(1, 1_000, lines=[BALL]), returned(2, lines=[BALL]), returned(3, lines=[BALL])]
    assert fold(*facts).conflicts == ()
    again = returned(4, 500, lines=[BALL], when=f"{FRIDAY} 12:00")
    assert kinds(fold(*facts, again)) == [("copy_differs", 4)]


def test_a_return_after_a_void_takes_nothing() -> None:
    facts = [
        purchase(1, 1_000, lines=[BALL]),
        void(2, when=f"{FRIDAY} 10:30"),
        returned(3, 1_000, lines=[BALL], when=f"{FRIDAY} 11:00"),
    ]
    receipt = fold(*facts)
    assert backs(receipt) == [(2, None)]
    assert kinds(receipt) == [("return_exceeds", 3)]
    assert_order_does_not_matter(facts, receipt)


def test_each_return_after_a_void_is_an_exception_of_its_own() -> None:
    backs_too_late = [returned(3, when=f"{FRIDAY} 11:00"), returned(4, when=f"{FRIDAY} 12:00", number="R002")]
    assert kinds(fold(purchase(1), void(2), *backs_too_late)) == [
        ("return_exceeds", 3),
        ("return_exceeds", 4),
    ]


def test_a_void_after_a_return_takes_the_rest_and_after_the_last_one_nothing() -> None:
    facts = [
        purchase(1, 10_000, lines=[BALL, GLOVE]),
        returned(2, 1_000, lines=[BALL], when=f"{FRIDAY} 11:00"),
        void(3, when=f"{FRIDAY} 12:00"),
    ]
    receipt = fold(*facts)
    assert moneys(receipt) == [(2, ((("wear", 9_000),), ())), (3, None)]
    assert receipt.conflicts == ()
    assert_order_does_not_matter(facts, receipt)
    all_back = returned(4, 10_000, lines=[BALL, GLOVE], when=f"{FRIDAY} 11:00", number="R002")
    assert [seq for seq, _ in backs(fold(facts[0], all_back, facts[2]))] == [4]


def test_the_void_of_a_visit_is_an_exception_of_a_purchase_after_returns_too() -> None:
    wrong = visit_void(4, visit(1, receipt=key()), when=f"{FRIDAY} 12:00")
    receipt = fold(purchase(1, 1_000, lines=[BALL]), returned(2, lines=[BALL]), wrong)
    assert kinds(receipt) == [("original_missing", 4)]


def test_a_return_of_a_purchase_without_lines_goes_by_amount() -> None:
    facts = [purchase(1, 12_990), returned(2, 3_990)]
    receipt = fold(*facts)
    assert moneys(receipt) == [(2, ((("", 9_000),), ()))]
    assert_order_does_not_matter(facts, receipt)


def test_what_a_return_leaves_says_nothing_of_what_the_till_answered() -> None:
    claim = Claim(7, "GOLD", 10, 10)
    sale = msgspec.structs.replace(purchase(1, 10_000, lines=[BALL, GLOVE]), claim=claim)
    back = msgspec.structs.replace(returned(2, 1_000, lines=[BALL]), claim=Claim(7, "GOLD", -1, -1))
    receipt = fold(sale, back)
    assert resolved(receipt).item.claim == claim
    (taken,) = resolved(receipt).takebacks
    assert taken.claim == Claim(7, "GOLD", -1, -1)
    assert taken.remains is not None
    assert taken.remains.claim is None


def test_the_member_named_on_a_return_does_not_matter() -> None:
    back = returned(2, 1_000, lines=[BALL])
    named = msgspec.structs.replace(back, event=msgspec.structs.replace(back.event, member="id:m9"))
    assert fold(purchase(1, 10_000, lines=[BALL, GLOVE]), named).owner == "id:m1"


# Claims.


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
    assert resolved(receipt) == Resolved(day(FRIDAY), item_of(ANONYMOUS, "S1", SEOUL), ())
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
    assert (receipt.owner, kinds(receipt)) == ("id:m4", [("claim_late", 3)])
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


# Placing.


def test_a_placed_purchase_is_taken_on_its_placed_date_and_local_time_and_keeps_its_order() -> None:
    sale = purchase(1, when=f"{FRIDAY} 10:00")
    facts = [sale, placed(1, sale, "2026-11-24 22:30", on="2026-11-23")]
    receipt = fold(*facts)
    item = item_of(sale, "S1", SEOUL)
    assert item.minute == 600
    expected = msgspec.structs.replace(item, minute=Minute(22 * 60 + 30))
    assert resolved(receipt) == Resolved(day("2026-11-23"), expected, ())
    assert (receipt.owner, receipt.conflicts) == ("id:m1", ())
    assert_order_does_not_matter(facts, receipt)


def test_of_two_decisions_about_one_event_the_later_stands() -> None:
    sale = purchase(1)
    first, second = placed(2, sale, "2026-11-24 10:00"), placed(10, sale, "2026-11-23 11:00")
    receipt = fold(sale, first, second)
    assert (resolved(receipt).business_day, resolved(receipt).item.minute) == (day("2026-11-23"), 11 * 60)
    assert_order_does_not_matter([sale, first, second], receipt)


@pytest.mark.parametrize("other", [purchase(2), purchase(1, terminal="T2"), purchase(1, branch=1)], ids=str)
def test_a_decision_about_another_event_places_nothing(other: Fact) -> None:
    sale = purchase(1)
    assert resolved(fold(sale, placed(1, other, "2026-11-24 11:00"))) == resolved(fold(sale))


def test_a_decision_about_what_is_not_known_yet_amounts_to_nothing() -> None:
    assert fold(placed(1, purchase(1), "2026-11-24 11:00")) == fold()


def test_a_placed_visit_is_taken_on_its_placed_date() -> None:
    seen = visit(1)
    receipt = fold(seen, placed(1, seen, "2026-11-24 11:59"))
    assert (resolved(receipt).business_day, resolved(receipt).item.minute) == (day("2026-11-24"), 719)


def test_a_placed_return_or_void_is_dated_where_it_was_placed() -> None:
    sale = purchase(1, 10_000, lines=[BALL, GLOVE])
    back, undone = returned(2, lines=[BALL]), void(3, when=f"{FRIDAY} 12:00")
    receipt = fold(
        sale, back, undone, placed(1, back, "2026-12-01 10:00"), placed(2, undone, "2026-12-02 10:00")
    )
    first, second = resolved(receipt).takebacks
    assert (first.business_day, second.business_day) == (day("2026-12-01"), day("2026-12-02"))
    assert first.occurred_at_ms == at(f"{FRIDAY} 11:00")
    assert first.remains is not None
    assert first.remains.minute == 600


def test_what_remains_of_a_placed_purchase_keeps_its_placed_time() -> None:
    sale = purchase(1, 10_000, lines=[BALL, GLOVE])
    receipt = fold(sale, returned(2, lines=[BALL]), placed(1, sale, "2026-11-24 22:30"))
    left = resolved(receipt).standing
    assert left is not None
    assert left.minute == 22 * 60 + 30


@pytest.mark.parametrize(("when", "owner"), [("2026-12-18 10:00", "id:m2"), ("2026-12-19 10:00", None)])
def test_a_claim_is_in_time_by_the_placed_date_of_the_purchase(when: str, owner: str | None) -> None:
    assert fold(ANONYMOUS, placed(1, ANONYMOUS, "2026-12-04 10:00"), claimed(5, when=when)).owner == owner


# Redemptions and coupons.


def test_a_redemption_stands_beside_the_purchase_that_it_paid_for() -> None:
    spent = redeemed(2, 1_500, of=key(), reward="towel", value=2_000, member="id:m3", when=f"{FRIDAY} 10:01")
    facts = [purchase(1), spent]
    receipt = fold(*facts)
    (one,) = receipt.spent
    assert (one.name, one.owner) == ("r/r1", "id:m3")
    assert one.resolved == Resolved(
        day(FRIDAY),
        Item(
            event_id(2),
            at(f"{FRIDAY} 10:01"),
            "redemption",
            "S1",
            Minute(0),
            (("r1", 1_500),),
            (("towel", 2_000),),
        ),
        (),
    )
    assert (receipt.owner, receipt.conflicts) == ("id:m1", ())
    assert_order_does_not_matter(facts, receipt)


def test_a_redemption_without_its_purchase_is_spent_all_the_same() -> None:
    receipt = fold(redeemed(2, of=key()))
    assert receipt.resolved is None
    assert [(one.name, one.resolved.takebacks) for one in receipt.spent] == [("r/r1", ())]
    waiting = fold(redeemed(2, of=key()), returned(3), void(4))
    assert [one.resolved.takebacks for one in waiting.spent] == [()]
    assert kinds(waiting) == [("original_missing", 4), ("return_waiting", 3)]


def test_points_come_back_once_with_the_return_after_which_nothing_remains() -> None:
    facts = [
        purchase(1, 10_000, lines=[BALL, GLOVE]),
        redeemed(2, of=key()),
        returned(3, 1_000, lines=[BALL], when="2026-11-21 10:00"),
        returned(4, 9_000, lines=[GLOVE], when="2026-11-22 10:00", number="R002"),
        void(5, when="2026-11-23 10:00"),
    ]
    assert [one.resolved.takebacks for one in fold(*facts[:3]).spent] == [()]
    receipt = fold(*facts)
    (one,) = receipt.spent
    (back,) = one.resolved.takebacks
    assert (back.id, back.business_day, back.remains) == (event_id(4), day("2026-11-22"), None)
    assert_order_does_not_matter(facts, receipt)


def test_points_come_back_with_a_void() -> None:
    (one,) = fold(purchase(1), redeemed(2, of=key()), void(3)).spent
    assert [back.id for back in one.resolved.takebacks] == [event_id(3)]


def test_each_redemption_on_a_receipt_comes_back_by_itself() -> None:
    facts = [purchase(1), redeemed(2, 1_000, of=key()), redeemed(3, 500, redemption="r2", of=key()), void(4)]
    receipt = fold(*facts)
    assert [(one.name, len(one.resolved.takebacks)) for one in receipt.spent] == [("r/r1", 1), ("r/r2", 1)]
    assert_order_does_not_matter(facts, receipt)


def test_a_redemption_committed_twice_counts_once_and_is_an_exception() -> None:
    facts = [redeemed(5, 300, when=f"{FRIDAY} 10:00"), redeemed(1, 400, when=f"{FRIDAY} 10:01")]
    receipt = fold(*facts)
    assert [one.resolved.item.money for one in receipt.spent] == [(("r1", 300),)]
    assert kinds(receipt) == [("redemption_twice", 1)]
    assert_order_does_not_matter(facts, receipt)


def test_a_redemption_committed_twice_does_not_hide_the_next_one() -> None:
    facts = [redeemed(1), redeemed(2, 400), redeemed(3, 500, redemption="r2")]
    assert [one.name for one in fold(*facts).spent] == ["r/r1", "r/r2"]


def test_a_coupon_is_used_once() -> None:
    facts = [purchase(1), coupon(2, of=key(), when=f"{FRIDAY} 10:01"), coupon(3, "c2", of=key()), void(4)]
    receipt = fold(*facts)
    assert [(one.name, one.owner, one.resolved.item.kind) for one in receipt.spent] == [
        ("c/c2", "id:m1", "coupon"),
        ("c/c1", "id:m1", "coupon"),
    ]
    (second, first) = receipt.spent
    assert first.resolved == Resolved(
        day(FRIDAY),
        Item(event_id(2), at(f"{FRIDAY} 10:01"), "coupon", "S1", Minute(0), (("c1", 0),), (("r1", 0),)),
        (),
    )
    assert second.resolved.takebacks == ()
    assert receipt.conflicts == ()
    assert_order_does_not_matter(facts, receipt)


def test_a_coupon_used_twice_is_an_exception() -> None:
    facts = [coupon(5, when=f"{FRIDAY} 10:00"), coupon(1, redemption="r2", when=f"{FRIDAY} 10:01")]
    receipt = fold(*facts)
    assert [one.resolved.item.id for one in receipt.spent] == [event_id(5)]
    assert kinds(receipt) == [("coupon_used_twice", 1)]
    assert_order_does_not_matter(facts, receipt)


def test_a_coupon_told_twice_of_the_same_redemption_was_used_once() -> None:
    facts = [coupon(1, when=f"{FRIDAY} 10:00"), coupon(2, when=f"{FRIDAY} 10:01")]
    receipt = fold(*facts)
    assert [one.resolved.item.id for one in receipt.spent] == [event_id(1)]
    assert receipt.conflicts == ()
    assert_order_does_not_matter(facts, receipt)


def test_a_coupon_and_a_redemption_of_one_name_are_two_things() -> None:
    receipt = fold(coupon(1, "x"), redeemed(2, redemption="x"))
    assert [one.name for one in receipt.spent] == ["c/x", "r/x"]
    assert receipt.conflicts == ()


def test_a_placed_redemption_is_spent_on_its_placed_date() -> None:
    spent = redeemed(2)
    (one,) = fold(spent, placed(1, spent, "2026-11-25 10:00")).spent
    assert one.resolved.business_day == day("2026-11-25")


def test_what_the_till_answered_to_a_redemption_is_kept() -> None:
    claim = Claim(7, "GOLD", -1_000, 0)
    (one,) = fold(msgspec.structs.replace(redeemed(2), claim=claim)).spent
    assert one.resolved.item.claim == claim
