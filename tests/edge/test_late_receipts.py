"""Receipts that come late in their day, and what they move of others and of what is posted."""

from __future__ import annotations

from edge_agent.store import programmes
from edge_agent.store.database import transaction
from loyalty_core.lookups import hashed
from tests.edge.made import CARD, MOONLIGHT, OTHER_CARD, STORE_KEY, member, programme, purchase, stamp, visit
from tests.edge.till import Till


def test_a_late_visit_earlier_in_the_day_takes_over_the_points_of_the_one_that_came_first(till: Till) -> None:
    assert till.points(visit("v2", "2026-11-24 12:30")) == 10
    assert till.points(visit("v1", "2026-11-24 10:00")) == 15
    assert till.balance() == 15
    assert till.record(visit("v2", "2026-11-24 12:30")).redeemable == 0


def test_what_a_late_receipt_moves_of_a_posted_one_still_counts_above_the_stamp(till: Till) -> None:
    till.know(member(balance=0))
    till.record(visit("v2", "2026-11-24 12:30"))
    till.know(member(balance=10, stamp=stamp(1)))
    assert till.balance() == 10
    till.record(visit("v1", "2026-11-24 10:00"))
    assert till.balance() == 15


def test_what_headquarters_gave_by_newer_rules_is_not_taken_for_a_change_of_ours(till: Till) -> None:
    till.know(member(balance=0))
    till.record(visit("v1", "2026-11-24 12:30"))
    with transaction(till.conn):
        programmes.put(till.conn, 8, programme(8, MOONLIGHT.replace("points = 10\n", "points = 20\n")))
    till.know(member(balance=20, qualifying=20, stamp=stamp(1)))
    till.record(purchase("1", on="2026-11-24"))
    assert (till.balance(), till.standing().qualifying) == (32, 32)


def test_a_day_that_headquarters_put_together_is_not_put_together_again(till: Till) -> None:
    till.record(visit("v1", "2026-11-24 12:30"))
    till.record(visit("v2", "2026-11-24 12:40", member=OTHER_CARD))
    both = tuple(hashed(form, STORE_KEY) for form in ("id:M1", f"card:{CARD}", f"card:{OTHER_CARD}"))
    till.appear(member(balance=10, qualifying=10, stamp=stamp(2), look_ups=both))
    till.record(purchase("1", on="2026-11-24"))
    assert till.balance() == 22
