"""Which money of a purchase a rule counts: by tender, by category, and of what is left of its lines."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest

from loyalty_core.events import Line
from loyalty_core.matching import eligible_minor, nets_of
from loyalty_core.programme import When
from loyalty_core.receipts import item_of
from loyalty_core.resolved import Item
from tests.core.days import bought, given
from tests.core.made import SEOUL, line, purchase
from tests.core.programmes import GOLF, PURCHASE, SPEND, earn, minimum, programme, weight


@pytest.mark.parametrize("tender", ["points", "gift_card"])
def test_points_and_gift_cards_never_earn(tender: str) -> None:
    rule = programme(earns=[SPEND])
    assert given(rule, bought(12_990, tenders=[(tender, 3_000), ("card", 9_990)])) == [9]
    assert given(rule, bought(12_990, tenders=[(tender, 12_990)])) == [0]


def test_a_tender_is_excluded_where_the_rule_says_so() -> None:
    item = bought(12_990, tenders=[("voucher", 3_000), ("card", 9_990)])
    excluding = When(on=PURCHASE, exclude_tenders=frozenset({"voucher"}))
    assert given(programme(earns=[earn(per=1000, when=excluding)]), item) == [9]
    assert given(programme(earns=[SPEND]), item) == [12]


def test_change_in_an_excluded_tender_lowers_what_it_paid_but_never_adds_money() -> None:
    when = When(exclude_tenders=frozenset({"cash"}))
    assert eligible_minor(when, bought(5_000, tenders=[("cash", 10_000), ("cash", -7_000)])) == 2_000
    assert eligible_minor(when, bought(5_000, tenders=[("cash", -7_000)])) == 5_000


def test_eligible_money_is_never_below_zero() -> None:
    assert eligible_minor(When(), bought(-1)) == 0
    assert eligible_minor(When(), bought(5_000, tenders=[("gift_card", 9_000)])) == 0


def test_only_the_lines_that_a_rule_names_count() -> None:
    item = bought(lines=[("golf", 5_500), ("food", 7_490)])
    only = earn(per=1000, when=When(on=PURCHASE, categories=GOLF))
    without = earn(per=1000, when=When(on=PURCHASE, exclude_categories=GOLF))
    assert given(programme(earns=[only]), item) == [5]
    assert given(programme(earns=[without]), item) == [7]


def test_a_category_named_and_excluded_is_excluded() -> None:
    when = When(categories=GOLF | {"food"}, exclude_categories=GOLF)
    assert eligible_minor(when, bought(lines=[("golf", 5_500), ("food", 7_490), ("", 1)])) == 7_490


def test_fixed_points_for_a_category_want_a_line_of_it() -> None:
    rule = programme(earns=[earn(points=10, when=When(on=PURCHASE, categories=GOLF))])
    assert given(rule, bought(lines=[("food", 5_000)])) == [0]
    assert given(rule, bought(lines=[("food", 5_000), ("golf", 0)])) == [10]
    excluding = programme(earns=[earn(points=10, when=When(on=PURCHASE, exclude_categories=GOLF))])
    assert given(excluding, bought(lines=[("golf", 5_000)])) == [0]
    assert given(excluding, bought(lines=[("golf", 5_000), ("food", 1)])) == [10]


def test_a_receipt_without_lines_is_one_line_without_category() -> None:
    item = item_of(purchase(net=12_990), "S1", SEOUL)
    assert given(programme(earns=[SPEND]), item) == [12]
    only = earn(per=1000, when=When(on=PURCHASE, categories=GOLF))
    assert given(programme(earns=[only]), item) == [0]


@pytest.mark.parametrize(("lines", "points"), [((line(9_000),), 8), ((line(7_000), line(500)), 8), ((), 8)])
def test_the_total_is_believed_whatever_the_lines_add_up_to(lines: tuple[Line, ...], points: int) -> None:
    item = item_of(purchase(net=8_000, lines=lines), "S1", SEOUL)
    assert given(programme(earns=[SPEND]), item) == [points]


# What is left of lines after returns.


def remains(item: Item, money: tuple[tuple[str, int], ...], *parts: tuple[str, int, int, int]) -> Item:
    return msgspec.structs.replace(item, money=money, parts=parts)


def test_only_points_are_floored_and_never_what_remains_of_a_line() -> None:
    item = bought(lines=[("golf", 1_000), ("food", 2_000)])
    left = remains(item, (), ("golf", 1_000, 2_000, 3_000), ("food", 2_000, 2_000, 3_000))
    assert eligible_minor(When(), left) == 2_000
    assert given(programme(earns=[SPEND]), left) == [2]
    assert given(programme(earns=[earn(points=10, when=minimum(2_000))]), left) == [10]
    assert given(programme(earns=[earn(points=10, when=minimum(2_001))]), left) == [0]
    assert list(nets_of(left)) == [("golf", Fraction(2_000, 3)), ("food", Fraction(4_000, 3))]


def test_parts_of_lines_count_beside_whole_ones_each_in_its_category() -> None:
    item = bought(lines=[("golf", 10_000), ("food", 5_000)])
    left = remains(item, (("food", 5_000),), ("golf", 10_000, 2_000, 3_000))
    only = When(on=PURCHASE, categories=GOLF)
    assert eligible_minor(only, left) == Fraction(20_000, 3)
    assert given(programme(earns=[earn(per=1_000, when=only)]), left) == [6]
    doubled = programme(earns=[SPEND], weights=[weight("2", when=only)])
    assert given(doubled, item) == [25]
    assert given(doubled, left) == [11 + 6]
