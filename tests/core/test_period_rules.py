"""What counts over a period or a life: caps and bonuses, each an entry of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest

from loyalty_core.accrual import DayItem
from loyalty_core.entries import NO_EVENT, PointEntry, Step, diff
from loyalty_core.events import EventId
from loyalty_core.period_rules import (
    CapUse,
    Counted,
    Counts,
    FirstMatches,
    birthday_in,
    first_matches,
    first_rules,
    fold_period,
    given_firsts,
)
from loyalty_core.programme import Affects, Programme, When
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day
from tests.core.days import bought, standing, taken_back, visited
from tests.core.made import FRIDAY, day, event_id
from tests.core.programmes import PURCHASE, bonus, cap, programme

JULY, AUGUST, SEPTEMBER = day("2026-07-10"), day("2026-08-10"), day("2026-09-10")
Days = Iterable[tuple[Day, tuple[DayItem, ...]]]


def item(
    seq: int, redeemable: int = 10, qualifying: int | None = None, *, rules: tuple[str, ...] = ("cap",)
) -> DayItem:
    """Return what stands of a visit or purchase, and the rules that count it."""
    return DayItem(event_id(seq), 0, redeemable, redeemable if qualifying is None else qualifying, rules)


def fold(
    of: Programme | Callable[[Day], Programme | None],
    *days: tuple[Day, tuple[DayItem, ...]],
    birthday: str | None = None,
    firsts: Mapping[str, EventId] | None = None,
    counts: Counts | None = None,
) -> tuple[PointEntry, ...]:
    """Return the entries of the second half of 2026."""
    born = None if birthday is None else day(birthday)
    return fold_period(
        "2026-H2",
        days,
        (lambda _: of) if isinstance(of, Programme) else of,
        Counted(born, firsts or {}),
        counts,
    )


def moves(entries: Iterable[PointEntry]) -> list[tuple[str, int, int, Day]]:
    return [(entry.rule, entry.redeemable, entry.qualifying, entry.business_day) for entry in entries]


def given(entries: Iterable[PointEntry]) -> list[tuple[int, int]]:
    """Return (seq, points) of bonuses that give both kinds of points alike."""
    held = list(entries)
    assert all(entry.redeemable == entry.qualifying for entry in held)
    return [(entry.event.seq, entry.redeemable) for entry in held]


# Caps.


@pytest.mark.parametrize(("limit", "cut"), [(24, 6), (29, 1), (30, 0), (31, 0), (0, 30)])
def test_a_period_cap_cuts_what_the_days_exceed_it_by(limit: int, cut: int) -> None:
    of = programme(caps=[cap(limit, "period")])
    entries = fold(of, (JULY, (item(1), item(2))), (AUGUST, (item(3),)))
    assert [(entry.redeemable, entry.qualifying) for entry in entries] == ([(-cut, -cut)] if cut else [])


def test_a_cap_is_one_entry_of_no_event_dated_on_the_last_day_that_it_cut() -> None:
    of = programme(caps=[cap(15, "period")])
    none = item(4, 0)
    entries = fold(of, (JULY, (item(1), item(2))), (AUGUST, (item(3),)), (SEPTEMBER, (none,)))
    assert entries == (
        PointEntry(
            event=NO_EVENT,
            kind="cap",
            earned_day=Day(0),
            business_day=AUGUST,
            period_id="2026-H2",
            redeemable=-15,
            qualifying=-15,
            programme_version=7,
            steps=(Step("cap", "cap", "15", 30, 15),),
            rule="cap",
        ),
    )


def test_a_cap_counts_only_the_items_that_match_it() -> None:
    of = programme(caps=[cap(15, "period")])
    other = item(2, 100, rules=("else",))
    assert moves(fold(of, (JULY, (item(1), other, item(3))))) == [("cap", -5, -5, JULY)]


def test_only_caps_of_a_period_are_applied_here() -> None:
    of = programme(caps=[cap(1, "day", rule="day"), cap(1, "event", rule="event")])
    assert fold(of, (JULY, (item(1, rules=("day", "event")),))) == ()


def test_a_cap_counts_redeemable_and_qualifying_points_separately() -> None:
    of = programme(caps=[cap(15, "period")])
    (entry,) = fold(of, (JULY, (item(1, 10, 20),)), (AUGUST, (item(2, 8, 3),)))
    assert (entry.redeemable, entry.qualifying, entry.business_day) == (-3, -8, AUGUST)
    assert entry.steps == (
        Step("cap", "cap", "15", 18, 15, "redeemable"),
        Step("cap", "cap", "15", 23, 15, "qualifying"),
    )
    (entry,) = fold(of, (JULY, (item(1, 10, 12), item(2, 4, 8))))
    assert (entry.redeemable, entry.qualifying) == (0, -5)
    (entry,) = fold(of, (JULY, (item(1, 12, 10), item(2, 8, 4))))
    assert (entry.redeemable, entry.qualifying) == (-5, 0)


@pytest.mark.parametrize(
    ("affects", "expected"), [("redeemable", (-5, 0)), ("qualifying", (0, -15)), (None, (-5, -15))]
)
def test_a_cap_may_cut_one_kind_of_points(affects: Affects, expected: tuple[int, int]) -> None:
    of = programme(caps=[cap(15, "period", affects=affects)])
    (entry,) = fold(of, (JULY, (item(1, 20, 30),)))
    assert (entry.redeemable, entry.qualifying) == expected


def test_a_later_cap_counts_what_the_earlier_ones_let_through() -> None:
    both = ("small", "large")
    small, large = cap(15, "period", rule="small"), cap(20, "period", rule="large")
    only_large = item(3, rules=("large",))
    days = ((JULY, (item(1, 12, rules=both), item(2, 12, rules=both))), (AUGUST, (only_large,)))
    entries = fold(programme(caps=[small, large]), *days)  # 12 + 3, then 5 of the last 10
    assert moves(entries) == [("small", -9, -9, JULY), ("large", -5, -5, AUGUST)]
    entries = fold(programme(caps=[large, small]), *days)  # 12 + 8 of which 12 + 3, then none of the last 10
    assert moves(entries) == [("large", -14, -14, AUGUST), ("small", -5, -5, JULY)]


def test_a_cap_cuts_an_item_that_gives_nothing_by_nothing() -> None:
    of = programme(caps=[cap(0, "period")])
    assert fold(of, (JULY, (item(1, 0),))) == ()


def test_each_day_is_cut_by_the_limit_of_its_own_version() -> None:
    def version_on(on: Day) -> Programme:
        later = on >= AUGUST
        return programme(caps=[cap(12 if later else 25, "period")], version=8 if later else 7)

    (entry,) = fold(version_on, (JULY, (item(1), item(2))), (AUGUST, (item(3),)), (SEPTEMBER, (item(4),)))
    assert (entry.redeemable, entry.business_day, entry.programme_version) == (-20, SEPTEMBER, 8)
    assert entry.steps == (Step("cap", "cap", "12", 40, 20),)


def test_a_limit_that_was_raised_lets_through_what_it_has_room_for() -> None:
    def version_on(on: Day) -> Programme:
        return programme(caps=[cap(25 if on >= AUGUST else 15, "period")])

    (entry,) = fold(version_on, (JULY, (item(1), item(2))), (AUGUST, (item(3, 9),)))
    assert (entry.redeemable, entry.business_day, entry.programme_version) == (-5, JULY, 7)


def test_a_version_without_the_cap_neither_cuts_nor_counts() -> None:
    def version_on(on: Day) -> Programme:
        return programme(caps=[] if on == AUGUST else [cap(15, "period")])

    days = ((JULY, (item(1),)), (AUGUST, (item(2, 90),)), (SEPTEMBER, (item(3),)))
    assert moves(fold(version_on, *days)) == [("cap", -5, -5, SEPTEMBER)]


def test_a_day_that_no_version_covers_counts_nothing_and_the_next_ones_count() -> None:
    def version_on(on: Day) -> Programme | None:
        return None if on == JULY else programme(caps=[cap(15, "period")])

    days = ((JULY, (item(1, 90),)), (AUGUST, (item(2),)), (SEPTEMBER, (item(3),)))
    assert moves(fold(version_on, *days)) == [("cap", -5, -5, SEPTEMBER)]


def test_counts_go_on_from_where_the_days_before_left_them() -> None:
    of = programme(caps=[cap(15, "period")], bonuses=[bonus(5, per="period", nth=3)])
    days = [(on, (item(seq, rules=("cap", "bonus")),)) for seq, on in enumerate((JULY, AUGUST, SEPTEMBER))]
    whole = fold(of, *days)
    counts = Counts()
    first = fold(of, *days[:2], counts=counts)
    rest = fold(of, days[2], counts=counts)
    assert moves(first) == [("cap", -5, -5, AUGUST)]
    assert rest == whole
    assert (counts.matches, counts.caps["cap"].through) == ({"bonus": 3}, (15, 15))


def test_counts_of_one_period_are_not_those_of_the_next() -> None:
    assert Counts() == Counts({}, {})
    of = programme(caps=[cap(15, "period")], bonuses=[bonus(5, per="period", nth=2)])
    for _ in range(2):
        assert fold(of, (JULY, (item(1, rules=("cap", "bonus")),))) == ()
    assert CapUse(cap(15, "period")).given == (0, 0)


def test_a_cap_moves_by_diff_whatever_day_it_is_dated_on() -> None:
    of = programme(caps=[cap(15, "period")])
    posted = fold(of, (JULY, (item(1), item(2))), (AUGUST, (item(3),)))
    returned = fold(of, (JULY, (item(1), item(2, 8))))
    (move,) = diff(returned, posted)
    assert (move.kind, move.corrects, move.redeemable) == ("correction", "cap", 12)
    assert diff(returned, [*posted, move]) == ()


# The n-th match of a period.


@pytest.mark.parametrize(("nth", "seqs"), [(None, [1]), (1, [1]), (2, [2]), (3, [3]), (4, [])])
def test_a_bonus_of_a_period_comes_with_exactly_the_nth_match(nth: int | None, seqs: list[int]) -> None:
    of = programme(bonuses=[bonus(5, per="period", nth=nth)])
    mine = ("bonus",)
    other = item(9, rules=("else",))
    entries = fold(
        of, (JULY, (other, item(1, rules=mine))), (AUGUST, (item(2, rules=mine), item(3, rules=mine)))
    )
    assert given(entries) == [(seq, 5) for seq in seqs]


def test_a_bonus_is_an_entry_of_its_item_dated_on_its_day() -> None:
    of = programme(bonuses=[bonus(5, per="period", nth=2)], version=9)
    entries = fold(of, (JULY, (item(1, rules=("bonus",)),)), (AUGUST, (item(2, rules=("bonus",)),)))
    assert entries == (
        PointEntry(
            event=event_id(2),
            kind="bonus",
            earned_day=Day(0),
            business_day=AUGUST,
            period_id="2026-H2",
            redeemable=5,
            qualifying=5,
            programme_version=9,
            steps=(Step("bonus", "bonus", "2", 0, 5),),
            rule="bonus",
        ),
    )


def test_a_bonus_without_nth_says_no_number() -> None:
    of = programme(bonuses=[bonus(5, per="period")])
    (entry,) = fold(of, (JULY, (item(1, rules=("bonus",)),)))
    assert entry.steps == (Step("bonus", "bonus", "", 0, 5),)


@pytest.mark.parametrize(("affects", "expected"), [("redeemable", (5, 0)), ("qualifying", (0, 5))])
def test_a_bonus_may_give_one_kind_of_points(affects: Affects, expected: tuple[int, int]) -> None:
    of = programme(bonuses=[bonus(5, per="period", affects=affects)])
    (entry,) = fold(of, (JULY, (item(1, rules=("bonus",)),)))
    assert (entry.redeemable, entry.qualifying) == expected
    assert [step.after for step in entry.steps] == list(expected)


def test_a_bonus_of_a_period_is_given_after_the_caps_and_is_not_cut() -> None:
    of = programme(caps=[cap(10, "period")], bonuses=[bonus(50, per="period")])
    entries = fold(of, (JULY, (item(1, 12, rules=("cap", "bonus")),)))
    assert moves(entries) == [("bonus", 50, 50, JULY), ("cap", -2, -2, JULY)]


def test_a_match_counts_only_on_days_whose_version_has_the_rule() -> None:
    def version_on(on: Day) -> Programme:
        return programme(bonuses=[] if on == AUGUST else [bonus(5, per="period", nth=2)])

    days = [(on, (item(seq, rules=("bonus",)),)) for seq, on in enumerate((JULY, AUGUST, SEPTEMBER), 1)]
    assert given(fold(version_on, *days)) == [(3, 5)]


def test_bonuses_of_a_day_are_not_given_here() -> None:
    of = programme(bonuses=[bonus(5, rule="event"), bonus(5, rule="day", per="day")])
    assert fold(of, (JULY, (item(1, rules=("event", "day")),))) == ()


def test_every_bonus_that_an_item_matches_is_given_in_the_order_written() -> None:
    of = programme(
        bonuses=[bonus(5, rule="b", per="period"), bonus(7, rule="else", per="period"), bonus(9, first=True)]
    )
    one = item(1, rules=("bonus", "b"))
    entries = fold(of, (JULY, (one,)), firsts={"bonus": event_id(1)})
    assert moves(entries) == [("b", 5, 5, JULY), ("bonus", 9, 9, JULY)]


def test_a_bonus_that_is_not_due_does_not_hide_the_next_one() -> None:
    of = programme(
        bonuses=[
            bonus(5, rule="b", per="period", nth=2),
            bonus(7, rule="else", per="period"),
            bonus(9, per="period"),
        ]
    )
    assert moves(fold(of, (JULY, (item(1, rules=("b", "bonus")),)))) == [("bonus", 9, 9, JULY)]


def test_a_cap_of_a_day_or_one_that_does_not_match_does_not_hide_the_next_one() -> None:
    of = programme(caps=[cap(1, "day", rule="day"), cap(1, "period", rule="else"), cap(4, "period")])
    assert moves(fold(of, (JULY, (item(1, rules=("day", "cap")),)))) == [("cap", -6, -6, JULY)]


# Birthdays.


@pytest.mark.parametrize(
    ("year", "birthday", "on"),
    [
        (2026, "1990-07-10", "2026-07-10"),
        (2028, "1990-07-10", "2028-07-10"),
        (2026, "1992-02-29", "2026-02-28"),
        (2028, "1992-02-29", "2028-02-29"),
        (2100, "1992-02-29", "2100-02-28"),
        (2026, "1992-02-28", "2026-02-28"),
        (2028, "1991-02-28", "2028-02-28"),
        (2028, "1991-03-01", "2028-03-01"),
    ],
)
def test_a_birthday_on_29_february_falls_on_the_28th_of_a_common_year(
    year: int, birthday: str, on: str
) -> None:
    assert birthday_in(year, day(birthday)) == day(on)


def birthday_items(seqs: Iterable[int]) -> tuple[DayItem, ...]:
    return tuple(item(seq, rules=("bonus",)) for seq in seqs)


BIRTHDAY_WEEK = (
    (Day(JULY - 1), birthday_items([1])),
    (JULY, birthday_items([2, 3])),
    (Day(JULY + 1), birthday_items([4])),
)


def test_a_birthday_bonus_comes_with_each_match_on_that_date() -> None:
    of = programme(bonuses=[bonus(5, birthday=True)])
    entries = fold(of, *BIRTHDAY_WEEK, birthday="1990-07-10")
    assert given(entries) == [(2, 5), (3, 5)]
    assert entries[0].steps == (Step("bonus", "bonus", "", 0, 5),)


def test_a_birthday_bonus_of_a_period_comes_with_the_first_match_on_that_date() -> None:
    of = programme(bonuses=[bonus(5, per="period", birthday=True)])
    assert given(fold(of, *BIRTHDAY_WEEK, birthday="1990-07-10")) == [(2, 5)]


def test_without_a_birthday_nobody_has_one() -> None:
    of = programme(bonuses=[bonus(5, birthday=True), bonus(5, rule="b", per="period", birthday=True)])
    assert fold(of, *BIRTHDAY_WEEK) == ()
    assert fold(of, *BIRTHDAY_WEEK, birthday="1990-01-10") == ()


def test_a_birthday_bonus_gives_nothing_to_what_does_not_match_it() -> None:
    of = programme(bonuses=[bonus(5, birthday=True)])
    assert fold(of, (JULY, (item(1, rules=("else",)),)), birthday="1990-07-10") == ()


# The first in life.


def test_the_first_in_life_is_given_to_that_item_alone() -> None:
    of = programme(bonuses=[bonus(5, first=True)])
    days = ((JULY, birthday_items([1, 2])), (AUGUST, birthday_items([3])))
    entries = fold(of, *days, firsts={"bonus": event_id(2)})
    assert given(entries) == [(2, 5)]
    assert entries[0].steps == (Step("bonus", "bonus", "1", 0, 5),)
    assert fold(of, *days, firsts={"else": event_id(2)}) == ()


def test_a_first_under_an_earlier_version_without_the_rule_is_given_nothing_and_no_later_one_either() -> None:
    def version_on(on: Day) -> Programme:
        return programme(bonuses=[bonus(5, first=True)] if on >= AUGUST else [])

    days = ((JULY, birthday_items([1])), (AUGUST, birthday_items([2])))
    assert fold(version_on, *days, firsts={"bonus": event_id(1)}) == ()


def firsts(*versions: Programme, days: Iterable[tuple[Day, list[Resolved]]]) -> FirstMatches:
    """Return the firsts in life of one who holds the lowest tier."""
    return first_matches(first_rules(versions), days, lambda of, _: of.ladder[0].code)


def test_the_first_in_life_is_the_first_that_stands_in_canonical_order() -> None:
    of = programme(bonuses=[bonus(5, first=True, when=When(on=PURCHASE)), bonus(5, rule="else")])
    gone = taken_back(bought(seq=1), f"{FRIDAY} 11:00", seq=2)
    days = [
        (JULY, [gone, *standing(visited(seq=3))]),
        (AUGUST, standing(bought(seq=5, when="2026-08-10 11:00"), bought(seq=6, when="2026-08-10 10:00"))),
        (SEPTEMBER, standing(bought(seq=7))),
    ]
    assert firsts(of, days=days) == {(7, "bonus"): (AUGUST, event_id(6))}


@pytest.mark.parametrize(("tier", "found"), [("BRONZE", [(7, "bonus")]), ("GOLD", [])])
def test_the_first_of_a_tier_is_that_of_members_who_hold_it(tier: str, found: list[tuple[int, str]]) -> None:
    of = programme(bonuses=[bonus(5, first=True, when=When(tiers=frozenset({tier})))])
    assert list(firsts(of, days=[(JULY, standing(bought()))])) == found


def test_the_first_is_looked_for_on_the_days_of_all_versions_and_only_where_the_rule_is_in_play() -> None:
    july = bonus(5, first=True, when=When(from_day=AUGUST))
    versions = (programme(version=7, bonuses=[july]), programme(version=8, bonuses=[bonus(5, first=True)]))
    days = [(JULY, standing(bought(seq=1))), (AUGUST, standing(bought(seq=2)))]
    found = firsts(*versions, days=days)
    assert found == {(8, "bonus"): (JULY, event_id(1)), (7, "bonus"): (AUGUST, event_id(2))}
    assert given_firsts(found, lambda _: 7) == {"bonus": event_id(2)}
    assert given_firsts(found, lambda _: 9) == {}
    assert given_firsts(found, lambda on: 8 if on < AUGUST else 7) == {"bonus": event_id(1)}


def test_days_are_read_until_all_firsts_are_found() -> None:
    def days() -> Iterator[tuple[Day, list[Resolved]]]:
        yield JULY, standing(bought(seq=1))
        yield AUGUST, []
        raise AssertionError("nothing is looked for any more")

    assert firsts(programme(bonuses=[bonus(5, first=True)]), days=days()) == {
        (7, "bonus"): (JULY, event_id(1))
    }
    assert firsts(programme(bonuses=[bonus(5)]), days=[]) == {}
