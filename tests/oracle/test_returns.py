"""The oracle on returns, voids and what they take back: the fine print of `design/domain.md`."""

from __future__ import annotations

import pytest

from loyalty_core.events import Line
from loyalty_core.programme import When
from loyalty_core.units import MinorUnits
from tests.oracle.tale import FRIDAY, PURCHASE, VISIT, Tale, bonus, day, earn, line, programme

NEXT = "2026-11-27 10:00"
A_WON = programme(earns=(earn(1, per=MinorUnits(1)),), weights=())


def bought(*lines: Line, net: int = 0, paid: tuple[tuple[str, int], ...] = ()) -> Tale:
    """Return a tale of one purchase that earned a point for every won."""
    tale = Tale(A_WON)
    tale.buy(f"{FRIDAY} 10:00", net, lines=lines, paid=paid)
    return tale


def back(tale: Tale, *lines: Line, net: int = 0, number: str = "R1", when: str = NEXT) -> int:
    """Return what one more return moved."""
    event = tale.bring_back(when, tale.key("0001", FRIDAY), net, lines=lines, number=number)
    return tale.redeemable(event)


def test_what_remains_of_a_line_is_an_exact_fraction_and_only_points_are_floored() -> None:
    tale = bought(line(1_000, pieces=3))
    moved = [back(tale, line(333), number=f"{n}", when=f"2026-11-2{n} 10:00") for n in (7, 8, 9)]
    assert moved == [666 - 1_000, 333 - 666, -333]
    assert tale.conflicts() == set()


def test_a_line_matches_by_unit_price_then_number_then_first() -> None:
    lines = (line(500, number=1), line(800, number=2), line(900, number=3))
    assert back(bought(*lines), line(900, number=9)) == -900
    assert back(bought(*lines), line(700, number=2)) == -800
    assert back(bought(*lines), line(700, number=9)) == -500


def test_the_unit_price_is_compared_over_different_quantities() -> None:
    assert back(bought(line(500), line(1_800, pieces=2)), line(900)) == -900


def test_what_does_not_fit_in_a_line_spills_over_and_the_part_above_takes_nothing() -> None:
    tale = bought(line(500), line(800, number=2), line(5_000, "B", number=3))
    assert back(tale, line(2_400, pieces=3, number=2)) == -1_300
    assert tale.conflicts() == {("return_exceeds", 2)}


@pytest.mark.parametrize("sku", ["", "C"])
def test_a_line_that_was_not_sold_takes_nothing(sku: str) -> None:
    tale = bought(line(500), line(300, ""))
    assert back(tale, line(300, sku)) == 0
    assert tale.conflicts() == {("return_unmatched", 2)}


def test_a_quantity_of_zero_is_one_piece() -> None:
    tale = bought(Line(1, "A", "", 0, 500), line(800, "B", pieces=2, number=2))
    assert back(tale, Line(1, "B", "", 0, 400)) == -400
    assert back(tale, line(500, "A"), number="R2") == -500


def test_a_return_without_lines_takes_its_net_from_the_total() -> None:
    tale = bought(line(1_000))
    assert back(tale, net=300) == -300
    assert back(tale, net=900, number="R2", when="2026-11-28 10:00") == -700
    assert tale.conflicts() == {("return_exceeds", 3)}


def test_lines_returned_on_a_purchase_without_lines_count_by_amount() -> None:
    assert back(bought(net=1_000), line(300, "A")) == -300


def test_what_lines_do_not_add_up_to_stays_until_all_goods_are_back() -> None:
    tale = bought(line(500), line(500, "B", number=2), net=900)
    assert back(tale, line(500)) == -500
    assert back(tale, line(500, "B"), number="R2", when="2026-11-28 10:00") == -400


def test_a_refund_in_an_excluded_tender_lowers_that_tenders_part() -> None:
    tale = bought(line(600), line(400, "B", number=2), paid=(("points", 400), ("card", 600)))
    assert tale.account().balance == 600
    tale.bring_back(NEXT, tale.key("0001", FRIDAY), lines=[line(400, "B")], paid=[("points", 400)])
    assert tale.account().balance == 600


def test_otherwise_the_originals_tenders_stay_and_what_they_paid_is_never_below_zero() -> None:
    tale = bought(line(600), line(400, "B", number=2), paid=(("gift_card", 400), ("card", 600)))
    assert back(tale, line(400, "B")) == -400
    tale.bring_back(
        "2026-11-28 10:00",
        tale.key("0001", FRIDAY),
        lines=[line(300)],
        paid=[("gift_card", 900)],
        number="R2",
    )
    assert tale.account().balance == 0


def test_a_refund_above_what_a_tender_paid_leaves_nothing_of_it_and_no_debt() -> None:
    tale = bought(line(600), line(400, "B", number=2), paid=(("gift_card", 400), ("card", 600)))
    tale.bring_back(NEXT, tale.key("0001", FRIDAY), lines=[line(400, "B")], paid=[("gift_card", 900)])
    assert tale.account().balance == 600


def test_a_return_that_takes_nothing_leaves_the_tenders_alone() -> None:
    tale = bought(line(600), line(400, "B", number=2), paid=(("points", 400), ("card", 600)))
    tale.bring_back(NEXT, tale.key("0001", FRIDAY), lines=[line(400, "C")], paid=[("points", 400)])
    assert tale.account().balance == 600


def test_a_return_told_twice_is_one_and_another_content_of_its_key_is_a_conflict() -> None:
    tale = bought(line(1_000, pieces=2))
    key = tale.key("0001", FRIDAY)
    tale.bring_back(NEXT, key, lines=[line(500)])
    tale.bring_back(NEXT, key, lines=[line(500)], m="m2")
    tale.bring_back("2026-11-27 10:01", key, lines=[line(500)])
    assert tale.moved() == [("earn", 1_000, 1_000), ("clawback", -500, -500)]
    assert tale.conflicts() == {("copy_differs", 4)}


def test_a_return_whose_original_is_unknown_waits_and_takes_when_it_comes() -> None:
    tale = Tale(A_WON)
    tale.bring_back(NEXT, None, lines=[line(500)], number="R0")
    early = tale.bring_back(f"{FRIDAY} 09:00", tale.key("0001", FRIDAY), lines=[line(500)])
    assert tale.conflicts() == {("return_waiting", 1), ("return_waiting", 2)}
    sale = tale.buy(f"{FRIDAY} 10:00", lines=[line(500), line(700, "B", number=2)])
    assert (tale.redeemable(sale), tale.redeemable(early)) == (1_200, -500)
    assert tale.conflicts() == {("return_waiting", 1)}


def test_a_return_that_is_matched_takes_from_its_purchase() -> None:
    tale = Tale(A_WON)
    tale.buy(f"{FRIDAY} 10:00", lines=[line(500), line(700, "B", number=2)])
    back = tale.bring_back(NEXT, None, lines=[line(500)])
    assert tale.conflicts() == {("return_waiting", 2)}
    figures = tale.read(matches={back: tale.key("0001", FRIDAY)})
    assert (figures.accounts["m1"].balance, figures.conflicts) == (700, frozenset())


def test_the_clawback_falls_on_whoever_earned_and_is_dated_on_the_return() -> None:
    tale = Tale(A_WON)
    tale.buy("2026-06-30 10:00", 500)
    event = tale.bring_back("2026-07-02 10:00", tale.key("0001", "2026-06-30"), 500, till="T3", m="m2")
    assert tale.moved("m2") == []
    taken = {one: points for one, points in tale.account().entries.items() if one.kind == "clawback"}
    assert taken == {("clawback", event, "", day("2026-07-02"), "2026-H1"): (-500, -500)}
    assert tale.account().qualifying == {"2026-H1": 0}


def test_a_clawback_is_worked_out_under_the_originals_version_tier_and_date() -> None:
    gold_only = When(on=PURCHASE, tiers=frozenset({"GOLD"}))
    tale = Tale(
        programme(earns=(earn(1, per=MinorUnits(1), when=gold_only),)),
        programme(version=8, effective_from=day("2026-11-25"), earns=()),
        tiers={"m1": ((day("2026-11-01"), "GOLD"), (day("2026-11-25"), "BRONZE"))},
    )
    tale.buy(f"{FRIDAY} 10:00", 1_000)
    assert back(tale, net=400) == -400


def test_a_void_leaves_nothing_and_a_second_one_takes_nothing() -> None:
    tale = bought(line(1_000, pieces=2))
    key = tale.key("0001", FRIDAY)
    void = tale.void(f"{FRIDAY} 10:05", key)
    tale.void(f"{FRIDAY} 10:06", key, number="V2")
    assert back(tale, line(500)) == 0
    assert (tale.redeemable(void), tale.account().balance) == (-1_000, 0)
    assert tale.conflicts() == {("return_exceeds", 4)}


def test_a_void_of_a_visit_by_receipt_key_is_an_exception() -> None:
    tale = Tale()
    tale.visit(f"{FRIDAY} 10:00", number="0001")
    tale.void(f"{FRIDAY} 10:05", tale.key("0001", FRIDAY))
    tale.bring_back(NEXT, tale.key("0001", FRIDAY), 100)
    assert (tale.account().balance, tale.conflicts()) == (
        10,
        {("original_missing", 2), ("return_waiting", 3)},
    )


def test_a_voided_visit_leaves_the_limit_to_the_next() -> None:
    tale = Tale()
    first = tale.visit(f"{FRIDAY} 10:00")
    void = tale.unvisit(f"{FRIDAY} 10:05", first)
    second = tale.visit(f"{FRIDAY} 11:00")
    assert [tale.redeemable(one) for one in (first, void, second)] == [10, -10, 10]


def test_a_visit_voided_after_the_next_one_takes_nothing_because_that_one_is_now_the_first() -> None:
    tale = Tale()
    first = tale.visit(f"{FRIDAY} 10:00")
    second = tale.visit(f"{FRIDAY} 11:00")
    void = tale.unvisit(f"{FRIDAY} 12:00", first)
    assert [tale.redeemable(one) for one in (first, void, second)] == [10, 0, 0]


def test_a_void_whose_clock_is_before_its_item_comes_right_after_it() -> None:
    tale = Tale()
    first = tale.visit(f"{FRIDAY} 10:00")
    void = tale.unvisit(f"{FRIDAY} 09:00", first)
    assert [tale.redeemable(one) for one in (first, void)] == [10, -10]


@pytest.mark.parametrize(("till", "seq"), [("T1", 9), ("T2", 1)])
def test_a_visit_is_voided_by_its_own_terminal_and_its_place(till: str, seq: int) -> None:
    tale = Tale()
    first = tale.visit(f"{FRIDAY} 10:00")
    tale.unvisit(f"{FRIDAY} 10:05", type(first)("T1", 1, 0, type(first.seq)(seq)), till=till)
    assert (tale.account().balance, tale.conflicts()) == (10, {("original_missing", 2)})


def test_a_purchase_of_which_nothing_remains_leaves_limits_firsts_and_fixed_points() -> None:
    rules = (earn(10, limit_per_day=1, id="once"),)
    tale = Tale(programme(earns=rules, bonuses=(bonus(3, when=When(on=PURCHASE)),)))
    tale.buy(f"{FRIDAY} 10:00", lines=[line(0)])
    assert back(tale, line(0), when=f"{FRIDAY} 10:30") == -13
    assert tale.redeemable(tale.buy(f"{FRIDAY} 11:00", 1, number="0002")) == 13


def test_by_amount_nothing_remains_when_no_money_is_left() -> None:
    tale = Tale(programme(earns=(earn(10),)))
    tale.buy(f"{FRIDAY} 10:00", lines=[line(1_000)])
    assert (back(tale, net=999), back(tale, net=1, number="R2")) == (0, -10)


def test_a_line_that_earned_nothing_takes_nothing() -> None:
    golf = When(on=PURCHASE, exclude_categories=frozenset({"tobacco"}))
    tale = Tale(programme(earns=(earn(1, per=MinorUnits(1), when=golf),)))
    tale.buy(f"{FRIDAY} 10:00", lines=[line(1_000), line(500, "B", category="tobacco", number=2)])
    assert back(tale, line(500, "B")) == 0


def test_a_return_may_set_a_later_item_of_the_day_free() -> None:
    tale = Tale(programme(earns=(earn(10, when=When(on=VISIT | PURCHASE), limit_per_day=1),)))
    tale.buy(f"{FRIDAY} 10:00", 500)
    tale.visit(f"{FRIDAY} 11:00")
    assert (back(tale, net=500), tale.account().balance) == (0, 10)


def test_a_return_of_what_is_back_already_leaves_the_tenders_alone() -> None:
    tale = bought(line(600), line(400, "B", number=2), paid=(("points", 400), ("card", 600)))
    assert back(tale, line(400, "B")) == -400
    tale.bring_back(
        "2026-11-28 10:00",
        tale.key("0001", FRIDAY),
        lines=[line(400, "B")],
        paid=[("points", 400)],
        number="R2",
    )
    assert tale.account().balance == 200


def test_change_is_no_refund_and_is_counted_in_what_its_tender_paid() -> None:
    cash = When(on=PURCHASE, exclude_tenders=frozenset({"cash"}))
    tale = Tale(programme(earns=(earn(1, per=MinorUnits(1), when=cash),)))
    paid = [("cash", 500), ("cash", -100), ("card", 600)]
    tale.buy(f"{FRIDAY} 10:00", lines=[line(600), line(400, "B", number=2)], paid=paid)
    assert tale.account().balance == 600
    key = tale.key("0001", FRIDAY)
    tale.bring_back(NEXT, key, lines=[line(100, "B")], paid=[("cash", 300), ("cash", -50)])
    assert tale.account().balance == 500


def test_a_discount_is_no_goods_and_need_not_come_back() -> None:
    tale = Tale(programme(earns=(earn(10),)))
    tale.buy(f"{FRIDAY} 10:00", lines=[line(1_000), line(-100, "", number=2)])
    assert back(tale, line(1_000)) == -10


def test_goods_that_were_taken_in_cannot_be_brought_back() -> None:
    tale = bought(line(1_000), Line(2, "B", "", -1_000, -300))
    assert back(tale, line(300, "B")) == 0
    assert tale.conflicts() == {("return_unmatched", 2)}
    assert back(tale, line(1_000), number="R2") == -700


def test_lines_that_add_up_leave_no_money_without_category() -> None:
    without = When(on=PURCHASE, categories=frozenset({""}))
    tale = Tale(programme(earns=(earn(10, when=without),)))
    tale.buy(f"{FRIDAY} 10:00", lines=[line(1_000, category="golf")])
    tale.buy(f"{FRIDAY} 11:00", 900, lines=[line(1_000, category="golf")], number="0002")
    assert tale.moved() == [("earn", 10, 10)]
