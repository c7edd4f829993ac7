"""A card shown before the sale gets the next receipt that names nobody."""

from __future__ import annotations

import pytest

from edge_agent.store.database import transaction
from loyalty_core.events import MemberPresented
from tests.edge.made import CARD, OTHER_CARD, PHONE, at, claimed, day, keyed, member, purchase
from tests.edge.till import Till


def show(till: Till, card: str, when: str) -> None:
    """Let a member show a card, as `POST /v1/presented` does."""
    shown = MemberPresented(None, at(when), day(when[:10]))
    with transaction(till.conn):
        keyed(till.recorder, till.conn, shown, card, f"{card}-{when}", when)


def test_a_shown_card_gets_the_next_receipt_that_names_nobody(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    assert till.points(purchase("1", member=None)) == 12
    assert till.records()[-1].event.member == f"card:{CARD}"
    assert till.points(purchase("2", member=None)) == 0
    assert till.record(purchase("1", member=None)).repeated


def test_two_different_cards_leave_the_receipt_anonymous_and_are_offered(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    show(till, OTHER_CARD, "2026-11-20 10:26")
    outcome = till.record(purchase("1", member=None))
    assert (outcome.account, outcome.redeemable) == (None, 0)
    assert [offer.recorded for offer in outcome.offers] == [f"card:{CARD}", f"card:{OTHER_CARD}"]
    assert outcome.notices == ()
    assert till.record(purchase("2", member=None)).offers == ()


def test_the_same_card_shown_twice_is_one_member(till: Till) -> None:
    till.know(member())
    show(till, CARD, "2026-11-20 10:25")
    show(till, "M1", "2026-11-20 10:26")
    assert till.points(purchase("1", member=None)) == 12
    assert till.points(purchase("2", member=None)) == 0


@pytest.mark.parametrize(
    ("when", "points"),
    [
        ("2026-11-20 10:20", 0),
        ("2026-11-20 10:21", 12),
        ("2026-11-20 10:41", 12),
        ("2026-11-20 10:42", 0),
    ],
)
def test_a_card_pairs_with_the_next_receipt_of_ten_minutes_before_or_after(
    till: Till, when: str, points: int
) -> None:
    show(till, CARD, when)
    assert till.points(purchase(member=None)) == points


def test_the_next_customer_gets_nothing_of_a_card_where_the_clock_of_the_tills_software_is_behind(
    till: Till,
) -> None:
    show(till, CARD, "2026-11-20 10:31")
    assert till.points(purchase("1", member=None, occurred_at="2026-11-20T10:28:00+09:00")) == 12
    assert till.points(purchase("2", member=None, occurred_at="2026-11-20T10:30:30+09:00")) == 0


def test_a_receipt_from_a_queue_leaves_the_card_to_the_next_one(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:30")
    queued = till.record(purchase("1", member=None, occurred_at="2026-11-20T09:31:00+09:00"))
    assert (queued.redeemable, queued.offers, queued.notices) == (0, (), ())
    assert till.points(purchase("2", member=None)) == 12


def test_a_copy_of_an_older_receipt_leaves_the_card_to_the_next_one(till: Till) -> None:
    till.record(purchase("1", member=None))
    show(till, CARD, "2026-11-20 10:30")
    till.record(purchase("1", member=OTHER_CARD))
    assert till.points(purchase("2", member=None)) == 12


def test_a_card_shown_too_long_ago_is_offered_once(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:20")
    outcome = till.record(purchase("1", member=None))
    assert [offer.recorded for offer in outcome.offers] == [f"card:{CARD}"]
    assert "shown too long before" in outcome.notices[0]
    assert till.record(purchase("2", member=None)).offers == ()


@pytest.mark.parametrize("shown", ["2026-11-20 10:20", "2026-11-20 10:30"])
def test_nobody_is_offered_what_somebody_has_claimed_before(till: Till, shown: str) -> None:
    with transaction(till.conn):
        claimed(till.recorder, till.conn, PHONE, purchase()["receipt"], "2026-11-20 10:32", "c1")
    show(till, CARD, shown)
    show(till, OTHER_CARD, shown)
    outcome = till.record(purchase(member=None))
    assert (outcome.redeemable, outcome.offers, outcome.notices) == (12, (), ())


def test_one_card_in_time_and_one_too_long_ago_are_no_question(till: Till) -> None:
    show(till, OTHER_CARD, "2026-11-20 10:20")
    show(till, CARD, "2026-11-20 10:30")
    outcome = till.record(purchase(member=None))
    assert (outcome.redeemable, outcome.offers, outcome.notices) == (12, (), ())
    assert till.balance() == 12


def test_a_receipt_that_names_its_member_uses_up_the_shown_card(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    assert till.points(purchase("1", member=OTHER_CARD)) == 12
    assert till.points(purchase("2", member=None)) == 0
    assert (till.balance(), till.balance(OTHER_CARD)) == (0, 12)


@pytest.mark.parametrize(("when", "points"), [("2026-11-20 10:32", 12), ("2026-11-20 10:33", 0)])
def test_a_file_pairs_a_card_that_was_shown_in_the_minute_to_which_its_time_is_cut(
    till: Till, when: str, points: int
) -> None:
    show(till, CARD, when)
    assert till.record(purchase("1", member=None), "csv").redeemable == points
    assert till.record(purchase("2", member=None), "csv").redeemable == 0


def test_a_file_offers_nothing_of_a_card_that_was_shown_too_long_ago(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:20")
    outcome = till.record(purchase("1", member=None), "csv")
    assert (outcome.redeemable, outcome.offers, outcome.notices) == (0, (), ())
    assert not till.books().cards_wait


def test_a_card_that_waited_too_long_is_forgotten_with_the_next_receipt(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:20")
    till.record(purchase("1", member=None))
    assert not till.books().cards_wait


def test_showing_a_card_moves_no_points(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    assert till.balance() == 0


def test_a_card_that_was_shown_before_its_member_was_known_pairs_with_the_member(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    till.appear(member(balance=0))
    assert till.points(purchase("1", member=None)) == 12
    assert till.balance("M1") == 12
