"""Lots by period: what redemptions take of them, what is given back, and what expires when."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import pytest

from loyalty_core.calendar import Period, period_after
from loyalty_core.entries import NO_EVENT, PointEntry, Step, diff
from loyalty_core.events import Order
from loyalty_core.lots import Lot, Lots, Spending, expiry_entries, fold_lots
from loyalty_core.units import Day
from tests.core.made import day

END_OF_H1, END_OF_H2, END_OF_NEXT_H1 = day("2026-06-30"), day("2026-12-31"), day("2027-06-30")


def at_order(seq: int) -> Order:
    return (1_000 + seq, "T1", 1, 0, seq)


def spent(points: int, on: str, seq: int = 1, *, undone: str | None = None, undone_seq: int = 90) -> Spending:
    """Return a redemption; what gave it back comes later in canonical order."""
    given_back = None if undone is None else (day(undone), at_order(undone_seq))
    return Spending(points, day(on), at_order(seq), given_back)


def fold(
    credited: Mapping[str, int], *spendings: Spending, periods: int | None = 1, through: str = "2026-07-01"
) -> Lots:
    """Return the lots, where each expires `periods` after its own; no point comes from nowhere or is lost."""

    def last_day(period: Period) -> Day | None:
        return None if periods is None else period_after(period, 6, periods).last

    lots = fold_lots(credited, spendings, last_day, 6, day(through))
    there = sum(lot.points for lot in lots.lots) - lots.debt + sum(lot.points for lot in lots.expired)
    out = sum(one.points for one in spendings if one.undone is None)
    assert there == sum(credited.values()) - out
    return lots


def points(lots: Lots) -> dict[str, int]:
    return {lot.period_id: lot.points for lot in lots.lots}


def expired(lots: Lots) -> dict[str, int]:
    return {lot.period_id: lot.points for lot in lots.expired}


BOTH_HALVES = {"2026-H1": 100, "2026-H2": 50}


# Lots and their last day.


def test_nobody_has_no_lots() -> None:
    assert fold({}) == Lots((), 0, ())


def test_all_credits_of_a_period_are_one_lot_with_its_last_usable_day() -> None:
    lots = fold(BOTH_HALVES)
    assert lots.lots == (Lot("2026-H1", 100, END_OF_H2), Lot("2026-H2", 50, END_OF_NEXT_H1))
    assert (lots.debt, lots.expired) == (0, ())


@pytest.mark.parametrize(("periods", "last"), [(1, END_OF_H2), (2, END_OF_NEXT_H1), (None, None)])
def test_the_last_usable_day_is_that_of_the_after_periods_th_period_after(
    periods: int | None, last: Day | None
) -> None:
    assert fold({"2026-H1": 100}, periods=periods).lots == (Lot("2026-H1", 100, last),)


@pytest.mark.parametrize(
    ("through", "is_gone"), [("2026-12-30", False), ("2026-12-31", False), ("2027-01-01", True)]
)
def test_a_lot_is_there_through_its_last_day_and_expired_on_the_next(through: str, is_gone: bool) -> None:
    lots = fold({"2026-H1": 100}, through=through)
    lot = Lot("2026-H1", 100, END_OF_H2)
    assert (lots.lots, lots.expired) == (((), (lot,)) if is_gone else ((lot,), ()))


def test_without_an_expiry_nothing_ever_expires() -> None:
    assert points(fold(BOTH_HALVES, spent(120, "2090-01-01"), periods=None, through="2099-12-31")) == {
        "2026-H2": 30
    }


def test_a_lot_that_is_used_up_is_not_there() -> None:
    assert points(fold({"2026-H1": 0, "2026-H2": 50}, spent(50, "2026-08-01"))) == {}


def test_nothing_expires_of_a_lot_that_is_used_up() -> None:
    lots = fold({"2026-H1": 100}, spent(100, "2026-03-01"), through="2027-01-01")
    assert lots.expired == ()


def test_lots_are_told_the_oldest_first_whatever_their_last_days() -> None:
    ends = {"2025-H2": None, "2026-H1": END_OF_NEXT_H1, "2026-H2": END_OF_H2}
    credited = {"2026-H2": 1, "2026-H1": 2, "2025-H2": 3}
    lots = fold_lots(credited, [], lambda period: ends[period.id], 6, day("2026-07-01"))
    assert [lot.period_id for lot in lots.lots] == ["2025-H2", "2026-H1", "2026-H2"]


def test_months_have_lots_too() -> None:
    ends = {"2026-11": day("2026-12-31"), "2026-12": day("2027-01-31")}
    lots = fold_lots({"2026-12": 5, "2026-11": 7}, [], lambda period: ends[period.id], 1, day("2027-01-01"))
    assert lots == Lots((Lot("2026-12", 5, ends["2026-12"]),), 0, (Lot("2026-11", 7, ends["2026-11"]),))


# Spending.


@pytest.mark.parametrize(
    ("amount", "left"),
    [
        (0, {"2026-H1": 100, "2026-H2": 50}),
        (99, {"2026-H1": 1, "2026-H2": 50}),
        (100, {"2026-H2": 50}),
        (101, {"2026-H2": 49}),
        (150, {}),
    ],
)
def test_a_redemption_takes_the_oldest_lot_first(amount: int, left: dict[str, int]) -> None:
    lots = fold(BOTH_HALVES, spent(amount, "2026-08-01"))
    assert (points(lots), lots.debt) == (left, 0)


def test_the_oldest_lot_goes_first_even_where_a_newer_one_expires_before_it() -> None:
    ends = {"2026-H1": None, "2026-H2": END_OF_H2}
    lots = fold_lots(BOTH_HALVES, [spent(60, "2026-08-01")], lambda p: ends[p.id], 6, day("2026-08-01"))
    assert points(lots) == {"2026-H1": 40, "2026-H2": 50}


def test_points_earned_later_in_a_period_count_as_there_from_its_start() -> None:
    lots = fold({"2026-H2": 50}, spent(50, "2026-07-01"))
    assert (points(lots), lots.debt) == ({}, 0)


def test_a_redemption_on_the_last_usable_day_takes_of_the_lot() -> None:
    lots = fold(BOTH_HALVES, spent(60, "2026-12-31"), through="2027-01-01")
    assert (points(lots), expired(lots)) == ({"2026-H2": 50}, {"2026-H1": 40})


def test_a_redemption_on_the_day_after_takes_of_the_next_lot() -> None:
    lots = fold(BOTH_HALVES, spent(60, "2027-01-01"), through="2027-01-01")
    assert (points(lots), lots.debt, expired(lots)) == ({}, 10, {"2026-H1": 100})


def test_a_redemption_after_the_last_day_takes_nothing_though_the_expiry_is_not_posted() -> None:
    lots = fold(BOTH_HALVES, spent(20, "2027-01-01"), through="2026-12-31")
    assert lots.lots == (Lot("2026-H1", 100, END_OF_H2), Lot("2026-H2", 30, END_OF_NEXT_H1))
    assert lots.expired == ()


def test_spending_is_folded_by_day_and_in_canonical_order_within_a_day() -> None:
    early, late = spent(100, "2026-07-02", 5), spent(50, "2026-07-03", 1, undone="2026-07-04")
    first, second = spent(100, "2026-07-02", 1), spent(50, "2026-07-02", 2, undone="2026-07-02")
    for pair in ((early, late), (first, second)):
        for spendings in permutations(pair):
            assert points(fold(BOTH_HALVES, *spendings)) == {"2026-H2": 50}
    swapped = spent(100, "2026-07-02", 2), spent(50, "2026-07-02", 1, undone="2026-07-02")
    assert points(fold(BOTH_HALVES, *swapped)) == {"2026-H1": 50}


# Debts.


def test_what_is_not_there_is_a_debt() -> None:
    lots = fold({"2026-H1": 100}, spent(130, "2026-03-01"))
    assert (lots.lots, lots.debt) == ((), 30)
    assert fold({}, spent(30, "2026-03-01")).debt == 30


@pytest.mark.parametrize(("credited", "left", "debt"), [(29, {}, 1), (30, {}, 0), (31, {"2026-H2": 1}, 0)])
def test_the_next_points_fill_a_debt(credited: int, left: dict[str, int], debt: int) -> None:
    lots = fold({"2026-H1": 100, "2026-H2": credited}, spent(130, "2026-03-01"))
    assert (points(lots), lots.debt) == (left, debt)


def test_a_lot_that_has_expired_fills_no_debt() -> None:
    lots = fold({"2026-H1": 100}, spent(30, "2027-01-01"), through="2027-01-01")
    assert (lots.lots, lots.debt, expired(lots)) == ((), 30, {"2026-H1": 100})


def test_the_oldest_debt_is_filled_first() -> None:
    first, second = spent(30, "2026-03-01", 1), spent(40, "2026-04-01", 2, undone="2026-08-01")
    lots = fold({"2026-H2": 50}, first, second)  # 30 fill the first, 20 the second and come back
    assert (points(lots), lots.debt) == ({"2026-H2": 20}, 0)
    first, second = spent(30, "2026-03-01", 1, undone="2026-08-01"), spent(40, "2026-04-01", 2)
    lots = fold({"2026-H2": 50}, first, second)  # of the 30 that come back 20 fill what is left of the second
    assert (points(lots), lots.debt) == ({"2026-H2": 10}, 0)


def test_a_debt_may_be_filled_by_several_periods() -> None:
    credited = {"2026-H1": 10, "2026-H2": 10, "2027-H1": 50}
    lots = fold(credited, spent(45, "2026-03-01"), through="2027-01-01")
    assert (points(lots), lots.debt, lots.expired) == ({"2027-H1": 25}, 0, ())


# What is given back.


def test_points_come_back_into_the_lots_that_they_came_from() -> None:
    lots = fold(BOTH_HALVES, spent(120, "2026-08-01", undone="2026-09-01"))
    assert (points(lots), lots.debt) == (BOTH_HALVES, 0)


def test_only_what_was_taken_by_this_redemption_comes_back() -> None:
    kept, undone = spent(70, "2026-08-01", 1), spent(60, "2026-08-02", 2, undone="2026-09-01")
    assert points(fold(BOTH_HALVES, kept, undone)) == {"2026-H1": 30, "2026-H2": 50}


def test_a_debt_that_is_undone_is_no_debt() -> None:
    lots = fold({"2026-H1": 100}, spent(130, "2026-03-01", undone="2026-04-01"))
    assert (points(lots), lots.debt) == ({"2026-H1": 100}, 0)


def test_the_part_of_a_debt_that_was_filled_returns_to_the_lot_that_filled_it() -> None:
    lots = fold(BOTH_HALVES, spent(120, "2026-03-01", undone="2026-08-01"))
    assert (points(lots), lots.debt) == (BOTH_HALVES, 0)
    lots = fold(BOTH_HALVES, spent(120, "2026-03-01", undone="2027-02-01"), through="2027-01-01")
    assert (points(lots), expired(lots)) == ({"2026-H2": 50}, {"2026-H1": 100})


@pytest.mark.parametrize(
    ("undone", "lapsed", "left"),
    [("2026-12-31", {"2026-H1": 40}, {"2026-H2": 50}), ("2027-01-01", {"2026-H1": 100}, {})],
)
def test_points_given_back_to_a_lot_may_be_spent_while_it_lasts_and_expire_with_it(
    undone: str, lapsed: dict[str, int], left: dict[str, int]
) -> None:
    given_back = spent(100, "2026-12-30", 1, undone=undone, undone_seq=3)
    later = spent(60, undone, 4)
    lots = fold(BOTH_HALVES, given_back, later, through="2027-01-01")
    assert expired(lots) == lapsed
    assert (points(lots), lots.debt) == (left, 0 if left else 10)


def test_points_given_back_to_an_expired_lot_join_what_has_expired_of_it() -> None:
    lots = fold(BOTH_HALVES, spent(60, "2026-12-01", undone="2027-02-01"), through="2027-01-01")
    assert (points(lots), expired(lots)) == ({"2026-H2": 50}, {"2026-H1": 100})


def test_points_given_back_pay_what_is_owed_first() -> None:
    first, second = spent(100, "2026-03-01", 1, undone="2026-05-01"), spent(30, "2026-04-01", 2)
    lots = fold({"2026-H1": 100}, first, second)
    assert (points(lots), lots.debt) == ({"2026-H1": 70}, 0)


def test_points_that_paid_a_debt_on_their_way_back_belong_to_that_redemption() -> None:
    first = spent(100, "2026-03-01", 1, undone="2026-05-01", undone_seq=10)
    second = spent(30, "2026-04-01", 2, undone="2026-06-01", undone_seq=11)
    assert points(fold({"2026-H1": 100}, first, second)) == {"2026-H1": 100}


def test_of_several_lots_given_back_the_oldest_pays_what_is_owed_first() -> None:
    # R2 owes 40: H2 fills 30 of it, then 10 of H1 that R1 gives back. R3 takes the other 90 and owes 30.
    first = spent(100, "2026-03-01", 1, undone="2026-08-01", undone_seq=10)
    second = spent(40, "2026-04-01", 2, undone="2026-10-01", undone_seq=11)
    third = spent(120, "2026-09-01", 3)
    lots = fold({"2026-H1": 100, "2026-H2": 30}, first, second, third)
    assert (points(lots), lots.debt) == ({"2026-H2": 10}, 0)


def test_nothing_is_given_back_before_it_was_spent() -> None:
    """A till whose clock stood wrong dates the return before the redemption."""
    early = spent(150, "2026-08-01", 5, undone="2026-07-01", undone_seq=6)
    same_day = spent(150, "2026-08-01", 5, undone="2026-08-01", undone_seq=4)
    for one in (early, same_day):
        assert points(fold(BOTH_HALVES, one, spent(20, "2026-08-02", 7))) == {"2026-H1": 80, "2026-H2": 50}


def test_what_is_given_back_comes_in_its_place_within_the_day() -> None:
    undone = spent(100, "2026-08-01", 1, undone="2026-08-02", undone_seq=5)
    before, after = spent(50, "2026-08-02", 4), spent(50, "2026-08-02", 6)
    assert points(fold(BOTH_HALVES, undone, before)) == {"2026-H1": 100}
    assert points(fold(BOTH_HALVES, undone, after)) == {"2026-H1": 50, "2026-H2": 50}


# Credits below zero.


def test_a_lot_below_zero_takes_from_the_oldest_like_a_redemption_of_its_first_day() -> None:
    assert points(fold({"2026-H1": 100, "2026-H2": -30})) == {"2026-H1": 70}


def test_a_lot_below_zero_comes_before_the_redemptions_of_its_first_day() -> None:
    undone = spent(90, "2026-07-01", 1, undone="2026-07-02")
    lots = fold({"2026-H1": 100, "2026-H2": -30, "2027-H1": 5}, undone, through="2027-01-01")
    assert (points(lots), lots.debt, expired(lots)) == ({"2027-H1": 5}, 0, {"2026-H1": 70})


def test_what_a_lot_below_zero_does_not_find_is_a_debt() -> None:
    lots = fold({"2026-H1": -30, "2026-H2": 20})
    assert (lots.lots, lots.debt) == ((), 10)
    assert points(fold({"2026-H1": -30, "2026-H2": 50})) == {"2026-H2": 20}


def test_a_lot_below_zero_takes_nothing_of_a_lot_that_expires_on_its_first_day() -> None:
    lots = fold({"2026-H1": 100, "2027-H1": -30}, through="2027-01-01")
    assert (points(lots), lots.debt, expired(lots)) == ({}, 30, {"2026-H1": 100})


# Expiry entries.


def test_an_expiry_is_an_entry_of_its_lot_dated_the_day_after_its_last() -> None:
    lots = fold({**BOTH_HALVES, "2025-H2": 7}, spent(27, "2026-06-30"), through="2027-01-01")
    (entry,) = expiry_entries(lots, {"2026-H1": 3, "2025-H2": 2}.__getitem__)
    assert entry == PointEntry(
        event=NO_EVENT,
        kind="expiry",
        earned_day=Day(0),
        business_day=day("2027-01-01"),
        period_id="2026-H1",
        redeemable=-80,
        qualifying=0,
        programme_version=3,
        steps=(Step("expiry", "expiry", "2026-H1", 80, 0, "redeemable"),),
        rule="2026-H1",
    )


def test_lots_expire_each_by_itself_and_are_told_the_oldest_first() -> None:
    ends = {"2026-H1": day("2027-12-31"), "2026-H2": END_OF_NEXT_H1}
    lots = fold_lots(BOTH_HALVES, [], lambda period: ends[period.id], 6, day("2028-01-01"))
    entries = expiry_entries(lots, lambda _: 7)
    assert [(entry.period_id, entry.business_day, entry.redeemable) for entry in entries] == [
        ("2026-H1", day("2028-01-01"), -100),
        ("2026-H2", day("2027-07-01"), -50),
    ]


def test_a_lot_that_is_usable_for_ever_makes_no_entry() -> None:
    assert expiry_entries(Lots((), 0, (Lot("2026-H1", 5, None),)), lambda _: 7) == ()


def test_a_redemption_made_before_an_expiry_that_arrives_after_it_restores_the_points() -> None:
    posted = expiry_entries(fold(BOTH_HALVES, through="2027-01-01"), lambda _: 7)
    late = fold(BOTH_HALVES, spent(60, "2026-12-31"), through="2027-01-01")
    (move,) = diff(expiry_entries(late, lambda _: 7), posted)
    assert (move.kind, move.corrects, move.redeemable) == ("correction", "expiry", 60)


def test_the_order_in_which_credits_and_redemptions_are_given_does_not_matter() -> None:
    credited = {"2025-H2": 40, "2026-H1": 100, "2026-H2": -20, "2027-H1": 60}
    spendings = [
        spent(50, "2026-02-01", 1, undone="2026-08-01", undone_seq=11),
        spent(120, "2026-03-01", 2),
        spent(30, "2027-01-01", 3, undone="2027-01-01", undone_seq=12),
    ]
    expected = fold(credited, *spendings, through="2027-01-01")
    # R1 takes 40, and 10 of H1. R2 takes 90 and owes 30. On 1 July 2025-H2 expires, and H2 owes 20. R1 gives
    # back 40 that have expired and 10 that R2 takes. 60 of 2027 fill 20 of R2 and the 20 of H2; R3 takes the
    # other 20, owes 10, and is undone.
    assert (points(expected), expected.debt, expired(expected)) == ({"2027-H1": 20}, 0, {"2025-H2": 40})
    for names in permutations(credited):
        for shuffled in permutations(spendings):
            shuffled_credits = {name: credited[name] for name in names}
            assert fold(shuffled_credits, *shuffled, through="2027-01-01") == expected


def test_two_periods_below_zero_are_owed_together() -> None:
    assert fold({"2026-H1": -10, "2026-H2": -20}) == Lots((), 30, ())


def test_what_a_lot_gave_one_redemption_in_two_parts_comes_back_whole() -> None:
    first = spent(20, "2026-03-01", 1, undone="2026-03-03", undone_seq=91)
    second = spent(100, "2026-03-02", 2, undone="2026-03-04", undone_seq=92)
    assert points(fold({"2026-H1": 50}, first, second)) == {"2026-H1": 50}
