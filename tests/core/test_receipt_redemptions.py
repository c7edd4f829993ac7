"""Redemptions and coupons beside the purchase that they paid for."""

from __future__ import annotations

import msgspec
import pytest

from loyalty_core.events import Claim
from loyalty_core.resolved import Item, Resolved
from loyalty_core.units import Minute
from tests.core.made import FRIDAY, at, coupon, day, event_id, key, purchase, redeemed, returned, void
from tests.core.receipt_folding import BALL, GLOVE, assert_order_does_not_matter, fold, kinds


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


def test_points_spent_on_what_is_void_already_come_back_and_are_an_exception() -> None:
    before, after = (
        redeemed(seq, redemption=f"r{seq}", of=key(), when=f"{FRIDAY} 10:0{seq}") for seq in (2, 4)
    )
    facts = [purchase(1, when=f"{FRIDAY} 10:01"), before, void(3, when=f"{FRIDAY} 10:03"), after]
    receipt = fold(*facts)
    assert [len(one.resolved.takebacks) for one in receipt.spent] == [1, 1]
    assert kinds(receipt) == [("redemption_void", 4)]
    assert_order_does_not_matter(facts, receipt)


@pytest.mark.parametrize(
    ("terminal", "seq", "minute", "expected"),
    [("T1", 3, 4, []), ("T1", 3, 2, []), ("T1", 1, 4, [2]), ("T2", 3, 1, [2]), ("T2", 1, 4, [])],
)
def test_one_journal_says_by_its_numbers_what_came_first_and_two_by_their_clocks(
    terminal: str, seq: int, minute: int, expected: list[int]
) -> None:
    sold = purchase(9, when=f"{FRIDAY} 10:00")
    spent = redeemed(2, of=key(), when=f"{FRIDAY} 10:03")
    receipt = fold(sold, spent, void(seq, when=f"{FRIDAY} 10:0{minute}", terminal=terminal))
    assert [(one.kind, one.event.seq) for one in receipt.conflicts] == [
        ("redemption_void", number) for number in expected
    ]


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


def test_what_the_till_answered_to_a_redemption_is_kept() -> None:
    claim = Claim(7, "GOLD", -1_000, 0)
    (one,) = fold(msgspec.structs.replace(redeemed(2), claim=claim)).spent
    assert one.resolved.item.claim == claim
