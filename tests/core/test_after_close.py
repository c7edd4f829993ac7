"""A closed total stays: later gains count after the close, late clawbacks empty these, the rest moves on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import permutations

import pytest

from loyalty_core.after_close import CLOSED_TOTAL, Closed, freeze
from loyalty_core.entries import NO_EVENT, EntryKind, PointEntry, Step
from loyalty_core.events import EventId, Order
from tests.core.days import total
from tests.core.made import day, event_id

DECEMBER, JANUARY, JULY = "2026-12-20", "2027-01-10", "2027-07-10"
ORDER: Mapping[EventId, Order] = {event_id(seq): (1_000 + seq, "T1", 1, 0, seq) for seq in range(100)}


def entry(
    seq: int,
    points: int,
    qualifying: int | None = None,
    *,
    kind: EntryKind = "earn",
    on: str = DECEMBER,
    period: str = "2026-H2",
) -> PointEntry:
    return PointEntry(
        event=event_id(seq),
        kind=kind,
        earned_day=day(DECEMBER),
        business_day=day(on),
        period_id=period,
        redeemable=points,
        qualifying=points if qualifying is None else qualifying,
        programme_version=7,
        steps=(Step("return", "clawback", "0", 0, points),),
    )


def clawback(
    seq: int, points: int, qualifying: int | None = None, *, on: str = JANUARY, period: str = "2026-H2"
) -> PointEntry:
    return entry(seq, points, qualifying, kind="clawback", on=on, period=period)


def closed(qualifying: int, *clawed: int) -> Closed:
    return Closed(qualifying, frozenset(event_id(seq) for seq in clawed))


def frozen(
    entries: Iterable[PointEntry], periods: Mapping[str, Closed], order: Mapping[EventId, Order] = ORDER
) -> list[tuple[int, str, int, int]]:
    """Return (seq, period, redeemable, qualifying) of what results; points come only to keep a total."""
    given = list(entries)
    result = freeze(given, periods, order, 6)
    kept_up = [one for one in result if one.rule == CLOSED_TOTAL]
    redeemable, qualifying = total(given)
    assert total(result) == (redeemable, qualifying + sum(one.qualifying for one in kept_up))
    return sorted((one.event.seq, one.period_id, one.redeemable, one.qualifying) for one in result)


def test_without_a_closed_period_nothing_changes() -> None:
    entries = (entry(1, 100), clawback(2, -30))
    assert freeze(entries, {}, {}, 6) == entries
    assert freeze([], {"2026-H2": closed(0)}, {}, 6) == ()


def test_what_the_close_saw_stays_as_it_is() -> None:
    entries = (entry(1, 100), clawback(2, -30, on=DECEMBER))
    assert freeze(entries, {"2026-H2": closed(70, 2)}, {}, 6) == entries


def test_entries_of_other_periods_pass_through() -> None:
    other = entry(1, 100, period="2027-H1"), clawback(2, -40, period="2027-H1")
    assert set(freeze(other, {"2026-H2": closed(0)}, {}, 6)) == set(other)


def test_later_gains_count_in_the_closed_period() -> None:
    assert frozen([entry(1, 100), entry(2, 20)], {"2026-H2": closed(100)}) == [
        (1, "2026-H2", 100, 100),
        (2, "2026-H2", 20, 20),
    ]


def test_a_late_clawback_takes_the_qualifying_points_of_the_period_open_on_its_date() -> None:
    entries = [entry(1, 100), clawback(2, -30)]
    first, second = freeze(entries, {"2026-H2": closed(100)}, ORDER, 6)[1:]
    assert (first.period_id, first.redeemable, first.qualifying) == ("2026-H2", -30, 0)
    assert (second.period_id, second.redeemable, second.qualifying) == ("2027-H1", 0, -30)
    for one in (first, second):
        assert (one.event, one.kind, one.business_day, one.earned_day, one.programme_version, one.steps) == (
            event_id(2),
            "clawback",
            day(JANUARY),
            day(DECEMBER),
            7,
            entries[1].steps,
        )


@pytest.mark.parametrize(
    ("gain", "here", "there"), [(0, 0, -30), (10, -10, -20), (29, -29, -1), (30, -30, 0), (31, -30, 0)]
)
def test_a_late_clawback_first_lowers_what_came_after_the_close_down_to_zero(
    gain: int, here: int, there: int
) -> None:
    moved = [(3, "2027-H1", 0, there)] if there else []
    assert frozen([entry(1, 100), entry(2, gain), clawback(3, -30)], {"2026-H2": closed(100)}) == [
        (1, "2026-H2", 100, 100),
        (2, "2026-H2", gain, gain),
        (3, "2026-H2", -30, here),
        *moved,
    ]


def test_only_the_qualifying_points_are_split() -> None:
    entries = [entry(1, 100, 200), entry(2, 5, 8), clawback(3, -40, -20)]
    assert frozen(entries, {"2026-H2": closed(200)})[2:] == [
        (3, "2026-H2", -40, -8),
        (3, "2027-H1", 0, -12),
    ]


def test_a_late_clawback_of_redeemable_points_alone_is_not_split() -> None:
    entries = (entry(1, 100), clawback(2, -30, 0))
    assert freeze(entries, {"2026-H2": closed(100)}, {}, 6) == entries


def test_a_takeback_that_gives_points_is_a_gain() -> None:
    """A return may raise a day: the visit that it frees counts more than what it takes."""
    assert frozen([entry(1, 100), clawback(2, 10), clawback(3, -4)], {"2026-H2": closed(100)})[2:] == [
        (3, "2026-H2", -4, -4)
    ]


def test_all_later_gains_count_before_any_late_clawback() -> None:
    entries = [entry(1, 100), clawback(2, -30), entry(9, 20)]
    for shuffled in permutations(entries):
        assert frozen(shuffled, {"2026-H2": closed(100)})[1:3] == [
            (2, "2026-H2", -30, -20),
            (2, "2027-H1", 0, -10),
        ]


def test_late_clawbacks_empty_what_came_after_the_close_in_canonical_order() -> None:
    entries = [entry(1, 100), entry(2, 25), clawback(3, -20), clawback(4, -20), clawback(5, -20)]
    expected = [
        (3, "2026-H2", -20, -20),
        (4, "2026-H2", -20, -5),
        (4, "2027-H1", 0, -15),
        (5, "2026-H2", -20, 0),
        (5, "2027-H1", 0, -20),
    ]
    for shuffled in permutations(entries):
        assert frozen(shuffled, {"2026-H2": closed(100)})[2:] == expected
    backwards = {event_id(seq): (2_000 - seq, "T1", 1, 0, seq) for seq in range(10)}
    assert frozen(entries, {"2026-H2": closed(100)}, backwards)[2:] == [
        (3, "2026-H2", -20, 0),
        (3, "2027-H1", 0, -20),
        (4, "2026-H2", -20, -5),
        (4, "2027-H1", 0, -15),
        (5, "2026-H2", -20, -20),
    ]


def test_a_clawback_that_the_close_saw_is_no_late_one() -> None:
    entries = [entry(1, 100), clawback(2, -30, on=DECEMBER), entry(3, 10), clawback(4, -10)]
    assert frozen(entries, {"2026-H2": closed(70, 2)})[1:] == [
        (2, "2026-H2", -30, -30),
        (3, "2026-H2", 10, 10),
        (4, "2026-H2", -10, -10),
    ]


def test_what_fell_below_the_closed_total_makes_no_room_and_takes_none() -> None:
    entries = [entry(1, 90), clawback(2, -30)]
    assert frozen(entries, {"2026-H2": closed(100)}) == [
        (0, "2026-H2", 0, 10),
        (1, "2026-H2", 90, 90),
        (2, "2026-H2", -30, 0),
        (2, "2027-H1", 0, -30),
    ]


def test_a_closed_total_is_kept_by_an_adjustment_that_says_so() -> None:
    (_, kept) = freeze([entry(1, 90)], {"2026-H2": closed(100)}, ORDER, 6)
    assert (kept.kind, kept.event, kept.rule, kept.earned_day) == ("adjustment", NO_EVENT, CLOSED_TOTAL, 0)
    assert (kept.period_id, kept.business_day, kept.redeemable) == ("2026-H2", day("2026-12-31"), 0)
    assert kept.programme_version == 0
    assert kept.steps == (Step(CLOSED_TOTAL, "adjustment", "2026-H2", 0, 10, "qualifying"),)


def test_caps_and_bonuses_that_moved_since_the_close_count_as_they_stand() -> None:
    moved = [entry(1, 100), entry(0, -20, kind="cap"), entry(3, 50, kind="bonus"), clawback(4, -40)]
    assert frozen(moved, {"2026-H2": closed(100)})[-2:] == [
        (4, "2026-H2", -40, -30),
        (4, "2027-H1", 0, -10),
    ]


def test_a_cap_that_cuts_more_than_came_after_the_close_stays_where_it_is() -> None:
    moved = [entry(1, 100), entry(0, -60, kind="cap"), entry(3, 50, kind="bonus"), clawback(4, -40)]
    assert frozen(moved, {"2026-H2": closed(100)}) == [
        (0, "2026-H2", -60, -60),
        (0, "2026-H2", 0, 10),
        (1, "2026-H2", 100, 100),
        (3, "2026-H2", 50, 50),
        (4, "2026-H2", -40, 0),
        (4, "2027-H1", 0, -40),
    ]


@pytest.mark.parametrize(
    ("on", "period"),
    [(DECEMBER, "2027-H2"), (JANUARY, "2027-H2"), (JULY, "2027-H2"), ("2028-01-01", "2028-H1")],
)
def test_the_rest_goes_to_the_next_open_period_where_that_of_its_date_is_closed(on: str, period: str) -> None:
    periods = {"2026-H2": closed(100), "2027-H1": closed(0)}
    assert frozen([entry(1, 100), clawback(2, -30, on=on)], periods)[1:] == [
        (2, "2026-H2", -30, 0),
        (2, period, 0, -30),
    ]


def test_a_return_dated_in_the_closed_period_itself_moves_to_the_next() -> None:
    assert frozen([entry(1, 100), clawback(2, -30, on=DECEMBER)], {"2026-H2": closed(100)})[2:] == [
        (2, "2027-H1", 0, -30)
    ]


@pytest.mark.parametrize("saw", [(), (2,)])
def test_the_rest_never_goes_to_a_period_before_the_one_it_takes_from(saw: tuple[int, ...]) -> None:
    own = [entry(1, 50, on=JANUARY, period="2027-H1"), clawback(2, -20, on=DECEMBER, period="2027-H1")]
    periods = {"2026-H2": closed(0, *saw), "2027-H1": closed(50)}
    assert frozen(own, periods) == [(1, "2027-H1", 50, 50), (2, "2027-H1", -20, 0), (2, "2027-H2", 0, -20)]
    assert frozen(own, {"2027-H1": closed(50)})[-1] == (2, "2027-H2", 0, -20)


def test_what_moved_to_a_period_before_that_one_closed_stays_in_it() -> None:
    """The clawback of January was in the total on which 2027-H1 was closed."""
    periods = {"2026-H2": closed(100), "2027-H1": closed(20, 2)}
    spring = entry(3, 50, period="2027-H1", on=JANUARY)
    assert frozen([entry(1, 100), clawback(2, -30), spring], periods) == [
        (1, "2026-H2", 100, 100),
        (2, "2026-H2", -30, 0),
        (2, "2027-H1", 0, -30),
        (3, "2027-H1", 50, 50),
    ]


def test_what_stays_in_a_later_closed_period_is_part_of_what_it_was_closed_on() -> None:
    """Of 2027-H1: 60 earned less the 30 of January are 10 above the 20 it was closed on."""
    periods = {"2027-H1": closed(20, 2), "2026-H2": closed(100)}
    spring = entry(3, 60, period="2027-H1", on=JANUARY)
    late = clawback(4, -15, on="2027-02-01", period="2027-H1")
    assert frozen([entry(1, 100), clawback(2, -30), spring, late], periods)[-2:] == [
        (4, "2027-H1", -15, -10),
        (4, "2027-H2", 0, -5),
    ]


def test_gains_that_come_later_still_take_up_what_had_moved_on() -> None:
    before = frozen([entry(1, 100), clawback(2, -30)], {"2026-H2": closed(100)})
    after = frozen([entry(1, 100), clawback(2, -30), entry(3, 12)], {"2026-H2": closed(100)})
    assert [row for row in before if row[0] == 2] == [(2, "2026-H2", -30, 0), (2, "2027-H1", 0, -30)]
    assert [row for row in after if row[0] == 2] == [(2, "2026-H2", -30, -12), (2, "2027-H1", 0, -18)]
