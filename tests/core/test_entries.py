"""diff brings what is posted to what should stand, and changes nothing that is posted."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest

from loyalty_core.entries import NO_EVENT, EntryKind, PointEntry, Step, diff, paired_steps
from tests.core.days import total
from tests.core.made import FRIDAY, day, event_id

STEP = Step("spend", "earn", "12990", 0, 12)


def entry(
    seq: int = 1,
    redeemable: int = 12,
    qualifying: int | None = None,
    *,
    kind: EntryKind = "earn",
    on: str = FRIDAY,
    earned: str = FRIDAY,
    period: str = "2026-H2",
    version: int = 7,
    corrects: EntryKind | None = None,
    rule: str = "",
) -> PointEntry:
    """Return an entry of the event of this seq; of none where it is 0."""
    return PointEntry(
        event=event_id(seq) if seq else NO_EVENT,
        kind=kind,
        earned_day=day(earned),
        business_day=day(on),
        period_id=period,
        redeemable=redeemable,
        qualifying=redeemable if qualifying is None else qualifying,
        programme_version=version,
        steps=(STEP,),
        corrects=corrects,
        rule=rule,
    )


def test_what_nobody_posted_is_posted_as_it_is() -> None:
    assert diff([entry()], []) == (entry(),)


def test_what_stands_as_it_should_moves_nothing() -> None:
    assert diff([entry()], [entry()]) == ()
    assert diff([], []) == ()


def test_a_new_version_that_gives_the_same_points_moves_nothing() -> None:
    assert diff([entry(version=8)], [entry(version=7)]) == ()


def test_what_stands_too_high_is_met_by_a_negative_correction_that_names_what_it_corrects() -> None:
    (move,) = diff([entry(1, 9, version=8)], [entry(1, 12)])
    assert (move.kind, move.corrects, move.redeemable, move.qualifying) == ("correction", "earn", -3, -3)
    assert (move.event, move.programme_version, move.steps) == (event_id(1), 8, (STEP,))


def test_what_should_not_stand_at_all_is_brought_to_zero() -> None:
    (move,) = diff([], [entry(1, 12, 10)])
    assert (move.kind, move.corrects, move.redeemable, move.qualifying) == ("correction", "earn", -12, -10)
    assert move.steps == ()


def test_a_correction_is_corrected_under_the_kind_of_its_first_entry() -> None:
    posted = [entry(1, 12), *diff([entry(1, 9)], [entry(1, 12)])]
    (move,) = diff([entry(1, 15)], posted)
    assert (move.kind, move.corrects, move.redeemable) == ("correction", "earn", 6)
    assert diff([entry(1, 15)], [*posted, move]) == ()


def test_what_came_and_went_comes_back_as_a_correction() -> None:
    posted = [entry(1, 12), *diff([], [entry(1, 12)])]
    assert diff([], posted) == ()
    (move,) = diff([entry(1, 12)], posted)
    assert (move.kind, move.corrects, move.redeemable) == ("correction", "earn", 12)


def test_only_one_kind_of_points_may_move() -> None:
    (move,) = diff([entry(1, 12, 20)], [entry(1, 12, 24)])
    assert (move.redeemable, move.qualifying) == (0, -4)


def test_a_movement_of_zero_makes_no_entry() -> None:
    assert diff([entry(1, 0)], []) == ()
    assert diff([], [entry(1, 0)]) == ()


@pytest.mark.parametrize(
    "other",
    [
        {"on": "2026-11-21"},
        {"period": "2027-H1"},
        {"kind": "clawback"},
        {"earned": "2026-11-19"},
        {"seq": 2},
        {"rule": "tenth"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_entries_of_another_event_kind_date_period_or_rule_are_not_each_other(
    other: dict[str, object],
) -> None:
    desired = entry(**other)  # type: ignore[arg-type]
    moves = diff([desired], [entry()])
    assert sorted(move.redeemable for move in moves) == [-12, 12]
    assert diff([desired], [entry(), *moves]) == ()


def test_the_order_in_which_things_were_posted_or_wished_for_does_not_matter() -> None:
    desired = [entry(1, 5), entry(2, 6), entry(2, -6, kind="clawback"), entry(10, 1)]
    posted = [entry(2, 9), entry(1, 12), entry(3, 4)]
    moves = diff(desired, posted)
    assert [(move.event.seq, move.redeemable) for move in moves] == [
        (1, -7),
        (2, -6),
        (2, -3),
        (3, -4),
        (10, 1),
    ]
    for wished in permutations(desired):
        for stood in permutations(posted):
            assert diff(wished, stood) == moves


def test_two_moves_come_in_the_order_of_their_events_too() -> None:
    assert [move.event.seq for move in diff([entry(2), entry(1)], [])] == [1, 2]


def test_the_same_wish_in_two_parts_is_their_sum() -> None:
    desired = [entry(1, 5), entry(1, 7)]
    moves = diff(desired, [entry(1, 4)])
    assert total(moves) == (8, 8)
    assert diff(desired, [entry(1, 4), *moves]) == ()


def test_nothing_posted_is_changed() -> None:
    posted = [entry(1, 12)]
    before = msgspec.json.encode(posted)
    diff([entry(1, 3)], posted)
    assert msgspec.json.encode(posted) == before


def test_a_generator_is_as_good_as_a_list() -> None:
    assert diff((one for one in [entry()]), (one for one in [entry(1, 2)]))[0].redeemable == 10


def test_what_follows_from_no_event_is_one_whatever_its_date() -> None:
    stood = entry(0, -5, kind="cap", rule="cap", on="2026-11-20")
    should = entry(0, -8, kind="cap", rule="cap", on="2026-12-03", version=8)
    (move,) = diff([should], [stood])
    assert (move.kind, move.corrects, move.redeemable, move.qualifying) == ("correction", "cap", -3, -3)
    assert (move.event, move.rule, move.business_day) == (NO_EVENT, "cap", day("2026-12-03"))
    assert diff([should], [stood, move]) == ()
    assert diff([entry(0, -5, kind="cap", rule="cap", on="2026-12-03")], [stood]) == ()


@pytest.mark.parametrize("other", [{"rule": "large"}, {"period": "2027-H1"}, {"kind": "expiry"}], ids=str)
def test_what_follows_from_no_event_is_told_apart_by_kind_period_and_rule(other: dict[str, object]) -> None:
    keys: dict[str, object] = {"seq": 0, "redeemable": -5, "kind": "cap", "rule": "cap"}
    desired, posted = entry(**{**keys, **other}), entry(**keys)  # type: ignore[arg-type]
    assert sorted(move.redeemable for move in diff([desired], [posted])) == [-5, 5]


def test_points_that_went_alike_are_one_step_and_others_one_for_each_kind() -> None:
    assert paired_steps("r", "cap", "9", (5, 5), (3, 3)) == (Step("r", "cap", "9", 5, 3),)
    assert paired_steps("r", "cap", "9", (5, 5), (3, 4)) == (
        Step("r", "cap", "9", 5, 3, "redeemable"),
        Step("r", "cap", "9", 5, 4, "qualifying"),
    )
    assert paired_steps("r", "cap", "9", (5, 6), (3, 3)) == (
        Step("r", "cap", "9", 5, 3, "redeemable"),
        Step("r", "cap", "9", 6, 3, "qualifying"),
    )
