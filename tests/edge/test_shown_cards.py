"""A card shown before the sale gets the next receipt that names nobody."""

from __future__ import annotations

import pytest

from edge_agent.store import presented
from edge_agent.store.database import transaction
from loyalty_core.events import MemberPresented
from loyalty_core.lookups import hashed
from tests.edge.made import CARD, OTHER_CARD, STORE_KEY, at, day, keyed, member, purchase
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
    assert outcome.offers == (hashed(f"card:{CARD}", STORE_KEY), hashed(f"card:{OTHER_CARD}", STORE_KEY))
    assert till.record(purchase("2", member=None)).offers == ()


def test_the_same_card_shown_twice_is_one_member(till: Till) -> None:
    till.know(member())
    show(till, CARD, "2026-11-20 10:25")
    show(till, "M1", "2026-11-20 10:26")
    assert till.points(purchase("1", member=None)) == 12
    assert till.points(purchase("2", member=None)) == 0


@pytest.mark.parametrize(("when", "points"), [("2026-11-20 10:21", 12), ("2026-11-20 10:20", 0)])
def test_a_card_waits_ten_minutes(till: Till, when: str, points: int) -> None:
    show(till, CARD, when)
    assert till.points(purchase(member=None)) == points


def test_a_receipt_that_names_its_member_uses_up_the_shown_card(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    assert till.points(purchase("1", member=OTHER_CARD)) == 12
    assert till.points(purchase("2", member=None)) == 0


@pytest.mark.parametrize(("when", "points"), [("2026-11-20 10:32", 12), ("2026-11-20 10:33", 0)])
def test_a_card_shown_in_the_minute_to_which_the_receipts_time_is_cut_still_pairs(
    till: Till, when: str, points: int
) -> None:
    show(till, CARD, when)
    assert till.points(purchase(member=None)) == points


def test_a_card_that_waited_too_long_is_forgotten_with_the_next_receipt(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:20")
    till.record(purchase("1", member=None))
    assert not presented.any_wait(till.conn)


def test_showing_a_card_moves_no_points(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    assert till.balance() == 0
