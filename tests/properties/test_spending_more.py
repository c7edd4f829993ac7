"""Spending more never earns less.

The precondition: no cap; no weight below 1 with a `minimum`; no `limit_per_day` on a rule that looks at
money or lines to decide whether it matches; and, where lines of negative net occur, no weight that has both
a `minimum` and categories. The examples after the law show that each part is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from loyalty_core.accrual import derive_day
from loyalty_core.day_rules import rules_of_day
from loyalty_core.programme import Programme, When
from loyalty_core.resolved import Item
from loyalty_core.units import MinorUnits
from tests.core.days import bought, standing, total
from tests.core.programmes import earn, programme, weight
from tests.properties.drawn_days import TODAY, item_lists
from tests.properties.drawn_programmes import generous_programmes, tiers


def assert_more_is_not_less(of: Programme, tier: str, drawn: Sequence[Item], more: Item) -> None:
    rules = rules_of_day(of, TODAY, tier)
    after = [more if item.id == more.id else item for item in drawn]
    less, most = (total(derive_day(rules, standing(*day))) for day in (drawn, after))
    assert most[0] >= less[0]
    assert most[1] >= less[1]


@st.composite
def more_spent(draw: st.DrawFn, *, negative_lines: bool) -> tuple[list[Item], Item]:
    """Draw a day, and one of its purchases with a line raised or added."""
    drawn = draw(item_lists(negative_lines=negative_lines, at_least=1))
    purchases = [item for item in drawn if item.kind == "purchase"]
    if not purchases:
        return drawn, drawn[0]
    item = draw(st.sampled_from(purchases))
    extra = draw(st.integers(0, 3_000))
    place = draw(st.integers(0, len(item.money)))
    money = list(item.money)
    if place == len(money):
        money.append((draw(st.sampled_from(["", "golf", "food"])), extra))
    else:
        money[place] = (money[place][0], money[place][1] + extra)
    return drawn, msgspec.structs.replace(item, money=tuple(money))


@settings(max_examples=200)
@given(generous_programmes(negative_lines=False), tiers, more_spent(negative_lines=False))
def test_spending_more_never_earns_less_without_a_cap(
    of: Programme, tier: str, spent: tuple[list[Item], Item]
) -> None:
    assert_more_is_not_less(of, tier, *spent)


@settings(max_examples=150)
@given(generous_programmes(negative_lines=True), tiers, more_spent(negative_lines=True))
def test_spending_more_never_earns_less_where_discounts_are_lines_of_their_own(
    of: Programme, tier: str, spent: tuple[list[Item], Item]
) -> None:
    assert_more_is_not_less(of, tier, *spent)


def points_of(of: Programme, *bought_items: Item) -> int:
    return total(derive_day(rules_of_day(of, TODAY, "BRONZE"), standing(*bought_items)))[0]


def test_a_weight_below_one_with_a_minimum_may_earn_less_for_more() -> None:
    of = programme(earns=[earn(per=100)], weights=[weight("0.5", when=When(minimum=MinorUnits(2_000)))])
    assert (points_of(of, bought(1_999)), points_of(of, bought(2_000))) == (19, 10)


def test_a_limit_on_a_rule_that_asks_for_money_may_earn_less_for_more() -> None:
    of = programme(earns=[earn(per=1000, limit=1, when=When(minimum=MinorUnits(1_000)))])
    later = bought(9_000, seq=2, when="2026-11-20 12:00")
    assert (points_of(of, bought(999), later), points_of(of, bought(1_000), later)) == (9, 1)


def test_a_weight_on_a_discount_line_that_waits_for_a_minimum_may_earn_less_for_more() -> None:
    def only(*names: str, minimum: int = 0) -> When:
        return When(categories=frozenset(names), minimum=MinorUnits(minimum))

    of = programme(
        earns=[earn(per=1000)],
        weights=[
            weight("3", "a", when=only("discount")),
            weight("4", "b", when=only("golf")),
            weight("1.3", "c", when=only("food", "discount", minimum=100)),
        ],
        combine="product",
    )
    less, more = (
        bought(lines=[("food", net), ("discount", -4_900), ("golf", 10_000)]) for net in (4_999, 5_000)
    )
    assert (points_of(of, less), points_of(of, more)) == (30, 27)
