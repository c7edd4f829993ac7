"""What remains of a purchase after each return: lines, parts of lines, loose money and tenders."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from fractions import Fraction

import pytest

from loyalty_core.events import Line, PurchaseRecorded, ReturnRecorded, Tender, money_of_lines
from loyalty_core.returns import Remainder, Taken, after, money, whole
from tests.core.made import line, purchase, returned


def sold(*lines: Line, net: int | None = None, tenders: Iterable[Tender] = ()) -> PurchaseRecorded:
    """Return a purchase of these lines; its total is theirs unless `net` says otherwise."""
    total = sum(each.net_minor for each in lines) if net is None else net
    event = purchase(1, total, lines=lines, tenders=tenders).event
    assert isinstance(event, PurchaseRecorded)
    return event


def back(*lines: Line, net: int | None = None, tenders: Iterable[Tender] = ()) -> ReturnRecorded:
    """Return a return of these lines; its amount is theirs unless `net` says otherwise."""
    total = sum(each.net_minor for each in lines) if net is None else net
    event = returned(2, total, lines=lines, tenders=tenders).event
    assert isinstance(event, ReturnRecorded)
    return event


def taken(of: PurchaseRecorded, *backs: ReturnRecorded) -> Taken:
    """Return how the last of these returns went, one after the other."""
    result = Taken(whole(of), exceeds=False, unmatched=False)
    for each in backs:
        result = after(result.left, each)
    return result


def remaining(of: Remainder) -> list[int]:
    return [left.remaining for left in of.lines]


def complaints(of: Taken) -> tuple[bool, bool]:
    return of.exceeds, of.unmatched


BALL = line(1_000, "golf", sku="BALL", number=1)
GLOVE = line(9_000, "wear", sku="GLOVE", number=2)
THREE_TEES = line(1_000, "golf", sku="TEE", number=3, quantity=3_000)
FINE = (False, False)


# Nothing came back.


@pytest.mark.parametrize(
    "purchase",
    [
        sold(BALL, GLOVE),
        sold(BALL, GLOVE, net=9_500),
        sold(BALL, GLOVE, net=10_500),
        sold(net=12_990),
        sold(net=0),
        sold(line(0)),
        sold(BALL, line(-2_000, quantity=-1_000)),
        sold(line(300, quantity=-1_000)),
        sold(line(700, quantity=0)),
    ],
)
def test_of_a_whole_purchase_the_money_is_that_of_its_lines(purchase: PurchaseRecorded) -> None:
    left = whole(purchase)
    assert money(left) == (money_of_lines(purchase.net_minor, purchase.lines), ())
    assert left.total == purchase.net_minor
    assert left.tenders == purchase.tenders
    assert not left.is_nothing


# By line.


def test_a_line_that_came_back_is_gone_and_the_others_are_whole() -> None:
    result = taken(sold(BALL, GLOVE), back(BALL))
    assert complaints(result) == FINE
    assert money(result.left) == ((("wear", 9_000),), ())
    assert result.left.total == 9_000


def test_what_remains_of_a_line_is_net_x_remaining_over_quantity_as_an_exact_fraction() -> None:
    result = taken(sold(THREE_TEES, GLOVE), back(line(333, sku="TEE")))
    assert complaints(result) == FINE
    assert money(result.left) == ((("wear", 9_000),), (("golf", 1_000, 2_000, 3_000),))
    assert result.left.total == 9_000 + Fraction(2_000, 3)


def test_of_a_line_that_remains_in_part_alone_only_the_part_is_money() -> None:
    left = taken(sold(THREE_TEES), back(line(333, sku="TEE"))).left
    assert money(left) == ((), (("golf", 1_000, 2_000, 3_000),))


def test_several_returns_of_one_purchase_add_up_to_all_of_it() -> None:
    sale, tee = sold(THREE_TEES), back(line(333, sku="TEE"))
    assert remaining(taken(sale, tee).left) == [2_000]
    assert remaining(taken(sale, tee, tee).left) == [1_000]
    assert not taken(sale, tee, tee).left.is_nothing
    last = taken(sale, tee, tee, tee)
    assert (remaining(last.left), last.left.is_nothing, complaints(last)) == ([0], True, FINE)
    assert taken(sale, tee, tee, tee, tee).exceeds


@pytest.mark.parametrize(
    ("quantity", "left", "exceeds"), [(2_999, 1, False), (3_000, 0, False), (3_001, 0, True)]
)
def test_the_part_of_a_quantity_above_what_remains_takes_nothing(
    quantity: int, left: int, exceeds: bool
) -> None:
    result = taken(sold(THREE_TEES, GLOVE), back(line(1_000, sku="TEE", quantity=quantity)))
    assert remaining(result.left) == [left, 1_000]
    assert complaints(result) == (exceeds, False)


def test_a_weighed_line_comes_back_by_the_gram() -> None:
    beef = line(25_000, sku="BEEF", quantity=1_250)
    left = taken(sold(beef), back(line(5_000, sku="BEEF", quantity=250))).left
    assert left.total == 20_000


@pytest.mark.parametrize("asked", [line(1_000, sku="OTHER"), line(1_000, sku="")], ids=["unknown", "none"])
def test_a_line_of_an_unknown_sku_or_of_none_takes_nothing(asked: Line) -> None:
    sale = sold(BALL, line(1_000, sku="", number=4))
    result = taken(sale, back(asked))
    assert result == Taken(whole(sale), exceeds=False, unmatched=True)


def test_a_line_that_fits_takes_its_part_beside_one_that_does_not() -> None:
    sale, other = sold(BALL, GLOVE), line(500, sku="OTHER")
    for asked in ([BALL, other], [other, BALL]):
        result = taken(sale, back(*asked))
        assert remaining(result.left) == [0, 1_000]
        assert complaints(result) == (False, True)


def test_a_line_that_fits_takes_its_part_beside_one_that_asks_too_much() -> None:
    sale, twice = sold(BALL, GLOVE), line(2_000, sku="BALL", quantity=2_000)
    for asked in ([twice, GLOVE], [GLOVE, twice]):
        result = taken(sale, back(*asked))
        assert remaining(result.left) == [0, 0]
        assert complaints(result) == (True, False)


def test_a_return_may_ask_too_much_and_for_what_was_not_sold() -> None:
    result = taken(sold(BALL), back(BALL, BALL, line(1, sku="OTHER")))
    assert complaints(result) == (True, True)


# Which line of several.


def test_of_several_lines_of_a_sku_the_same_unit_price_comes_first() -> None:
    sale = sold(line(900, sku="BALL", number=1), line(2_000, sku="BALL", number=2, quantity=2_000))
    assert remaining(taken(sale, back(line(1_000, sku="BALL", number=1))).left) == [1_000, 1_000]
    assert remaining(taken(sale, back(line(900, sku="BALL", number=2))).left) == [0, 2_000]
    two = line(2_000, sku="BALL", number=1, quantity=2_000)
    assert remaining(taken(sale, back(two)).left) == [1_000, 0]


def test_a_unit_price_is_compared_exactly() -> None:
    sale = sold(line(333, sku="TEE", number=1), line(1_000, sku="TEE", number=2, quantity=3_000))
    assert remaining(taken(sale, back(line(333, sku="TEE", number=2))).left) == [0, 3_000]
    two = line(667, sku="TEE", number=1, quantity=2_000)
    assert remaining(taken(sale, back(two)).left) == [0, 2_000], "no price fits: number 1, then the rest"


def test_the_unit_price_is_that_of_the_sale_whatever_came_back_since() -> None:
    sale = sold(line(900, sku="BALL", number=1), line(2_000, sku="BALL", number=2, quantity=2_000))
    one = back(line(1_000, sku="BALL", number=1))
    assert remaining(taken(sale, one, one).left) == [1_000, 0]


def test_where_no_unit_price_fits_the_same_number_comes_first() -> None:
    sale = sold(line(900, sku="BALL", number=1), line(1_000, sku="BALL", number=2))
    assert remaining(taken(sale, back(line(800, sku="BALL", number=2))).left) == [1_000, 0]


def test_of_several_lines_of_the_same_unit_price_the_same_number_comes_first() -> None:
    sale = sold(BALL, line(1_000, sku="BALL", number=5))
    assert remaining(taken(sale, back(line(1_000, sku="BALL", number=5))).left) == [1_000, 0]


def test_where_neither_price_nor_number_fits_the_first_line_is_taken() -> None:
    sale = sold(GLOVE, line(900, sku="BALL", number=7), line(1_000, sku="BALL", number=3))
    assert remaining(taken(sale, back(line(800, sku="BALL", number=4))).left) == [1_000, 0, 1_000]


def test_what_does_not_fit_in_the_best_line_spills_over_to_the_next_best() -> None:
    sale = sold(
        line(900, sku="BALL", number=1),
        line(800, sku="BALL", number=2),
        line(1_000, sku="BALL", number=3),
        GLOVE,
    )
    result = taken(sale, back(line(2_500, sku="BALL", number=2, quantity=2_500)))
    assert remaining(result.left) == [500, 0, 0, 1_000]
    assert complaints(result) == FINE


def test_a_line_that_is_wholly_back_is_passed_over() -> None:
    sale = sold(BALL, line(1_000, sku="BALL", number=2))
    result = taken(sale, back(BALL), back(BALL))
    assert remaining(result.left) == [0, 0]
    assert complaints(result) == FINE


def test_two_lines_of_one_return_do_not_take_the_same_piece() -> None:
    sale = sold(BALL, line(1_000, sku="BALL", number=2), GLOVE)
    assert remaining(taken(sale, back(BALL, BALL)).left) == [0, 0, 1_000]


# Quantities that tills leave out or turn round.


@pytest.mark.parametrize(("sold_of", "asked_of"), [(0, 0), (0, 1_000), (1_000, 0)])
def test_a_quantity_of_zero_is_one_piece(sold_of: int, asked_of: int) -> None:
    sale = sold(line(1_000, sku="BALL", quantity=sold_of), GLOVE)
    result = taken(sale, back(line(1_000, sku="BALL", quantity=asked_of)))
    assert remaining(result.left) == [0, 1_000]
    assert complaints(result) == FINE


def test_the_unit_price_of_a_quantity_of_zero_is_that_of_one_piece() -> None:
    sale = sold(
        line(1_000, sku="BALL", number=1, quantity=2_000), line(1_000, sku="BALL", number=2, quantity=0)
    )
    assert remaining(taken(sale, back(line(1_000, sku="BALL", number=1, quantity=0))).left) == [2_000, 0]


def test_a_negative_quantity_takes_nothing() -> None:
    sale = sold(BALL, GLOVE)
    result = taken(sale, back(line(1_000, sku="BALL", quantity=-1_000)))
    assert result == Taken(whole(sale), exceeds=False, unmatched=False)


def test_a_line_that_was_itself_a_return_cannot_come_back_and_keeps_its_money() -> None:
    sale = sold(GLOVE, line(-2_000, "golf", sku="OLD", quantity=-1_000))
    result = taken(sale, back(line(2_000, sku="OLD")))
    assert complaints(result) == (False, True)
    assert money(result.left) == ((("wear", 9_000), ("golf", -2_000)), ())
    assert result.left.total == 7_000


# When nothing remains.


def test_a_discount_or_an_exchanged_line_does_not_keep_a_purchase_alive() -> None:
    discount = line(-500, sku="LESS", number=8)
    exchanged = line(300, sku="OLD", quantity=-1_000, number=9)
    result = taken(sold(BALL, discount, exchanged, net=900), back(BALL))
    assert result.left.total == 300 - 500 + 100
    assert result.left.is_nothing


def test_a_gift_on_the_receipt_keeps_it_alive_until_it_is_back_too() -> None:
    gift = line(0, sku="GIFT", number=8)
    sale = sold(BALL, gift)
    kept = taken(sale, back(BALL)).left
    assert kept.total == 0
    assert not kept.is_nothing
    assert taken(sale, back(BALL), back(gift)).left.is_nothing


def test_the_last_thousandth_keeps_a_purchase_alive() -> None:
    sale = sold(THREE_TEES)
    assert not taken(sale, back(line(1_000, sku="TEE", quantity=2_999))).left.is_nothing


# By amount.


def test_a_return_without_lines_takes_its_amount_from_the_total() -> None:
    result = taken(sold(BALL, GLOVE), back(net=3_990))
    assert complaints(result) == FINE
    assert money(result.left) == ((("golf", 1_000), ("wear", 9_000), ("", -3_990)), ())
    assert result.left.total == 6_010
    assert not result.left.is_nothing


def test_lines_returned_on_a_purchase_without_lines_count_by_amount() -> None:
    result = taken(sold(net=12_990), back(BALL, net=3_990))
    assert complaints(result) == FINE
    assert money(result.left) == ((("", 9_000),), ())
    assert not result.left.is_nothing


@pytest.mark.parametrize("net", [0, -1, -5_000])
def test_a_return_of_no_amount_takes_nothing(net: int) -> None:
    for sale in (sold(net=12_990), sold(net=0), sold(net=-500), sold(BALL, GLOVE)):
        result = taken(sale, back(net=net))
        assert result == Taken(whole(sale), exceeds=False, unmatched=False)
        assert not result.left.is_nothing


@pytest.mark.parametrize(
    ("net", "left", "nothing", "exceeds"),
    [(9_999, 1, False, False), (10_000, 0, True, False), (10_001, 0, True, True)],
)
@pytest.mark.parametrize("sale", [sold(BALL, GLOVE), sold(net=10_000), sold(BALL, net=10_000)])
def test_an_amount_takes_no_more_than_remains(
    sale: PurchaseRecorded, net: int, left: int, nothing: bool, exceeds: bool
) -> None:
    result = taken(sale, back(net=net))
    assert result.left.total == left
    assert result.left.is_nothing == nothing
    assert complaints(result) == (exceeds, False)


def test_the_smallest_amount_takes_and_exceeds() -> None:
    assert taken(sold(net=1), back(net=1)).left.is_nothing
    assert taken(sold(net=2), back(net=1), back(net=1)).left.is_nothing
    assert taken(sold(net=0), back(net=1)).exceeds


def test_amounts_and_lines_together_leave_nothing_once_the_money_is_gone() -> None:
    by_amount, glove, ball = back(net=1_000), back(GLOVE), back(BALL)
    sale = sold(BALL, GLOVE)
    assert taken(sale, by_amount, glove).left.is_nothing
    assert taken(sale, glove, by_amount).left.is_nothing
    assert not taken(sale, glove).left.is_nothing
    assert not taken(sale, by_amount, ball).left.is_nothing
    assert taken(sale, by_amount, ball, glove).left.is_nothing


def test_a_return_of_no_amount_after_one_by_amount_changes_nothing_either() -> None:
    sale = sold(BALL, GLOVE)
    once = taken(sale, back(net=1_000))
    assert taken(sale, back(net=1_000), back(net=0)) == once
    assert once.left.by_amount


def test_an_amount_above_what_a_part_leaves_exceeds_by_the_exact_fraction() -> None:
    two_thirds = [back(line(333, sku="TEE"))]
    sale = sold(THREE_TEES)
    assert not taken(sale, *two_thirds, back(net=666)).exceeds
    assert taken(sale, *two_thirds, back(net=667)).exceeds


# Tenders.


CARD, GIFT = Tender("card", 5_000), Tender("gift_card", 5_000)


def sums(of: Remainder) -> dict[str, int]:
    found: dict[str, int] = {}
    for tender in of.tenders:
        found[tender.type] = found.get(tender.type, 0) + tender.amount_minor
    return found


@pytest.mark.parametrize(("refund", "left"), [(1, 4_999), (5_000, 0), (5_001, 0), (0, 5_000), (-1, 5_000)])
def test_a_refund_lowers_what_its_tender_paid_and_never_below_zero(refund: int, left: int) -> None:
    result = taken(sold(BALL, GLOVE, tenders=[CARD, GIFT]), back(BALL, tenders=[Tender("gift_card", refund)]))
    assert sums(result.left) == {"card": 5_000, "gift_card": left}


def test_without_a_refund_the_originals_tenders_stay() -> None:
    result = taken(sold(BALL, GLOVE, tenders=[CARD, GIFT]), back(BALL))
    assert result.left.tenders == (CARD, GIFT)


def test_a_refund_in_a_tender_that_paid_nothing_lowers_none() -> None:
    result = taken(sold(BALL, GLOVE, tenders=[CARD]), back(BALL, tenders=[Tender("cash", 1_000)]))
    assert result.left.tenders == (CARD,)


def test_refunds_by_amount_lower_tenders_too() -> None:
    result = taken(
        sold(net=10_000, tenders=[CARD, GIFT]), back(net=1_000, tenders=[Tender("gift_card", 400)])
    )
    assert sums(result.left) == {"card": 5_000, "gift_card": 4_600}


def test_a_tender_in_several_rows_is_one_tender() -> None:
    paid = [Tender("gift_card", 1_000), Tender("gift_card", 2_000), Tender("card", 7_000)]
    refunds = [Tender("gift_card", 1_500), Tender("gift_card", 600)]
    result = taken(sold(BALL, GLOVE, tenders=paid), back(BALL, tenders=refunds))
    assert sums(result.left) == {"card": 7_000, "gift_card": 900}


def test_refunds_of_several_returns_add_up() -> None:
    sale = sold(THREE_TEES, tenders=[Tender("gift_card", 1_000)])
    tee = back(line(333, sku="TEE"), tenders=[Tender("gift_card", 400)])
    assert sums(taken(sale, tee).left) == {"gift_card": 600}
    assert sums(taken(sale, tee, tee).left) == {"gift_card": 200}
    assert sums(taken(sale, tee, tee, tee).left) == {"gift_card": 0}


def test_change_counts_in_what_a_tender_paid() -> None:
    paid = [Tender("cash", 10_000), Tender("cash", -7_000), Tender("card", 7_000)]
    result = taken(sold(BALL, GLOVE, tenders=paid), back(GLOVE, tenders=[Tender("cash", 9_000)]))
    assert sums(result.left) == {"cash": 0, "card": 7_000}
    only_change = sold(BALL, GLOVE, tenders=[Tender("cash", -700)])
    assert sums(taken(only_change, back(BALL, tenders=[Tender("cash", 100)])).left) == {"cash": -700}


@pytest.mark.parametrize(
    "nothing",
    [line(1_000, sku="OTHER"), line(1_000, sku="BALL"), line(1_000, sku="GLOVE", quantity=-1_000)],
    ids=["unknown", "back already", "negative"],
)
def test_a_return_that_takes_nothing_refunds_nothing(nothing: Line) -> None:
    sale = sold(BALL, GLOVE, tenders=[CARD, GIFT])
    result = taken(sale, back(BALL), back(nothing, tenders=[Tender("gift_card", 1_000)]))
    assert result.left == taken(sale, back(BALL)).left


def test_a_return_of_no_amount_refunds_nothing() -> None:
    sale = sold(net=10_000, tenders=[CARD, GIFT])
    assert taken(sale, back(net=0, tenders=[Tender("gift_card", 1_000)])).left == whole(sale)


def test_after_an_amount_took_all_that_was_left_a_return_refunds_nothing() -> None:
    sale = sold(net=5_000, tenders=[Tender("card", 5_000)])
    all_back, again = back(net=9_000), back(net=1, tenders=[Tender("card", 1)])
    assert taken(sale, all_back, again) == Taken(taken(sale, all_back).left, exceeds=True, unmatched=False)
    assert taken(sale, all_back, again).left.tenders == (Tender("card", 5_000),)


def test_a_return_of_many_lines_looks_at_each_line_a_few_times_and_not_at_all_of_them_for_each() -> None:
    """Or one receipt of a thousand lines of one sku would take seconds to fold."""
    of = sold(*[line(1_000, "golf", sku="TEE", number=number, quantity=9_000) for number in range(100)])
    asked = back(*[line(500, "golf", sku="TEE", number=number) for number in range(100)])
    left, calls = whole(of), 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        result = after(left, asked)
    finally:
        sys.setprofile(None)
    assert remaining(result.left) == [8_000] * 100
    assert calls < 5_000
