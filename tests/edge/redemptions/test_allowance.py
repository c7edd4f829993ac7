"""What may be spent with headquarters, and how far the till goes without it."""

from __future__ import annotations

import pytest

from edge_agent.sync.questions import Told
from loyalty_core.events import RedemptionAuthorised, RedemptionCancelled
from tests.edge.made import MOONLIGHT, programme, purchase, stamp
from tests.edge.redemptions.conftest import MakeTill
from tests.edge.redemptions.redeeming_till import HOLD, MINUTES, RedeemingTill, refused, rich


def test_what_headquarters_holds_uses_no_allowance(till: RedeemingTill) -> None:
    one = till.authorise(4000, told=till.granted(4000)).redemption
    assert (one.points, one.allowance) == (4000, 0)


def test_a_hold_lasts_as_long_as_headquarters_says_whatever_the_clocks(till: RedeemingTill) -> None:
    outcome = till.authorise(1000, told=till.granted(1000, for_ms=3 * MINUTES))
    assert outcome.redemption.until_ms == till.clock.wall + 3 * MINUTES
    till.clock.go_on(3 * MINUTES)
    with refused("redemption_lapsed"):
        till.commit(outcome)


@pytest.mark.parametrize("reason", ["points_missing", "redemption_off", "terminal_revoked", "new_reason"])
def test_what_headquarters_refuses_is_refused_although_the_allowance_would_do(
    till: RedeemingTill, reason: str
) -> None:
    with refused(reason):
        till.authorise(1000, told=Told(code=reason))
    assert till.events() == []


def test_without_headquarters_the_allowance_is_the_limit_and_is_said(till: RedeemingTill) -> None:
    first = till.authorise(2000)
    with refused("allowance_exceeded") as error:
        till.authorise(1100)
    assert "1000 more points" in str(error.value)
    till.commit(first)
    with refused("allowance_exceeded"):
        till.authorise(1100)
    till.commit(till.authorise(1000))
    with refused("allowance_exceeded"):
        till.authorise(1000)
    assert till.authorise(1000, told=till.granted(1000)).redemption.allowance == 0


def test_a_newer_programme_that_trusts_tills_with_less_counts_at_once(make_till: MakeTill) -> None:
    till = make_till(programme(text=MOONLIGHT.replace("offline_points = 3000", "offline_points = 1000")))
    assert till.authorise(1000).redemption.allowance == 1000
    with refused("allowance_exceeded"):
        till.authorise(1000)


def test_allowance_comes_back_where_nothing_was_spent(till: RedeemingTill) -> None:
    till.cancel(till.authorise(3000))
    till.authorise(3000)
    till.clock.go_on(HOLD)
    till.authorise(3000)
    assert [type(event) for event in till.events()] == [
        RedemptionAuthorised,
        RedemptionCancelled,
        RedemptionAuthorised,
        RedemptionCancelled,
        RedemptionAuthorised,
    ]


def test_allowance_is_used_until_a_row_comes_that_covers_the_commit(till: RedeemingTill) -> None:
    till.commit(till.authorise(3000))
    till.know(rich(stamp=stamp(1)))
    with refused("allowance_exceeded"):
        till.authorise(1000)
    till.know(rich(balance=2000, allowance=2000, stamp=stamp(2)))
    assert till.balance() == 2000
    assert till.authorise(2000).redemption.allowance == 2000


def test_without_headquarters_no_more_is_spent_than_the_balance_shown(till: RedeemingTill) -> None:
    till.know(rich(balance=900))
    with refused("points_missing"):
        till.authorise(1000)
    for number in range(9):
        till.record(purchase(str(number)))
    assert till.balance() == 900 + 9 * 12
    assert till.authorise(1000).redemption.points == 1000
