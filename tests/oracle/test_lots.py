"""The oracle on redemptions, lots and expiry: the fine print of `design/domain.md`."""

from __future__ import annotations

import pytest

from loyalty_core.events import ReceiptKey
from loyalty_core.units import MinorUnits
from tests.oracle.tale import Tale, day, earn, programme

A_WON = programme(earns=(earn(1, per=MinorUnits(1)),), weights=(), expiry_after_periods=1)
DAYS = {"h1": "2025-03-01", "h2": "2025-09-01", "h3": "2026-03-01"}


def earned(**points: int) -> Tale:
    """Return a tale of purchases that earned so many points in 2025 (h1, h2), 2026 (h3, h4) or 2027 (h5)."""
    days = {
        "h1": "2025-03-01",
        "h2": "2025-09-01",
        "h3": "2026-03-01",
        "h4": "2026-09-01",
        "h5": "2027-03-01",
    }
    tale = Tale(A_WON)
    for period, net in points.items():
        tale.buy(f"{days[period]} 10:00", net, number=period)
    return tale


def key(period: str) -> ReceiptKey:
    """Return the key of the purchase of a period in `earned`."""
    return Tale().key(period, DAYS[period])


def lots(tale: Tale, through: str) -> tuple[dict[str, int], int]:
    """Return what is left of each lot, and the balance."""
    account = tale.account(through=day(through))
    return dict(account.lots), account.balance


@pytest.mark.parametrize(("through", "left"), [("2025-12-31", 100), ("2026-01-01", 0)])
def test_a_lot_expires_after_the_last_day_of_the_nth_period_after_its_own(through: str, left: int) -> None:
    tale = earned(h1=100)
    assert lots(tale, through) == ({"2025-H1": left} if left else {}, left)
    expiries = [one for one in tale.account(through=day(through)).entries if one.kind == "expiry"]
    assert [(one.event, one.day, one.period) for one in expiries] == (
        [] if left else [(None, day("2026-01-01"), "2025-H1")]
    )


def test_without_expiry_points_stay_and_the_version_of_the_periods_last_day_says() -> None:
    never = programme(
        version=8, effective_from=day("2025-06-30"), earns=A_WON.earns, expiry_after_periods=None
    )
    tale = Tale(A_WON, never)
    tale.buy("2025-03-01 10:00", 100)
    assert lots(tale, "2035-01-01") == ({"2025-H1": 100}, 100)


def test_redemptions_take_the_oldest_unexpired_lot_first_by_day() -> None:
    tale = earned(h1=100, h2=100)
    tale.redeem("2025-12-31 10:00", 130)
    assert lots(tale, "2025-12-31") == ({"2025-H2": 70}, 70)
    late = earned(h1=100, h2=100)
    late.redeem("2026-01-01 10:00", 30)
    assert lots(late, "2026-01-01") == ({"2025-H2": 70}, 70)


def test_a_redemption_moves_redeemable_points_of_the_member_that_it_names_on_its_own_day() -> None:
    tale = earned(h1=100)
    event = tale.redeem("2025-07-01 10:00", 30)
    tale.redeem("2025-07-01 10:00", 30, m="stranger", redemption="r2")
    entries = tale.account(through=0).entries
    assert entries["redemption", event, "", day("2025-07-01"), "2025-H2"] == (-30, 0)  # type: ignore[index]
    assert (len(entries), tale.conflicts()) == (2, set())


def test_a_redemption_counts_once_the_first_in_canonical_order() -> None:
    tale = earned(h1=100)
    tale.redeem("2025-07-02 10:00", 40)
    tale.redeem("2025-07-01 10:00", 30)
    assert lots(tale, "2025-07-02") == ({"2025-H1": 70}, 70)
    assert tale.conflicts() == {("redemption_twice", 2)}


def test_what_is_spent_on_a_purchase_that_is_void_already_is_a_conflict() -> None:
    tale = earned(h1=100)
    tale.redeem("2025-09-01 10:00", 10, redemption="r1", of=key("h1"))
    tale.void("2025-10-01 10:00", key("h1"))
    late = tale.redeem("2025-11-01 10:00", 10, redemption="r2", of=key("h1"))
    assert tale.conflicts() == {("redemption_void", late.seq)}


def test_a_coupon_used_for_two_redemptions_is_a_conflict() -> None:
    tale = Tale()
    tale.coupon("2026-07-02 10:00", "c1", "r1")
    tale.coupon("2026-07-01 10:00", "c1", "r2", till="T2")
    tale.coupon("2026-07-01 11:00", "c1", "r2")
    tale.coupon("2026-07-01 12:00", "c2", "r3")
    assert tale.conflicts() == {("coupon_used_twice", 1)}


def test_a_lot_is_derived_as_if_a_returned_part_had_never_been_earned() -> None:
    tale = earned(h1=100, h2=100)
    tale.redeem("2025-10-01 10:00", 100)
    tale.bring_back("2026-02-01 10:00", key("h1"), 60)
    assert lots(tale, "2026-02-01") == ({"2025-H2": 40}, 40)
    assert [one for one in tale.account(through=day("2026-02-01")).entries if one.kind == "expiry"] == []


def test_the_next_points_fill_a_debt() -> None:
    tale = earned(h1=100)
    tale.redeem("2025-04-01 10:00", 130)
    assert lots(tale, "2025-06-30") == ({}, -30)
    tale.buy("2025-07-05 10:00", 50)
    assert lots(tale, "2025-07-05") == ({"2025-H2": 20}, 20)


def test_what_more_is_taken_than_a_period_earned_is_a_debt_too() -> None:
    tale = earned(h2=100)
    tale.adjust("2025-03-01", -40)
    assert lots(tale, "2025-12-31") == ({"2025-H2": 60}, 60)


def test_points_of_a_purchase_that_was_wholly_returned_come_back_once_into_their_lots() -> None:
    tale = earned(h1=100, h2=100)
    paid = tale.buy("2025-12-01 10:00", 0, number="paid")
    tale.redeem("2025-12-01 10:00", 130, of=tale.key("paid", "2025-12-01"))
    assert (tale.redeemable(paid), lots(tale, "2025-12-31")) == (0, ({"2025-H2": 70}, 70))
    void = tale.void("2025-12-02 10:00", tale.key("paid", "2025-12-01"))
    tale.void("2025-12-03 10:00", tale.key("paid", "2025-12-01"), number="V2")
    assert tale.redeemable(void) == 130
    assert lots(tale, "2025-12-31") == ({"2025-H1": 100, "2025-H2": 100}, 200)


def test_points_stay_spent_while_something_remains_or_the_purchase_is_unknown() -> None:
    tale = earned(h1=100, h2=100)
    tale.redeem("2025-12-01 10:00", 30, of=key("h2"))
    tale.redeem("2025-12-01 11:00", 20, of=key("h3"), redemption="r2")
    tale.redeem("2025-12-01 12:00", 10, redemption="r3")
    tale.bring_back("2025-12-02 10:00", key("h2"), 99)
    assert lots(tale, "2025-12-31") == ({"2025-H1": 40, "2025-H2": 1}, 41)


def test_points_rolled_back_into_an_expired_lot_expire_with_it() -> None:
    tale = earned(h1=100, h2=50)
    tale.redeem("2025-12-01 10:00", 30, of=key("h2"))
    back = tale.void("2026-02-01 10:00", key("h2"))
    assert lots(tale, "2026-02-01") == ({}, 0)
    moved = {one.kind: points for one, points in tale.account(through=day("2026-02-01")).entries.items()}
    assert moved["expiry"] == (-100, 0)
    assert (tale.redeemable(back), moved["redeem_rollback"]) == (-20, (30, 0))


def test_a_debt_that_comes_back_is_no_debt_and_what_filled_it_is_free_again() -> None:
    tale = earned(h1=100, h3=100)
    tale.redeem("2025-04-01 10:00", 130, of=key("h2"))
    tale.buy("2025-09-01 10:00", 20, number="h2")
    assert lots(tale, "2026-06-30") == ({"2026-H1": 90}, 90)
    tale.void("2026-04-01 10:00", key("h2"))
    assert lots(tale, "2025-06-30")[0] == {"2025-H1": 100, "2026-H1": 100}
    assert lots(tale, "2026-06-30") == ({"2026-H1": 100}, 100)


def test_points_that_come_back_fill_debts() -> None:
    tale = earned(h1=100, h2=50)
    tale.redeem("2025-02-01 10:00", 100, of=tale.key("paid", "2025-04-01"))
    tale.buy("2025-04-01 10:00", 0, number="paid")
    tale.redeem("2025-04-02 10:00", 30, redemption="r2")
    tale.void("2025-06-01 10:00", tale.key("paid", "2025-04-01"))
    assert lots(tale, "2025-12-31") == ({"2025-H1": 70, "2025-H2": 50}, 120)


def test_a_late_redemption_restores_what_had_expired() -> None:
    tale = earned(h1=100)
    assert tale.account(through=day("2026-01-01")).balance == 0
    tale.redeem("2025-12-31 10:00", 30)
    account = tale.account(through=day("2026-01-01"))
    assert {one.kind: points.redeemable for one, points in account.entries.items()} == {
        "earn": 100,
        "redemption": -30,
        "expiry": -70,
    }


def test_one_redemption_that_comes_back_leaves_the_others_spent() -> None:
    tale = earned(h1=100, h2=50)
    tale.redeem("2025-03-02 10:00", 100, redemption="r2")
    tale.redeem("2025-12-01 10:00", 20, of=key("h2"))
    tale.void("2025-12-02 10:00", key("h2"))
    tale.buy("2025-12-03 10:00", 70, number="later")
    assert lots(tale, "2025-12-31") == ({"2025-H2": 70}, 70)


def test_points_never_come_back_before_they_were_spent() -> None:
    tale = earned(h1=100, h2=50)
    back = tale.void("2025-09-02 10:00", key("h2"))
    tale.redeem("2025-12-01 10:00", 30, of=key("h2"))
    assert lots(tale, "2025-12-31") == ({"2025-H1": 100}, 100)
    assert tale.redeemable(back) == 30 - 50
