"""The end of an authorisation, by the clocks of the till."""

from __future__ import annotations

import pytest

from loyalty_core.events import RedemptionCancelled
from loyalty_core.messages import Expiring
from loyalty_core.units import Day
from tests.edge.made import at
from tests.edge.redemptions.redeeming_till import HOLD, TODAY, RedeemingTill, refused, rich


def test_an_authorisation_lapses_at_its_time_and_not_before(till: RedeemingTill) -> None:
    outcome = till.authorise(1000)
    till.clock.go_on(HOLD - 1)
    assert till.lapse() == 0
    till.clock.go_on(1)
    with refused("redemption_lapsed"):
        till.commit(outcome)
    assert till.purse().available == 5000
    assert (till.lapse(), till.lapse()) == (1, 0)
    assert till.events()[1:] == [
        RedemptionCancelled("id:M1", till.clock.wall, TODAY, outcome.redemption.redemption_id, "lapsed")
    ]
    with refused("redemption_lapsed"):
        till.commit(outcome)
    assert till.cancel(outcome).redemption.state == "lapsed"


def test_a_cancel_that_comes_too_late_lets_it_lapse(till: RedeemingTill) -> None:
    outcome = till.authorise(1000)
    till.clock.go_on(HOLD)
    assert till.cancel(outcome).redemption.state == "lapsed"
    assert isinstance(till.events()[1], RedemptionCancelled)
    assert till.lapse() == 0


@pytest.mark.parametrize("told", [None, HOLD])
def test_points_that_are_lost_with_the_day_are_spent_before_it_ends(
    till: RedeemingTill, told: int | None
) -> None:
    till.know(rich(expiring=(Expiring(500, TODAY),)))
    till.clock.wall = int(at("2026-12-06 04:59"))
    granted = None if told is None else till.granted(1000, told)
    one, other = till.authorise(1000, granted), till.authorise(1000, granted)
    assert one.redemption.until_ms == at("2026-12-06 05:00")
    till.clock.go_on(59_999)
    assert till.commit(one).redemption.state == "committed"
    till.clock.go_on(1)
    with refused("redemption_lapsed"):
        till.commit(other)
    assert till.lapse() == 1
    assert till.balance() == 4_000, "the points that are lost were the first to be spent"


def test_points_that_are_lost_on_another_day_are_held_as_long_as_any(till: RedeemingTill) -> None:
    till.know(rich(expiring=(Expiring(500, Day(TODAY + 1)),)))
    till.clock.wall = int(at("2026-12-06 04:59"))
    assert till.authorise(1000).redemption.until_ms == till.clock.wall + HOLD


def test_a_commit_in_time_counts_for_ever(till: RedeemingTill) -> None:
    outcome = till.authorise(1000)
    till.clock.go_on(HOLD - 1)
    till.commit(outcome)
    till.clock.go_on(HOLD)
    assert till.lapse() == 0
    assert till.commit(outcome).redemption.state == "committed"


@pytest.mark.parametrize("wall", ["2020-01-01 00:00", "2026-12-04 12:00", "2036-12-05 12:00"])
def test_while_the_machine_is_up_its_wall_clock_does_not_matter(till: RedeemingTill, wall: str) -> None:
    outcome = till.authorise(1000)
    till.clock.wall = int(at(wall))
    till.clock.monotonic += HOLD - 1
    assert till.lapse() == 0
    till.commit(outcome)
    spent = till.events()[1]
    assert spent.occurred_at_ms == max(outcome.redemption.at_ms, int(at(wall)))
    assert till.balance() == 4000


def rebooted(till: RedeemingTill, wall_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(till.clock, "boot_id", lambda: "boot-2")
    till.clock.wall, till.clock.monotonic = wall_ms, 5000


@pytest.mark.parametrize(("after_ms", "open_"), [(0, True), (HOLD - 1, True), (HOLD, False), (-1, False)])
def test_after_a_restart_the_wall_clock_is_asked_and_one_that_went_back_is_not_believed(
    till: RedeemingTill, monkeypatch: pytest.MonkeyPatch, after_ms: int, open_: bool
) -> None:
    outcome = till.authorise(1000)
    rebooted(till, outcome.redemption.at_ms + after_ms, monkeypatch)
    assert till.lapse() == (0 if open_ else 1)
    if open_:
        assert till.commit(outcome).redemption.state == "committed"
    else:
        with refused("redemption_lapsed"):
            till.commit(outcome)


def test_what_lapsed_while_the_clock_was_lost_is_dated_when_it_was_authorised(
    till: RedeemingTill, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = till.authorise(1000)
    rebooted(till, 0, monkeypatch)
    assert till.lapse() == 1
    lapsed = till.events()[1]
    assert (lapsed.occurred_at_ms, lapsed.business_day) == (outcome.redemption.at_ms, TODAY)


def test_without_a_clock_nothing_is_authorised(till: RedeemingTill) -> None:
    till.clock.wall = 0
    with refused("clock_lost"):
        till.authorise(1000)
