"""Returns and voids at the till: exactly what the returned part had earned, whatever came first."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from edge_agent.store.database import transaction
from loyalty_core.calendar import date_of
from loyalty_core.errors import BadInput
from loyalty_core.events import ReturnRecorded
from loyalty_core.lookups import hashed
from loyalty_core.units import Day
from tests.edge.made import (
    CARD,
    OTHER_CARD,
    STORE_KEY,
    claimed,
    day,
    member,
    purchase,
    returned,
    stamp,
    visit,
    void,
)
from tests.edge.till import Till

LATER = "2026-11-20T12:30:00+09:00"
LINES = [
    {"number": 1, "sku": "GLOVE", "category": "wear", "quantity": "1", "net_minor": 9_000},
    {"number": 2, "sku": "TEE", "category": "golf", "quantity": "4", "net_minor": 3_990},
]


def basket(**changed: Any) -> dict[str, Any]:
    """Return a purchase of a glove for 9,000 and four tees for 3,990: 12 points."""
    return purchase(lines=LINES, **changed)


def tees(number: str, quantity: str, net: int, **changed: Any) -> dict[str, Any]:
    """Return tees that came back."""
    line = {"number": 1, "sku": "TEE", "category": "golf", "quantity": quantity, "net_minor": net}
    return returned(number, lines=[line], net_minor=net, **changed)


def taken(till: Till, receipt: dict[str, Any]) -> int:
    """Return what a receipt takes back, which is what its record claims as well."""
    points = till.points(receipt)
    claim = till.records()[-1].claim
    assert claim is not None
    assert (claim.redeemable, claim.qualifying) == (points, points)
    return points


def know_nobody_yet(till: Till) -> None:
    till.know(member(balance=0, qualifying=0))


def test_a_return_takes_back_only_what_the_returned_part_had_earned(till: Till) -> None:
    till.record(basket())
    assert taken(till, tees("r1", "4", 3_990)) == -3
    assert till.balance() == 9


def test_several_returns_of_one_purchase_take_no_more_than_it_earned(till: Till) -> None:
    till.record(basket())
    found = [
        taken(till, tees(f"r{n}", "1", 997, occurred_at=f"2026-11-20T12:0{n}:00+09:00")) for n in range(4)
    ]
    assert found == [-1, -1, -1, 0], "11,992 and 10,995 and 9,997 and 9,000 remain"
    assert taken(till, tees("r9", "1", 997, occurred_at=LATER)) == 0, "none is left"
    assert till.balance() == 9


def test_a_return_is_answered_with_its_step_and_names_the_member_who_bought(till: Till) -> None:
    know_nobody_yet(till)
    till.record(basket())
    outcome = till.record(tees("r1", "4", 3_990, member=OTHER_CARD))
    assert [(one.kind, one.before, one.after) for one in outcome.steps] == [("clawback", 12, 9)]
    assert outcome.account == "id:M1"
    assert till.records()[-1].event.member == "id:M1"
    assert till.balance(OTHER_CARD) == 0


def test_a_return_of_the_next_day_belongs_to_the_purchases_day_and_period(till: Till) -> None:
    till.clock.wall += 40 * 86_400_000
    till.record(basket())
    till.record(tees("r1", "4", 3_990, on="2027-01-04"))
    standing = till.standing(on="2026-12-31")
    assert (standing.balance, standing.qualifying) == (9, 9)
    assert till.standing(on="2027-01-04").qualifying == 0


def test_a_return_of_quantity_zero_is_of_one_piece(till: Till) -> None:
    till.record(basket())
    assert taken(till, tees("r1", "0", 997)) == -1


def test_a_purchase_may_hold_what_was_brought_back_in_exchange(till: Till) -> None:
    brought = {"number": 3, "sku": "TEE", "category": "golf", "quantity": "-1", "net_minor": -997}
    assert till.points(purchase(lines=[*LINES, brought], net_minor=11_993)) == 11


def test_a_return_by_amount_takes_from_the_total(till: Till) -> None:
    till.record(purchase())
    assert taken(till, returned("r1", net_minor=3_990)) == -3
    assert taken(till, returned("r2", net_minor=9_000, occurred_at=LATER)) == -9


def test_the_same_return_again_is_the_same_and_another_of_its_number_is_refused(till: Till) -> None:
    till.record(basket())
    assert till.points(tees("r1", "2", 1_995)) == -2
    again = till.record(tees("r1", "2", 1_995))
    assert (again.repeated, again.redeemable) == (True, -2)
    with pytest.raises(BadInput) as caught:
        till.record(tees("r1", "1", 997))
    assert caught.value.code == "receipt_conflict"
    assert till.balance() == 10


@pytest.mark.parametrize("tender", ["gift_card", "points"])
def test_what_was_paid_with_points_or_gift_cards_earned_nothing_and_takes_nothing(
    till: Till, tender: str
) -> None:
    tenders = [{"type": tender, "amount_minor": 3_990}, {"type": "card", "amount_minor": 9_000}]
    assert till.points(basket(tenders=tenders)) == 9
    refunded = [{"type": tender, "amount_minor": 3_990}]
    assert taken(till, tees("r1", "4", 3_990, tenders=refunded)) == 0
    assert till.balance() == 9


def test_a_refund_in_money_of_what_a_gift_card_paid_takes_what_the_rest_had_earned(till: Till) -> None:
    tenders = [{"type": "gift_card", "amount_minor": 3_990}, {"type": "card", "amount_minor": 9_000}]
    till.record(basket(tenders=tenders))
    refunded = [{"type": "card", "amount_minor": 3_990}]
    assert taken(till, tees("r1", "4", 3_990, tenders=refunded)) == -4, "9,000 less the gift card earn 5"


def test_a_return_without_its_original_moves_nothing_here(till: Till) -> None:
    till.record(basket())
    unlinked = tees("r1", "4", 3_990, member=CARD)
    del unlinked["original"]
    outcome = till.record(unlinked)
    assert (outcome.account, outcome.redeemable) == (None, 0)
    assert outcome.notices == (
        "no purchase was named: a person at headquarters must say which one this takes back",
    )
    assert till.record(unlinked).notices == outcome.notices
    assert till.balance() == 12


def test_a_return_of_another_stores_purchase_waits_for_headquarters(till: Till) -> None:
    till.record(basket())
    original = {**purchase()["receipt"], "store": "S999"}
    outcome = till.record(tees("r1", "4", 3_990, original=original))
    assert "headquarters settles" in outcome.notices[0]
    event = till.records()[-1].event
    assert isinstance(event, ReturnRecorded)
    assert event.original is not None
    assert event.original.store == "S999"
    assert till.balance() == 12


def test_a_return_that_comes_before_its_purchase_is_settled_when_that_comes(till: Till) -> None:
    outcome = till.record(tees("r1", "4", 3_990))
    assert "not known at this till" in outcome.notices[0]
    outcome = till.record(basket())
    assert outcome.redeemable == 9
    assert "returned before" in outcome.notices[-1]
    assert till.balance() == 9
    claim = till.records()[-1].claim
    assert claim is not None
    assert claim.redeemable == 12, "the claim is the award of the purchase, which headquarters compares"


def test_a_whole_return_leaves_the_day(till: Till) -> None:
    till.record(visit("v1", "2026-11-20 09:00"))
    till.record(basket())
    glove = {"number": 1, "sku": "GLOVE", "category": "wear", "quantity": "1", "net_minor": 9_000}
    tee = {"number": 2, "sku": "TEE", "category": "golf", "quantity": "4", "net_minor": 3_990}
    assert till.points(returned("r1", lines=[glove, tee])) == -12
    assert till.points(returned("r2", lines=[glove, tee], occurred_at=LATER)) == 0
    assert till.balance() == 10


def test_after_a_void_a_return_takes_nothing_and_after_a_return_a_void_takes_the_rest(till: Till) -> None:
    till.record(basket())
    till.record(tees("r1", "4", 3_990))
    assert taken(till, void("x1", original=purchase()["receipt"], occurred_at=LATER)) == -9
    assert taken(till, tees("r2", "1", 997, occurred_at="2026-11-20T13:00:00+09:00")) == 0
    assert till.balance() == 0


def test_a_void_dated_before_a_return_takes_all_and_the_return_then_nothing(till: Till) -> None:
    till.record(basket())
    till.record(tees("r1", "4", 3_990))
    assert till.points(void()) == -12
    assert till.record(tees("r1", "4", 3_990)).redeemable == 0
    assert till.balance() == 0


def test_a_copy_that_names_the_owner_after_returns_gives_what_is_left(till: Till) -> None:
    till.record(basket(member=None))
    assert till.points(tees("r1", "4", 3_990)) == 0
    outcome = till.record(basket())
    assert outcome.redeemable == 9
    assert till.points(void("x1", original=purchase()["receipt"], occurred_at=LATER)) == -9
    assert till.balance() == 0


# What takes nothing, or not all, says so

NOTHING_LEFT = "nothing is left of this purchase: nothing is taken back"
EXCEEDS = "more is returned than is left of this purchase: the rest takes nothing back"
UNMATCHED = "nothing of this purchase has the sku of a returned line: that line takes nothing back"

TOO_MANY = "100 returns of this purchase took something back before: this one does not"


def noted(till: Till, receipt: dict[str, Any]) -> tuple[int, tuple[str, ...]]:
    """Return what a receipt takes and what is said about it, which is said again when it comes again."""
    outcome = till.record(receipt)
    assert till.record(receipt).notices == outcome.notices
    return outcome.redeemable, outcome.notices


def shoes(number: str, **changed: Any) -> dict[str, Any]:
    """Return shoes that came back; the purchase of a glove and tees has sold none."""
    line = {"number": 1, "sku": changed.pop("sku", "SHOES"), "quantity": "1", "net_minor": 3_990}
    return returned(number, lines=[line], net_minor=3_990, occurred_at=LATER, **changed)


def test_a_return_of_what_is_there_has_nothing_to_say(till: Till) -> None:
    till.record(basket())
    assert noted(till, tees("r1", "4", 3_990)) == (-3, ())


def test_a_return_of_more_than_is_left_says_so(till: Till) -> None:
    till.record(basket())
    assert noted(till, tees("r1", "5", 4_987)) == (-3, (EXCEEDS,))
    assert noted(till, tees("r2", "1", 997, occurred_at=LATER)) == (0, (EXCEEDS,))
    assert noted(till, returned("r3", occurred_at="2026-11-20T13:00:00+09:00")) == (-9, (EXCEEDS,))


def test_what_one_return_does_not_take_is_not_said_of_another(till: Till) -> None:
    till.record(basket())
    assert noted(till, tees("r1", "5", 4_987)) == (-3, (EXCEEDS,))
    glove = {"number": 1, "sku": "GLOVE", "category": "wear", "quantity": "1", "net_minor": 9_000}
    assert noted(till, returned("r2", lines=[glove], net_minor=9_000, occurred_at=LATER)) == (-9, ())


@pytest.mark.parametrize("sku", ["SHOES", ""])
def test_a_return_of_what_was_not_sold_says_so(till: Till, sku: str) -> None:
    till.record(basket())
    assert noted(till, shoes("r1", sku=sku)) == (0, (UNMATCHED,))


@pytest.mark.parametrize("buyer", [CARD, None])
def test_a_takeback_of_what_is_nothing_any_more_says_so(till: Till, buyer: str | None) -> None:
    till.record(basket(member=buyer))
    assert noted(till, void("x1", original=purchase()["receipt"]))[1] == ()
    assert noted(till, shoes("r1")) == (0, (NOTHING_LEFT,))
    assert noted(till, void("x2", original=purchase()["receipt"], occurred_at=LATER)) == (0, (NOTHING_LEFT,))
    assert till.balance() == 0


def test_the_void_of_a_purchase_that_is_wholly_returned_says_that_nothing_is_left(till: Till) -> None:
    till.record(basket())
    assert noted(till, returned()) == (-12, ())
    assert noted(till, void(occurred_at=LATER)) == (0, (NOTHING_LEFT,))


def test_a_return_after_too_many_says_so(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty_core.receipts.RETURNS_MAX", 1)
    till.record(basket())
    assert noted(till, tees("r1", "1", 998)) == (-1, ())
    assert noted(till, tees("r2", "1", 998, occurred_at=LATER)) == (0, (TOO_MANY,))
    assert till.balance() == 11


# Before and after headquarters has posted


def test_what_comes_back_of_a_posted_purchase_counts_above_the_stamp_and_only_there(till: Till) -> None:
    know_nobody_yet(till)
    till.record(basket())
    till.know(member(balance=12, qualifying=12, stamp=stamp(1)))
    assert till.points(tees("r1", "4", 3_990)) == -3
    assert till.balance() == 9
    till.know(member(balance=9, qualifying=9, stamp=stamp(2)))
    assert till.balance() == 9
    assert till.points(void("x1", original=purchase()["receipt"], occurred_at=LATER)) == -9
    assert (till.balance(), till.standing().qualifying) == (0, 0)


def test_what_comes_back_before_anything_is_posted_lapses_with_the_stamp(till: Till) -> None:
    know_nobody_yet(till)
    till.record(basket())
    till.record(tees("r1", "4", 3_990))
    assert till.balance() == 9
    till.know(member(balance=12, qualifying=12, stamp=stamp(1)))
    assert till.balance() == 9
    till.know(member(balance=9, qualifying=9, stamp=stamp(2)))
    assert till.balance() == 9


def test_a_return_that_was_posted_before_its_purchase_came_is_booked_with_the_purchase(till: Till) -> None:
    know_nobody_yet(till)
    till.record(tees("r1", "4", 3_990, member=CARD))
    till.know(member(balance=0, qualifying=0, stamp=stamp(1)))
    till.record(basket())
    assert till.balance() == 9
    till.know(member(balance=9, qualifying=9, stamp=stamp(2)))
    assert till.balance() == 9


def test_what_is_returned_lets_a_later_receipt_of_the_day_count(till: Till) -> None:
    """A day's limits belong to what stands: the void of the first visit hands its points to the second."""
    know_nobody_yet(till)
    till.record(visit("v1", "2026-11-20 09:00"))
    till.record(visit("v2", "2026-11-20 10:00"))
    till.know(member(balance=10, qualifying=10, stamp=stamp(2)))
    till.record(basket())
    till.record(tees("r1", "4", 3_990))
    assert till.balance() == 19


# In any order


def dated(receipt: dict[str, Any], run: int) -> dict[str, Any]:
    """Return a receipt on a day of its own."""
    on = date_of(Day(day("2026-07-02") + run)).isoformat()
    moved: dict[str, Any] = json.loads(json.dumps(receipt).replace("2026-11-20", on))
    return moved


@pytest.mark.parametrize("posted_after", [None, 0, 1, 2])
def test_purchase_copy_and_returns_come_to_the_same_in_any_order(
    till: Till, posted_after: int | None
) -> None:
    know_nobody_yet(till)
    receipts = [
        basket(member=None),
        basket(),
        tees("r1", "1", 997),
        tees("r2", "2", 1_995, occurred_at="2026-11-20T11:40:00+09:00"),
    ]
    for run, order in enumerate(itertools.permutations(receipts)):
        for place, receipt in enumerate(order):
            till.record(dated(receipt, run))
            if place == posted_after:
                balance = till.balance()
                till.know(member(balance=balance, qualifying=balance, stamp=stamp(len(till.records()))))
        assert (till.balance(), till.standing().qualifying) == (9 * run + 9, 9 * run + 9), order


def test_returns_and_a_void_of_two_purchases_do_not_touch_each_other(till: Till) -> None:
    receipts = [
        basket(),
        purchase("2"),
        tees("r1", "4", 3_990),
        returned("r2", original=purchase("2")["receipt"], net_minor=3_990),
        void("x1", original=purchase()["receipt"], occurred_at=LATER),
    ]
    for run, order in enumerate(itertools.permutations(receipts)):
        for receipt in order:
            till.record(dated(receipt, run))
        assert till.balance() == 9 * run + 9, order


# Members who turn out to be one


def tell(till: Till, **changed: Any) -> None:
    """Let headquarters say that M2, of the other card, counts as M1."""
    forms = ("id:M1", "id:M2", f"card:{CARD}", f"card:{OTHER_CARD}")
    row = member(look_ups=tuple(hashed(form, STORE_KEY) for form in forms), also=("M2",), **changed)
    till.appear(row)


def test_what_is_returned_after_a_merge_is_taken_from_the_one_who_stands_for_both(till: Till) -> None:
    know_nobody_yet(till)
    till.know(member("M2", OTHER_CARD, balance=0, qualifying=0))
    till.record(purchase("2"))
    till.record(basket(member=OTHER_CARD))
    tell(till, balance=24, qualifying=24, stamp=stamp(2))
    assert till.balance() == till.balance(OTHER_CARD) == till.balance("M2") == 24
    assert till.points(tees("r1", "4", 3_990)) == -3
    assert till.records()[-1].event.member == "id:M1"
    assert till.balance(OTHER_CARD) == 21
    assert till.record(basket(member=OTHER_CARD)).repeated
    assert till.record(basket(member=CARD)).repeated


def test_what_waits_above_the_stamp_goes_along_into_a_merge(till: Till) -> None:
    know_nobody_yet(till)
    till.know(member("M2", OTHER_CARD, balance=0, qualifying=0))
    till.record(basket(member=OTHER_CARD))
    tell(till, balance=0, qualifying=0)
    assert till.balance() == 12
    till.record(tees("r1", "4", 3_990))
    assert (till.balance(), till.standing().qualifying) == (9, 9)


def test_a_claim_of_one_who_was_merged_is_no_conflict(till: Till) -> None:
    know_nobody_yet(till)
    till.know(member("M2", OTHER_CARD, balance=0, qualifying=0))
    till.record(basket(member=None))
    with transaction(till.conn):
        claimed(till.recorder, till.conn, OTHER_CARD, purchase()["receipt"], "2026-11-20 12:00", "c1")
    tell(till, balance=0, qualifying=0)
    with transaction(till.conn):
        again = claimed(till.recorder, till.conn, CARD, purchase()["receipt"], "2026-11-20 12:00", "c2")
    assert "already" in again.notices[0]
    assert till.balance() == 12
