"""What is left of a receipt after returns, and what its day is worth with it."""

from __future__ import annotations

from itertools import permutations

import pytest

from loyalty_core.accrual import derive_day
from loyalty_core.entries import PointEntry, Step
from loyalty_core.events import Fact, Tender
from loyalty_core.programme import Programme, When
from loyalty_core.receipts import fold_receipt
from loyalty_core.resolved import Resolved
from tests.core.days import bought, rules, taken_back
from tests.core.made import FRIDAY, RULES, day, key, line, purchase, returned, void
from tests.core.programmes import PURCHASE, SPEND, cap, earn, moonlight, programme

TEES = line(1_000, "golf", sku="TEE", number=1, quantity=3_000)
TEE = line(333, "golf", sku="TEE", number=1)


def day_of_facts(of: Programme, *facts: Fact) -> tuple[PointEntry, ...]:
    """Return the entries of a Friday on which there is one receipt, whatever order its facts come in."""
    entries = {derive_day(rules(of), _resolved(shuffled)) for shuffled in permutations(facts)}
    (only,) = entries
    return only


def _resolved(*receipts: tuple[Fact, ...]) -> list[Resolved]:
    found = [fold_receipt(facts, RULES).resolved for facts in receipts]
    return [one for one in found if one is not None]


def points(entries: tuple[PointEntry, ...]) -> list[tuple[int, int]]:
    """Return (seq, points) of entries that move both kinds of points alike."""
    assert all(entry.redeemable == entry.qualifying for entry in entries)
    return [(entry.event.seq, entry.redeemable) for entry in entries]


def test_a_return_says_what_remains() -> None:
    left = bought(9_000)
    entries = derive_day(
        rules(moonlight()), [taken_back(bought(12_990), f"{FRIDAY} 12:00", seq=2, remains=left)]
    )
    assert entries[1].steps == (Step("return", "clawback", "9000", 12, 9),)


def test_a_line_returned_next_week_takes_back_3_of_12() -> None:
    lines = [line(9_000, sku="GLOVE", number=1), line(3_990, sku="BALL", number=2)]
    back = returned(2, 3_990, when="2026-11-27 15:00", lines=[lines[1]])
    entries = day_of_facts(moonlight(), purchase(1, 12_990, lines=lines), back)
    assert points(entries) == [(1, 12), (2, -3)]
    assert [entry.kind for entry in entries] == ["earn", "clawback"]
    assert entries[1].business_day == day("2026-11-27")
    assert (entries[1].earned_day, entries[1].period_id) == (day(FRIDAY), "2026-H2")


def test_several_returns_take_back_to_the_point_what_the_purchase_earned() -> None:
    """Of 1,000 for three: 666 2/3 remain, then 333 1/3, then nothing."""
    tees = [
        returned(seq, 333, when=f"2026-11-2{seq} 10:00", lines=[TEE], number=f"R00{seq}") for seq in (2, 3, 4)
    ]
    of = programme(earns=[earn(per=1)])
    entries = day_of_facts(of, purchase(1, 1_000, lines=[TEES]), *tees)
    assert points(entries) == [(1, 1_000), (2, -334), (3, -333), (4, -333)]
    assert [entry.steps for entry in entries[1:]] == [
        (Step("return", "clawback", "666", 1_000, 666),),
        (Step("return", "clawback", "333", 666, 333),),
        (Step("return", "clawback", "0", 333, 0),),
    ]


def test_a_line_that_earned_nothing_takes_nothing() -> None:
    food = line(3_990, "food", sku="TEA", number=2)
    of = programme(earns=[earn(per=1_000, when=When(on=PURCHASE, exclude_categories=frozenset({"food"})))])
    sale = purchase(1, 12_990, lines=[line(9_000, "wear", sku="GLOVE"), food])
    entries = day_of_facts(of, sale, returned(2, lines=[food]))
    assert points(entries) == [(1, 9), (2, 0)]
    assert entries[1].steps == (Step("return", "clawback", "9000", 9, 9),)


@pytest.mark.parametrize("tender", ["points", "gift_card"])
@pytest.mark.parametrize(
    ("refunded", "clawback"),
    [(0, -3), (1_000, -2), (3_000, 0), (3_990, 0)],
)
def test_of_a_purchase_partly_paid_with_points_or_gift_cards_a_return_takes_what_the_rest_earned(
    tender: str, refunded: int, clawback: int
) -> None:
    """9,990 of 12,990 were paid by card: 9 points. 9,000 remain, less what is still paid with the tender."""
    lines = [line(9_000, sku="GLOVE", number=1), line(3_990, sku="BALL", number=2)]
    sale = purchase(1, 12_990, lines=lines, tenders=[Tender(tender, 3_000), Tender("card", 9_990)])
    refunds = [Tender(tender, refunded), Tender("card", 3_990 - refunded)]
    entries = day_of_facts(moonlight(), sale, returned(2, lines=[lines[1]], tenders=refunds))
    assert points(entries) == [(1, 9), (2, clawback)]


def test_a_return_that_fits_no_line_gives_no_points_by_what_it_refunds() -> None:
    sale = purchase(1, 10_000, tenders=[Tender("gift_card", 5_000)], lines=[line(10_000, sku="GLOVE")])
    back = returned(2, lines=[line(3_000, sku="OTHER")], tenders=[Tender("gift_card", 3_000)])
    assert points(day_of_facts(moonlight(), sale, back)) == [(1, 5), (2, 0)]


def test_what_a_cap_had_cut_is_what_comes_back_first() -> None:
    of = programme(earns=[SPEND], caps=[cap(10)])
    backs = [
        returned(2, 3_990, when="2026-11-21 10:00", number="R1"),
        returned(3, 2_000, when="2026-11-22 10:00", number="R2"),
    ]
    assert points(day_of_facts(of, purchase(1, 15_000), *backs)) == [(1, 10), (2, 0), (3, -1)]


def test_what_is_returned_leaves_its_room_under_a_cap_to_the_next() -> None:
    of = programme(earns=[SPEND], caps=[cap(15)])
    first, second = purchase(1, 9_000), purchase(2, 9_000, when=f"{FRIDAY} 11:00", receipt=key("0002"))
    back = returned(3, 9_000, when=f"{FRIDAY} 12:00")
    entries = derive_day(rules(of), _resolved((first, back), (second,)))
    assert points(entries) == [(1, 9), (2, 6), (3, -6)]


def test_a_return_that_frees_a_limit_may_give_more_than_it_takes() -> None:
    of = programme(earns=[earn(per=1_000, limit=1)])
    first, second = purchase(1, 1_000), purchase(2, 9_000, when=f"{FRIDAY} 11:00", receipt=key("0002"))
    entries = derive_day(rules(of), _resolved((first, void(3, when=f"{FRIDAY} 12:00")), (second,)))
    assert points(entries) == [(1, 1), (2, 0), (3, 8)]


def test_a_purchase_of_which_a_part_remains_keeps_its_place_in_limits() -> None:
    of = programme(earns=[earn(points=10, limit=1)])
    first, second = purchase(1, 5_000), purchase(2, 9_000, when=f"{FRIDAY} 11:00", receipt=key("0002"))
    part = returned(3, 4_999, when=f"{FRIDAY} 12:00")
    assert points(derive_day(rules(of), _resolved((first, part), (second,)))) == [(1, 10), (2, 0), (3, 0)]
    all_of_it = returned(3, 5_000, when=f"{FRIDAY} 12:00")
    entries = derive_day(rules(of), _resolved((first, all_of_it), (second,)))
    assert points(entries) == [(1, 10), (2, 0), (3, 0)]
    alone = derive_day(rules(of), _resolved((first, all_of_it)))
    assert points(alone) == [(1, 10), (3, -10)]


def test_returns_of_a_day_take_their_turn_among_its_purchases() -> None:
    of = programme(earns=[SPEND], caps=[cap(10)])
    first, second = purchase(1, 8_000), purchase(4, 8_000, when=f"{FRIDAY} 12:00", receipt=key("0002"))
    entries = derive_day(
        rules(of),
        _resolved(
            (first, returned(3, 5_000, when=f"{FRIDAY} 11:00")),
            (second, returned(6, 1_000, of=key("0002"), when=f"{FRIDAY} 13:00")),
        ),
    )
    assert points(entries) == [(1, 8), (3, -5), (4, 7), (6, 0)]


def test_takebacks_whose_clock_is_before_their_item_come_right_after_it_in_their_own_order() -> None:
    sale = purchase(5, 9_000, when=f"{FRIDAY} 12:00")
    backs = [
        returned(2, 3_000, when=f"{FRIDAY} 09:00", number="R2"),
        returned(1, 1_000, when=f"{FRIDAY} 10:00", number="R1"),
        void(9, when=f"{FRIDAY} 12:00"),
    ]
    next_one = purchase(6, 1_000, when=f"{FRIDAY} 12:00", receipt=key("0002"))
    entries = derive_day(rules(moonlight()), _resolved((sale, *backs), (next_one,)))
    assert points(entries) == [(5, 9), (2, -3), (1, -1), (6, 1), (9, -5)]
