"""Voids and returns that give back the points spent on their receipt."""

from __future__ import annotations

from typing import Any

from tests.edge.made import purchase, void
from tests.edge.redemptions.redeeming_till import RedeemingTill, code, receipt, refused


def sold(number: str = "1", **changed: Any) -> dict[str, Any]:
    """Return a purchase of today, by nobody."""
    return purchase(number, on="2026-12-05", member=None, **changed)


def voided(number: str = "1") -> dict[str, Any]:
    original = sold(number)["receipt"]
    back = void("v" + number, occurred_at="2026-12-05T11:00:00+09:00", original=original)
    return back | {"receipt": original | {"number": "v" + number}}


def brought_back(quantity: str, net_minor: int, number: str = "1") -> dict[str, Any]:
    """Return the return of so many of the two pieces of a purchase."""
    original = sold(number)["receipt"]
    return {
        "kind": "return",
        "receipt": original | {"number": f"r{quantity}"},
        "original": original,
        "occurred_at": "2026-12-05T11:30:00+09:00",
        "net_minor": net_minor,
        "lines": [{"number": 1, "sku": "A", "quantity": quantity, "net_minor": net_minor}],
    }


TWO_PIECES: dict[str, Any] = {"lines": [{"number": 1, "sku": "A", "quantity": "2", "net_minor": 12990}]}


def test_a_void_of_what_was_paid_gives_the_points_back_once(till: RedeemingTill) -> None:
    till.record(sold())
    till.commit(till.authorise(1000), receipt())
    assert till.balance() == 4000
    till.record(voided())
    assert till.balance() == 5000
    till.record(voided())
    assert till.balance() == 5000


def test_points_come_back_where_the_receipt_came_after_the_commit(till: RedeemingTill) -> None:
    till.commit(till.authorise(1000), receipt())
    till.record(sold())
    assert till.balance() == 4000
    till.record(voided())
    assert till.balance() == 5000


def test_a_receipt_of_which_nothing_is_left_is_not_paid_for(till: RedeemingTill) -> None:
    till.record(sold("1", **TWO_PIECES))
    till.record(brought_back("1", 6495))
    first, second = till.authorise(1000), till.authorise(1000, receipt=receipt("1"))
    assert till.commit(first, receipt("1")).redemption.state == "committed"
    till.record(brought_back("1.0", 6495))
    with refused("receipt_taken_back"):
        till.commit(second)
    till.record(sold("2"))
    till.record(voided("2"))
    with refused("receipt_taken_back"):
        till.commit(second, receipt("2"))
    assert till.balance() == 5000, "what was refused is still set aside, and nothing of it is spent"
    assert till.commit(first, receipt("1")).repeated
    till.record(sold("3"))
    till.commit(second, receipt("3"))
    assert till.balance() == 4000


def test_a_coupon_is_not_used_on_what_is_void(till: RedeemingTill) -> None:
    till.record(sold())
    till.record(voided())
    outcome = till.authorise(member=None, coupon=code())
    with refused("receipt_taken_back"):
        till.commit(outcome, receipt())
    assert till.cancel(outcome).redemption.state == "cancelled"


def test_only_the_return_of_the_last_piece_gives_the_points_back(till: RedeemingTill) -> None:
    till.record(sold(**TWO_PIECES))
    till.commit(till.authorise(1000), receipt())
    till.record(brought_back("1", 6495))
    assert till.balance() == 4000
    till.record(brought_back("1.0", 6495))
    assert till.balance() == 5000


def test_a_void_of_the_members_own_purchase_takes_its_points_and_gives_back_what_was_spent(
    till: RedeemingTill,
) -> None:
    till.record(purchase("1", on="2026-12-05"))
    till.commit(till.authorise(1000), receipt())
    assert till.balance() == 5000 + 24 - 1000
    till.record(voided())
    assert till.balance() == 5000


def test_a_void_of_another_receipt_gives_nothing_back(till: RedeemingTill) -> None:
    till.record(sold("1"))
    till.record(sold("2"))
    till.commit(till.authorise(1000), receipt("1"))
    till.record(voided("2"))
    assert till.balance() == 4000
