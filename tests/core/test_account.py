"""The account: sums of entries, redemptions with their way back, and adjustments."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest

from loyalty_core.account import Totals, account_entries, credit_of, fold_account, redemptions, spendings
from loyalty_core.accrual import derive_day
from loyalty_core.entries import EntryKind, PointEntry, Step, diff
from loyalty_core.lots import Spending
from loyalty_core.resolved import Item, Resolved, Takeback
from loyalty_core.units import Day, Minute
from tests.core.days import bought, rules, standing, taken_back, total, visited
from tests.core.made import at, day, event_id
from tests.core.programmes import moonlight, programme, weight


def test_nobody_has_nothing() -> None:
    assert fold_account([]) == Totals(0, {}, {})


def test_the_balance_is_over_all_periods_and_qualifying_points_are_by_period() -> None:
    of = moonlight()
    spring = derive_day(rules(of, "2026-06-30"), standing(bought(12_990, when="2026-06-30 10:00")))
    summer = derive_day(rules(of, "2026-07-01"), standing(bought(5_000, when="2026-07-01 10:00")))
    for entries in permutations([*spring, *summer]):
        assert fold_account(entries) == Totals(
            17, {"2026-H1": 12, "2026-H2": 5}, {"2026-H1": 12, "2026-H2": 5}
        )


def test_redeemable_points_are_the_balance_and_qualifying_points_are_not() -> None:
    doubled = programme(weights=[weight("2", affects="qualifying")])
    entries = derive_day(rules(doubled), standing(bought(12_990)))
    assert fold_account(entries) == Totals(12, {"2026-H2": 24}, {"2026-H2": 12})


def test_what_is_taken_back_next_period_lowers_the_period_it_was_earned_in() -> None:
    item = bought(12_990, when="2026-12-31 10:00")
    entries = derive_day(rules(moonlight(), "2026-12-31"), [taken_back(item, "2027-01-04 10:00", seq=2)])
    assert fold_account(entries) == Totals(0, {"2026-H2": 0}, {"2026-H2": 0})


def moved(kind: EntryKind, points: int, qualifying: int = 0) -> PointEntry:
    return PointEntry(
        event=event_id(1),
        kind=kind,
        earned_day=day("2026-11-20"),
        business_day=day("2026-11-20"),
        period_id="2026-H2",
        redeemable=points,
        qualifying=qualifying,
        programme_version=7,
    )


@pytest.mark.parametrize("kind", ["earn", "bonus", "cap", "clawback", "adjustment"])
def test_credits_are_what_is_earned_cut_taken_back_and_adjusted(kind: EntryKind) -> None:
    entry = moved(kind, 5)
    assert credit_of(entry) == 5
    assert credit_of(msgspec.structs.replace(entry, kind="correction", corrects=kind)) == 5


@pytest.mark.parametrize("kind", ["redemption", "redeem_rollback", "expiry"])
def test_what_is_spent_given_back_or_expired_is_in_the_balance_but_no_credit(kind: EntryKind) -> None:
    entry = moved(kind, -5)
    assert credit_of(entry) == 0
    assert credit_of(msgspec.structs.replace(entry, kind="correction", corrects=kind)) == 0
    assert fold_account([entry, moved("earn", 20, 30)]) == Totals(15, {"2026-H2": 30}, {"2026-H2": 20})


# Redemptions.


def spent(
    points: int = 1_000,
    *,
    name: str = "r1",
    reward: str = "",
    when: str = "2026-11-20 10:00",
    on: str | None = None,
    seq: int = 1,
    undone: str | None = None,
) -> Resolved:
    """Return a redemption, dated `on` or on the date of `when`, and perhaps what gave it back."""
    item = Item(event_id(seq), at(when), "redemption", "S1", Minute(0), ((name, points),), ((reward, 2_000),))
    backs = (Takeback(event_id(seq + 50), at(undone), day(undone[:10]), None),) if undone else ()
    return Resolved(day(on or when[:10]), item, backs)


def adjusted(redeemable: int, qualifying: int, *, seq: int = 1, on: str = "2026-11-20") -> Resolved:
    money = (("redeemable", redeemable), ("qualifying", qualifying))
    item = Item(event_id(seq), at(f"{on} 10:00"), "adjustment", "", Minute(0), money, (("goodwill", 0),))
    return Resolved(day(on), item, ())


def version_on(on: Day) -> int:
    return 8 if on >= day("2027-01-01") else 7


def entries_of(*facts: Resolved) -> tuple[PointEntry, ...]:
    return account_entries(facts, version_on, 6)


def test_a_redemption_takes_redeemable_points_on_its_business_date() -> None:
    assert entries_of(spent(1_200, on="2026-11-19")) == (
        PointEntry(
            event=event_id(1),
            kind="redemption",
            earned_day=day("2026-11-19"),
            business_day=day("2026-11-19"),
            period_id="2026-H2",
            redeemable=-1_200,
            qualifying=0,
            programme_version=7,
            steps=(Step("redeem", "redemption", "r1", 0, -1_200, "redeemable"),),
        ),
    )


def test_a_redemption_for_a_reward_names_it() -> None:
    taken, given_back = entries_of(spent(500, reward="towel", undone="2026-11-21 09:00"))
    assert [step.rule for step in (*taken.steps, *given_back.steps)] == ["towel", "towel"]


def test_points_come_back_on_the_date_of_what_gave_them_back() -> None:
    taken, given_back = entries_of(spent(1_200, undone="2027-01-04 09:00"))
    assert (taken.kind, taken.redeemable, taken.period_id) == ("redemption", -1_200, "2026-H2")
    assert given_back == PointEntry(
        event=event_id(51),
        kind="redeem_rollback",
        earned_day=day("2026-11-20"),
        business_day=day("2027-01-04"),
        period_id="2027-H1",
        redeemable=1_200,
        qualifying=0,
        programme_version=8,
        steps=(Step("redeem", "redeem_rollback", "r1", 0, 1_200, "redeemable"),),
        rule="r1",
    )


def test_what_one_return_gives_back_of_two_redemptions_is_an_entry_for_each() -> None:
    one = spent(300, undone="2026-11-21 09:00")
    other = msgspec.structs.replace(spent(500, seq=2, name="r2"), takebacks=one.takebacks)
    given_back = [entry for entry in diff(entries_of(one, other), ()) if entry.kind == "redeem_rollback"]
    assert [(entry.redeemable, entry.steps[0].after) for entry in given_back] == [(300, 300), (500, 500)]


def test_a_redemption_counts_once_and_the_first_in_canonical_order_stands() -> None:
    first = spent(300, seq=5, when="2026-11-20 10:00")
    again = spent(400, seq=1, when="2026-11-20 10:01")
    other = spent(500, seq=2, name="r2", when="2026-11-20 09:00")
    for shuffled in permutations([first, again, other]):
        assert redemptions(shuffled) == [other, first]
        assert [entry.redeemable for entry in entries_of(*shuffled)] == [-500, -300]
        assert [one.points for one in spendings(shuffled)] == [500, 300]


def test_spendings_carry_day_order_and_what_gave_them_back() -> None:
    kept, undone = spent(300, seq=1, on="2026-11-19"), spent(500, seq=2, name="r2", undone="2026-11-21 09:00")
    order = undone.item.order
    assert spendings([kept, undone]) == [
        Spending(300, day("2026-11-19"), kept.item.order, None),
        Spending(
            500, day("2026-11-20"), order, (day("2026-11-21"), (at("2026-11-21 09:00"), "T1", 1, 0, 52))
        ),
    ]
    assert order == (at("2026-11-20 10:00"), "T1", 1, 0, 2)


def test_only_redemptions_are_spent() -> None:
    facts = [adjusted(5, 5, seq=3), *standing(bought(1_000, seq=4), visited(seq=5))]
    assert redemptions(facts) == []
    assert spendings(facts) == []


# Adjustments.


def test_an_adjustment_moves_both_kinds_of_points_and_says_why() -> None:
    assert entries_of(adjusted(50, -20, on="2027-01-04")) == (
        PointEntry(
            event=event_id(1),
            kind="adjustment",
            earned_day=day("2027-01-04"),
            business_day=day("2027-01-04"),
            period_id="2027-H1",
            redeemable=50,
            qualifying=-20,
            programme_version=8,
            steps=(
                Step("goodwill", "adjustment", "", 0, 50, "redeemable"),
                Step("goodwill", "adjustment", "", 0, -20, "qualifying"),
            ),
        ),
    )
    (alike,) = entries_of(adjusted(7, 7))
    assert alike.steps == (Step("goodwill", "adjustment", "", 0, 7),)


def test_an_adjustment_that_is_given_twice_counts_once() -> None:
    facts = [adjusted(50, 0, seq=1), adjusted(60, 0, seq=2), adjusted(50, 0, seq=1)]
    assert total(entries_of(*facts)) == (110, 0)


def test_visits_purchases_and_coupons_make_no_entry_of_the_account() -> None:
    coupon = Item(event_id(9), at("2026-11-20 10:00"), "coupon", "S1", Minute(0), (("c1", 0),), (("", 0),))
    assert entries_of(*standing(bought(1_000), visited(seq=2), coupon)) == ()


def test_months_are_those_of_the_programme() -> None:
    facts = [spent(undone="2027-01-04 09:00"), adjusted(1, 1, seq=3)]
    entries = account_entries(facts, version_on, 1)
    assert [entry.period_id for entry in entries] == ["2026-11", "2027-01", "2026-11"]


def test_what_was_spent_and_given_back_leaves_the_balance_as_it_was() -> None:
    earned = derive_day(rules(moonlight()), standing(bought(12_990)))
    entries = [*earned, *entries_of(spent(10, undone="2026-12-01 09:00"), spent(4, name="r2", seq=2))]
    for shuffled in permutations(entries):
        assert fold_account(shuffled) == Totals(8, {"2026-H2": 12}, {"2026-H2": 12})
