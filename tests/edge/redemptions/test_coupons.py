"""Coupons: used once, on their days, by the member they were issued to."""

from __future__ import annotations

import pytest

from loyalty_core.events import CouponUsed
from tests.edge.redemptions.redeeming_till import (
    HOLD,
    TODAY,
    RedeemingTill,
    code,
    coupon_of,
    receipt,
    refused,
    rich,
)


def test_a_coupon_is_used_once_and_moves_no_points(till: RedeemingTill) -> None:
    outcome = till.authorise(coupon=code(), member=None)
    one = outcome.redemption
    assert (one.points, one.value_minor, one.coupon, one.allowance) == (0, 2000, "C1", 0)
    with refused("coupon_used"):
        till.authorise(coupon=code(), member=None)
    till.commit(outcome, receipt())
    assert till.events()[1:] == [
        CouponUsed("id:M1", till.clock.wall, TODAY, "C1", one.redemption_id, receipt())
    ]
    with refused("coupon_used"):
        till.authorise(coupon=code())
    assert till.balance() == 5000
    assert till.commit(outcome).repeated


def test_a_coupon_that_was_let_go_may_be_used_again(till: RedeemingTill) -> None:
    till.cancel(till.authorise(coupon=code()))
    till.authorise(coupon=code())
    till.clock.go_on(HOLD)
    assert till.commit(till.authorise(coupon=code())).redemption.state == "committed"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (code(days=("2026-12-06", "2026-12-31")), "coupon_not_yet"),
        (code(days=("2026-12-01", "2026-12-04")), "coupon_expired"),
        (code(member_id="M2"), "coupon_other_member"),
        (code(key=bytes(reversed(range(32)))), "coupon_key_unknown"),
        (code()[:-8] + "AAAAAAAA", "coupon_forged"),
        (code()[:40], "coupon_unreadable"),
        ("", "coupon_unreadable"),
        ("2000123456782", "coupon_unreadable"),
        ("쿠폰", "coupon_unreadable"),
        ("A" * 100_000, "coupon_unreadable"),
    ],
)
def test_a_coupon_that_is_not_good_here_today_is_refused(
    till: RedeemingTill, shown: str, expected: str
) -> None:
    with refused(expected):
        till.authorise(coupon=shown)
    assert till.events() == []


@pytest.mark.parametrize("days", [("2026-12-05", "2026-12-31"), ("2026-12-01", "2026-12-05")])
def test_a_coupon_is_good_on_its_first_and_last_day(till: RedeemingTill, days: tuple[str, str]) -> None:
    assert till.authorise(coupon=code(days=days)).redemption.coupon == "C1"


def test_a_coupon_needs_no_look_up_and_its_member_need_not_be_known_here(till: RedeemingTill) -> None:
    outcome = till.authorise(coupon=code(member_id="M9"), member=None)
    till.commit(outcome)
    assert till.events()[1].member == "id:M9"


def test_a_code_may_be_scanned_with_padding_and_spaces(till: RedeemingTill) -> None:
    spaced = " " + code()[:30] + "\n" + code()[30:] + "=="
    assert till.authorise(coupon=spaced).redemption.coupon == "C1"


def test_a_look_up_names_the_coupons_that_may_be_used_here_today(till: RedeemingTill) -> None:
    late = coupon_of("C2", days=("2026-12-06", "2026-12-31"))
    forged = coupon_of("C3", key=bytes(reversed(range(32))))
    till.know(rich(coupons=(coupon_of(), late, forged, b"nonsense", coupon_of("C4"))))
    usable = till.purse().coupons
    assert [one.coupon.coupon_id for one in usable] == ["C1", "C4"]
    outcome = till.authorise(coupon=usable[0].code)
    assert [one.coupon.coupon_id for one in till.purse().coupons] == ["C4"]
    till.commit(outcome)
    assert [one.coupon.coupon_id for one in till.purse().coupons] == ["C4"]
