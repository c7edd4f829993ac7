"""Which items a rule counts, and which of their money."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest

from loyalty_core.matching import eligible_minor, matches, money_of, nets_of
from loyalty_core.programme import Slot, When
from loyalty_core.units import MinorUnits, Minute
from tests.core.days import bought, visited
from tests.core.made import FIVE
from tests.core.programmes import GOLF, VISIT

# Of three gloves for 9,000 one came back.
PART = msgspec.structs.replace(bought(lines=[("food", 2_000)]), parts=(("golf", 9_000, 2_000, 3_000),))


@pytest.mark.parametrize(
    ("when", "counted"),
    [
        (When(), True),
        (When(on=VISIT), True),
        (When(on=frozenset({"purchase"})), False),
        (When(stores=frozenset({"S1"})), True),
        (When(stores=frozenset({"S2"})), False),
        (When(slot=Slot(FIVE, Minute(601))), True),
        (When(slot=Slot(FIVE, Minute(600))), False),
        (When(exclude_categories=GOLF), True),
        (When(exclude_tenders=frozenset({"voucher"})), True),
        (When(categories=GOLF), False),
        (When(minimum=MinorUnits(1)), False),
    ],
)
def test_a_visit_counts_where_no_rule_asks_it_for_money(when: When, counted: bool) -> None:
    assert matches(when, visited()) is counted


def test_what_is_left_of_a_line_counts_exactly_and_beside_the_whole_ones() -> None:
    assert list(nets_of(PART)) == [("food", 2_000), ("golf", 6_000)]
    third = msgspec.structs.replace(PART, parts=(("golf", 1_000, 1_000, 3_000),))
    assert list(nets_of(third)) == [("food", 2_000), ("golf", Fraction(1_000, 3))]


def test_what_is_left_of_a_line_is_of_its_category() -> None:
    assert money_of(PART) == 8_000
    assert money_of(PART, When(categories=GOLF)) == 6_000
    assert matches(When(categories=GOLF, minimum=MinorUnits(6_000)), PART)
    assert not matches(When(categories=GOLF, minimum=MinorUnits(6_001)), PART)
    assert eligible_minor(When(exclude_categories=GOLF), PART) == 2_000
