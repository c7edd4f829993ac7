"""The oracle on copies, owners and claims of a receipt: the fine print of `design/domain.md`."""

from __future__ import annotations

import pytest

from loyalty_core.programme import When
from tests.oracle.tale import (
    FRIDAY,
    VISIT,
    Tale,
    day,
    earn,
    line,
    programme,
)


def test_the_same_content_is_one_purchase_whoever_told_it_and_in_whatever_order_of_lines() -> None:
    tale = Tale()
    two = [line(4_000, "A"), line(5_000, "B", number=2)]
    tale.buy(f"{FRIDAY} 10:00", lines=two, paid=[("card", 1), ("cash", 8_999)])
    tale.buy(f"{FRIDAY} 10:00", m=None, lines=two[::-1], paid=[("cash", 8_999), ("card", 1)], by="T2")
    assert (tale.moved(), tale.conflicts()) == ([("earn", 9, 9)], set())


def test_of_several_contents_the_first_in_canonical_order_stands_and_the_others_are_conflicts() -> None:
    tale = Tale()
    tale.buy(f"{FRIDAY} 10:01", 9_000, m="m2")
    tale.buy(f"{FRIDAY} 10:00", 5_000, m="m1")
    assert (tale.moved("m1"), tale.moved("m2")) == ([("earn", 5, 5)], [])
    assert tale.conflicts() == {("copy_differs", 1)}


def test_another_content_gives_an_anonymous_receipt_no_owner() -> None:
    tale = Tale()
    tale.buy(f"{FRIDAY} 10:00", 5_000, m=None)
    tale.buy(f"{FRIDAY} 10:00", 6_000, m="m1")
    assert (tale.moved(), tale.conflicts()) == ([], {("copy_differs", 2)})


def test_a_copy_that_names_a_member_gives_an_anonymous_receipt_its_owner() -> None:
    tale = Tale()
    first = tale.buy(f"{FRIDAY} 10:00", 5_000, m=None)
    tale.buy(f"{FRIDAY} 10:00", 5_000, m="m1", by="T2")
    assert (tale.redeemable(first), tale.conflicts()) == (5, set())


def test_copies_that_name_different_members_conflict_and_the_first_stands() -> None:
    tale = Tale()
    tale.buy(f"{FRIDAY} 10:00", 5_000, m="m2", by="T2")
    tale.buy(f"{FRIDAY} 10:00", 5_000, m="m1")
    assert (tale.moved("m1"), tale.moved("m2")) == ([("earn", 5, 5)], [])
    assert tale.conflicts() == {("member_differs", 1)}
    assert tale.read(merges=(("m2", "m1"),)).conflicts == frozenset()


def test_identical_lines_inside_one_receipt_are_genuine() -> None:
    tale = Tale()
    tale.buy(f"{FRIDAY} 10:00", lines=[line(1_000), line(1_000)])
    assert tale.moved() == [("earn", 2, 2)]


def test_receipt_numbers_are_text_and_belong_to_a_till_and_a_date() -> None:
    tale = Tale()
    tale.buy(f"{FRIDAY} 10:00", 1_000, number="1")
    tale.buy(f"{FRIDAY} 10:01", 1_000, number="01")
    tale.buy(f"{FRIDAY} 10:02", 1_000, number="1", till="T2")
    tale.buy("2026-11-21 10:00", 1_000, number="1")
    tale.visit(f"{FRIDAY} 10:03", number="1")
    assert (tale.account().balance, tale.conflicts()) == (14, set())


def test_a_receipt_of_another_store_than_its_terminals_is_set_aside() -> None:
    tale = Tale()
    tale.buy(f"{FRIDAY} 10:00", 5_000, till="T3", by="T1")
    assert (tale.moved(), tale.conflicts()) == ([], set())


def test_a_visit_with_a_receipt_key_is_one_visit_however_often_it_comes() -> None:
    tale = Tale(programme(earns=(earn(10, when=When(on=VISIT)),)))
    tale.visit(f"{FRIDAY} 10:00", number="7")
    tale.visit(f"{FRIDAY} 10:00", number="7", till="T2")
    tale.visit(f"{FRIDAY} 10:00", number="8")
    assert tale.moved() == [("earn", 10, 10), ("earn", 10, 10)]


def test_a_fact_told_twice_is_one() -> None:
    tale = Tale(programme(earns=(earn(10, when=When(on=VISIT)),)))
    tale.visit(f"{FRIDAY} 10:00")
    tale.facts *= 2
    assert tale.moved() == [("earn", 10, 10)]


# Claims


def claimed(claim_on: str, **more: str) -> Tale:
    tale = Tale(programme(claim_days=14))
    tale.buy(f"{FRIDAY} 10:00", 5_000, m=None)
    tale.claim(f"{claim_on} 10:00", tale.key("0001", FRIDAY), "m1", **more)
    return tale


@pytest.mark.parametrize(("on", "moved"), [("2026-12-04", [("earn", 5, 5)]), ("2026-12-05", [])])
def test_a_claim_is_in_time_through_claim_days_after_the_purchase(
    on: str, moved: list[tuple[str, int, int]]
) -> None:
    tale = claimed(on)
    assert tale.moved() == moved
    assert tale.conflicts() == (set() if moved else {("claim_late", 2)})


def test_a_claimed_purchase_joins_its_own_day() -> None:
    tale = Tale(programme(earns=(earn(10, limit_per_day=1),)))
    early = tale.buy(f"{FRIDAY} 10:00", 5_000, m=None)
    late = tale.buy(f"{FRIDAY} 11:00", 5_000, number="0002")
    tale.claim("2026-11-27 10:00", tale.key("0001", FRIDAY), "m1", till="~hq")
    assert (tale.redeemable(early), tale.redeemable(late)) == (10, 0)
    assert {one.day for one in tale.account().entries} == {day(FRIDAY)}


def test_of_two_claims_the_first_stands_and_the_same_member_twice_is_no_conflict() -> None:
    tale = claimed("2026-11-22")
    tale.claim("2026-11-21 10:00", tale.key("0001", FRIDAY), "m2")
    tale.claim("2026-11-23 10:00", tale.key("0001", FRIDAY), "m2")
    assert (tale.moved("m1"), tale.moved("m2")) == ([], [("earn", 5, 5)])
    assert tale.conflicts() == {("claim_lost", 2)}


def test_a_claim_loses_against_a_copy_that_names_a_member() -> None:
    tale = claimed("2026-11-21")
    tale.buy(f"{FRIDAY} 10:00", 5_000, m="m2", by="T2")
    assert (tale.moved("m1"), tale.moved("m2")) == ([], [("earn", 5, 5)])
    assert tale.conflicts() == {("claim_lost", 2)}


def test_a_purchase_with_an_unknown_card_is_not_anonymous() -> None:
    tale = Tale()
    tale.buy(f"{FRIDAY} 10:00", 5_000, m="stranger")
    tale.claim(f"{FRIDAY} 11:00", tale.key("0001", FRIDAY), "m1")
    assert (tale.moved(), tale.conflicts()) == ([], {("claim_lost", 2)})


def test_a_claim_of_an_unknown_purchase_waits_for_it() -> None:
    tale = Tale()
    tale.claim(f"{FRIDAY} 09:00", tale.key("0001", FRIDAY), "m1")
    assert tale.conflicts() == {("claim_waiting", 1)}
    tale.buy(f"{FRIDAY} 10:00", 5_000, m=None)
    assert (tale.moved(), tale.conflicts()) == ([("earn", 5, 5)], set())
