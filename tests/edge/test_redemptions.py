"""Redemptions at the till: what may be spent, with headquarters and without, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config import Redemptions
from edge_agent.store import redemptions
from edge_agent.store.database import transaction
from edge_agent.store.integrity import verify
from edge_agent.sync.questions import Told
from loyalty_core.events import CouponUsed, RedemptionAuthorised, RedemptionCancelled, RedemptionCommitted
from tests.edge.made import (
    CARD,
    MOONLIGHT,
    OTHER_CARD,
    PHONE,
    at,
    day,
    member,
    programme,
    purchase,
    stamp,
    void,
)
from tests.edge.redeeming_till import HOLD, MINUTES, RedeemingTill, code, coupon_of, receipt, refused, rich

MakeTill = Callable[..., RedeemingTill]
TODAY = day("2026-12-05")


@pytest.fixture
def make_till(tmp_path: Path) -> Iterator[MakeTill]:
    """Return what makes a till that knows a rich member; each is closed at the end."""
    tills: list[RedeemingTill] = []

    def make(*envelopes: bytes, **config: object) -> RedeemingTill:
        folder = tmp_path / f"till{len(tills)}"
        folder.mkdir()
        tills.append(RedeemingTill(folder, *envelopes, **config))  # type: ignore[arg-type]
        tills[-1].know(rich())
        return tills[-1]

    yield make
    for till in tills:
        till.close()


@pytest.fixture
def till(make_till: MakeTill) -> RedeemingTill:
    """Return a till that knows a member with 5,000 points."""
    return make_till()


# What may be spent


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


# With headquarters, and without


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


# The same request again


def test_the_same_request_again_is_answered_again(till: RedeemingTill) -> None:
    first = till.authorise(1000, key="a")
    again = till.authorise(1000, key="a")
    assert (first.repeated, again.repeated) == (False, True)
    assert again.redemption == first.redemption
    till.commit(first)
    assert till.authorise(1000, key="a").redemption.state == "committed"
    assert len(till.events()) == 2


def test_a_key_is_one_request_whatever_it_asks_for(till: RedeemingTill) -> None:
    till.authorise(1000, key="a")
    with refused("idempotency_conflict"):
        till.authorise(1100, key="a")
    with refused("idempotency_conflict"):
        till.authorise(reward="range-hour", key="a")
    assert len(till.events()) == 1


def test_what_was_refused_may_be_asked_again_under_its_key(till: RedeemingTill) -> None:
    with refused("points_missing"):
        till.authorise(1000, key="a", told=Told(code="points_missing"))
    assert till.authorise(1000, key="a").repeated is False


# Commit and cancel


def test_a_commit_spends_the_points_once(till: RedeemingTill) -> None:
    outcome = till.authorise(1500)
    till.clock.go_on(MINUTES)
    first, again = till.commit(outcome), till.commit(outcome)
    assert (first.repeated, again.repeated) == (False, True)
    assert (first.redemption.state, again.redemption.state) == ("committed", "committed")
    assert till.events()[1:] == [
        RedemptionCommitted(
            "id:M1", till.clock.wall, TODAY, outcome.redemption.redemption_id, 1500, 1500, "", None
        )
    ]
    assert till.balance() == 3500
    assert till.purse().available == 3500
    assert verify(till.conn) is None


def test_a_redemption_pays_for_the_receipt_that_was_named_last(till: RedeemingTill) -> None:
    first = till.authorise(1000, receipt=receipt("1"))
    assert till.commit(first).redemption.receipt == receipt("1")
    second = till.authorise(1000, receipt=receipt("1"))
    assert till.commit(second, receipt("2")).redemption.receipt == receipt("2")
    paid = [event.receipt for event in till.events() if isinstance(event, RedemptionCommitted)]
    assert paid == [receipt("1"), receipt("2")]
    assert till.commit(second, receipt("2")).repeated
    with refused("receipt_conflict"):
        till.commit(second, receipt("3"))


def test_what_was_cancelled_is_over(till: RedeemingTill) -> None:
    outcome = till.authorise(1500)
    first, again = till.cancel(outcome), till.cancel(outcome)
    assert (first.redemption.state, first.repeated, again.repeated) == ("cancelled", False, True)
    assert till.events()[1:] == [
        RedemptionCancelled("id:M1", till.clock.wall, TODAY, outcome.redemption.redemption_id, "cancelled")
    ]
    with refused("redemption_cancelled"):
        till.commit(outcome)
    assert till.balance() == 5000
    assert till.purse().available == 5000


def test_what_was_committed_cannot_be_cancelled(till: RedeemingTill) -> None:
    outcome = till.authorise(1500)
    till.commit(outcome)
    with refused("redemption_committed"):
        till.cancel(outcome)
    assert till.balance() == 3500


def test_another_tills_redemption_is_not_known(till: RedeemingTill, make_till: MakeTill) -> None:
    elsewhere = make_till().authorise(1000)
    with refused("redemption_unknown"):
        till.commit(elsewhere)
    with refused("redemption_unknown"):
        till.cancel(elsewhere)


def test_no_more_are_open_than_there_may_be(make_till: MakeTill) -> None:
    till = make_till(redemptions=Redemptions(open_max=2))
    till.know(rich(balance=9000, allowance=9000))
    first = till.authorise(1000)
    till.authorise(1000)
    with refused("redemptions_full"):
        till.authorise(1000)
    till.commit(first)
    till.authorise(1000)
    till.clock.go_on(HOLD)
    till.authorise(1000)
    assert redemptions.count_authorised(till.conn) == 1


# What gives points back


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


def test_points_come_back_where_the_commit_came_after_the_void(till: RedeemingTill) -> None:
    till.record(sold())
    till.record(voided())
    till.commit(till.authorise(1000), receipt())
    assert till.balance() == 5000


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


# The end of an authorisation


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


# Coupons


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
        (code(key=bytes(reversed(range(32)))), "coupon_forged"),
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


# Members who turn out to be one


def test_a_redemption_follows_its_member_into_another(till: RedeemingTill) -> None:
    outcome = till.authorise(1000)
    with transaction(till.conn):
        redemptions.merge(till.conn, "id:M1", "id:M7")
    row = rich(member_id="M7", card=CARD, look_ups=rich().look_ups)
    till.know(member("M1", gone=True))
    till.know(row)
    assert till.redeeming.spendable.available(till.conn, till.books(), "id:M7", 5000) == 4000
    till.commit(outcome)
    assert till.events()[1].member == "id:M1"
    assert till.balance() == 4000


def test_a_table_that_names_what_the_journal_does_not_have_is_found(till: RedeemingTill) -> None:
    till.authorise(1000)
    assert verify(till.conn) is None
    till.conn.execute("UPDATE redemption SET seq = 7")
    fault = verify(till.conn)
    assert fault is not None
    assert (fault.code, fault.seq) == ("reference_broken", 7)
