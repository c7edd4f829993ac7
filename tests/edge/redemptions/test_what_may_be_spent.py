"""Points, rewards and what they cost: what may be spent at this till today."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty_core.events import RedemptionAuthorised
from tests.edge.made import MOONLIGHT, OTHER_CARD, PHONE, programme
from tests.edge.redemptions.conftest import MakeTill
from tests.edge.redemptions.redeeming_till import HOLD, TODAY, RedeemingTill, refused, rich


def test_points_are_set_aside_and_not_yet_spent(till: RedeemingTill) -> None:
    outcome = till.authorise(1500)
    one = outcome.redemption
    assert (one.state, one.points, one.value_minor, one.allowance) == ("authorised", 1500, 1500, 1500)
    assert one.until_ms == till.clock.wall + HOLD
    assert till.events() == [
        RedemptionAuthorised(
            "id:M1", till.clock.wall, TODAY, one.redemption_id, 1500, 1500, "", "", 1500, one.until_ms
        )
    ]
    assert till.balance() == 5000
    assert till.purse().available == 3500


def test_a_reward_costs_its_points_whatever_the_minimum(till: RedeemingTill) -> None:
    one = till.authorise(reward="range-hour").redemption
    assert (one.points, one.value_minor, one.reward) == (800, 0, "range-hour")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"points": 900}, "points_below_minimum"),
        ({"points": 0}, "points_below_minimum"),
        ({"points": -1000}, "points_below_minimum"),
        ({"points": 1050}, "points_off_step"),
        ({"points": 5100}, "points_missing"),
        ({"reward": "nothing-such"}, "reward_unknown"),
        ({"reward": "round-voucher"}, "reward_other_tier"),
        ({"points": 1000, "member": OTHER_CARD}, "member_unknown"),
        ({"points": 1000, "member": PHONE}, "member_unknown"),
        ({"points": 1000, "member": "***"}, "member_unreadable"),
    ],
)
def test_what_cannot_be_is_refused_before_anybody_is_asked(
    till: RedeemingTill, asked: dict[str, Any], expected: str
) -> None:
    with refused(expected):
        till.authorise(told=till.granted(10_000), **asked)
    assert till.events() == []


REWARDS = (
    MOONLIGHT
    + """
[[reward]]
id = "autumn"
points = 1000
until_date = 2026-12-04
[[reward]]
id = "spring"
points = 1000
from_date = 2026-12-06
[[reward]]
id = "today"
points = 1000
from_date = 2026-12-05
until_date = 2026-12-05
[[reward]]
id = "elsewhere"
points = 1000
stores = ["S099"]
[[reward]]
id = "dear"
points = 5001
"""
)


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        ("autumn", "reward_not_today"),
        ("spring", "reward_not_today"),
        ("elsewhere", "reward_other_store"),
        ("dear", "points_missing"),
    ],
)
def test_a_reward_is_given_on_its_days_in_its_stores(make_till: MakeTill, reward: str, expected: str) -> None:
    till = make_till(programme(text=REWARDS))
    with refused(expected):
        till.authorise(reward=reward)
    assert till.authorise(reward="today").redemption.points == 1000


def test_a_look_up_names_the_rewards_that_the_points_buy_here_today(make_till: MakeTill) -> None:
    till = make_till(programme(text=REWARDS))
    assert [one.id for one in till.purse().rewards] == ["range-hour", "today"]
    till.know(rich(tier="GOLD"))
    assert [one.id for one in till.purse().rewards] == ["range-hour", "round-voucher", "today"]
    till.know(rich(balance=999))
    assert [one.id for one in till.purse().rewards] == ["range-hour"]


def test_where_points_pay_for_nothing_rewards_may_still_be_chosen(make_till: MakeTill) -> None:
    text = MOONLIGHT.replace(
        "[redeem]\nminimum = 1000\nstep = 100\nminor_per_point = 1\noffline_points = 3000\n", ""
    )
    assert text != MOONLIGHT
    till = make_till(programme(text=text))
    with refused("redemption_off"):
        till.authorise(1000)
    assert till.authorise(reward="range-hour", told=till.granted(800)).redemption.points == 800


def test_before_any_programme_holds_nothing_is_spent(make_till: MakeTill) -> None:
    till = make_till(programme(text=MOONLIGHT.replace("2026-07-01", "2026-12-06")))
    with refused("programme_missing"):
        till.authorise(1000)
    assert till.purse().rewards == ()


def test_what_is_under_way_anywhere_cannot_be_spent_again(till: RedeemingTill) -> None:
    till.know(rich(held=1000))
    assert till.purse().available == 4000
    till.authorise(2000, told=till.granted(2000))
    assert till.purse().available == 2000
    with refused("points_missing"):
        till.authorise(2100, told=till.granted(2100))
    assert till.authorise(2000).redemption.points == 2000
