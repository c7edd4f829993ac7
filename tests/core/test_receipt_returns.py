"""Returns on a purchase: what each leaves, and which of them are exceptions."""

from __future__ import annotations

import msgspec

from loyalty_core.events import Claim, Tender
from loyalty_core.receipts import RETURNS_MAX, Conflict, item_of
from loyalty_core.resolved import Takeback
from tests.core.made import (
    FRIDAY,
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
from tests.core.receipt_folding import (
    BALL,
    GLOVE,
    assert_order_does_not_matter,
    backs,
    fold,
    kinds,
    moneys,
    resolved,
)

THREE_TEES = line(990, "golf", sku="TEE", number=3, quantity=3_000)
TEE = line(330, "golf", sku="TEE", number=1)


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


def test_of_more_returns_than_anybody_makes_of_one_purchase_the_last_take_nothing() -> None:
    """Each keeps what it leaves of all lines, so a till could make one receipt as dear as it likes."""
    sale = purchase(1, 1_000)
    copy, *returns = [returned(number, 1, number=f"R{number}") for number in (2, *range(2, RETURNS_MAX + 3))]
    copied = msgspec.structs.replace(copy, id=event_id(RETURNS_MAX + 9))
    receipt = fold(sale, *returns, copied)
    assert kinds(receipt) == [("returns_too_many", RETURNS_MAX + 2)]
    assert [back.id.seq for back in resolved(receipt).takebacks] == list(range(2, RETURNS_MAX + 2))
