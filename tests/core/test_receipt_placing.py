"""Facts whose clock stood wrong, dated where headquarters placed them."""

from __future__ import annotations

import msgspec
import pytest

from loyalty_core.events import Fact
from loyalty_core.receipts import item_of
from loyalty_core.resolved import Resolved
from loyalty_core.units import Minute
from tests.core.made import FRIDAY, SEOUL, at, day, placed, purchase, redeemed, returned, visit, void
from tests.core.receipt_folding import BALL, GLOVE, assert_order_does_not_matter, fold, resolved


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


def test_a_placed_redemption_is_spent_on_its_placed_date() -> None:
    spent = redeemed(2)
    (one,) = fold(spent, placed(1, spent, "2026-11-25 10:00")).spent
    assert one.resolved.business_day == day("2026-11-25")
