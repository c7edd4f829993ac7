"""Which tier is held on which day: the latest posted, grants above it, and upward only once it is posted."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from loyalty_core.assessment import (
    Assessed,
    Close,
    Grant,
    Outcome,
    Raised,
    Step,
    TierFacts,
    assess,
    assessed_on,
    highest,
    kind_of,
    restated,
    start_of,
    tier_on,
    tier_steps,
    upgraded,
)
from loyalty_core.calendar import period_named
from loyalty_core.programme import Programme, Tier, TierPolicy
from loyalty_core.units import Day
from tests.core.made import day
from tests.core.programmes import LADDER, programme, tier

JANUARY, JULY, LATER = day("2026-01-16"), day("2026-07-16"), day("2026-09-01")


def row(number: int, code: str, from_day: str) -> Assessed:
    return Assessed(number=number, tier=code, from_day=day(from_day))


def grant(code: str, from_day: str, until_day: str) -> Grant:
    return Grant(tier=code, from_day=day(from_day), until_day=day(until_day))


def facts(*rows: Assessed, grants: tuple[Grant, ...] = ()) -> TierFacts:
    return TierFacts(rows, grants)


def ladder_on(_: Day) -> tuple[Tier, ...]:
    return LADDER


def by(downgrade: Literal["earned", "one_step", "keep"] = "one_step", grace: int = 0) -> Programme:
    policy = TierPolicy(downgrade=downgrade, grace_days=grace)
    return msgspec.structs.replace(programme(), policy=policy, version=3)


def close(
    period: str, qualifying: int, held: str | None, *, start: Day = JULY, rules: Programme | None = None
) -> Close:
    return Close(
        period=period_named(period, 6), programme=rules or by(), qualifying=qualifying, start=start, held=held
    )


def tiers(found: tuple[Raised, ...]) -> list[tuple[Day, str]]:
    return [(one.from_day, one.tier) for one in found]


def test_the_highest_is_the_ladders_and_the_lowest_where_it_knows_none() -> None:
    assert highest(LADDER, ["GOLD", "SILVER"]) == "GOLD"
    assert highest(LADDER, ["SILVER", "TITAN"]) == "SILVER"
    assert highest(LADDER, ["TITAN"]) == highest(LADDER, []) == "BRONZE"


@pytest.mark.parametrize(
    ("on", "held"),
    [
        ("2026-01-15", "BRONZE"),
        ("2026-01-16", "GOLD"),
        ("2026-07-15", "GOLD"),
        ("2026-07-16", "SILVER"),
        ("2026-08-14", "SILVER"),
        ("2026-08-15", "SILVER"),
    ],
)
def test_of_what_has_begun_the_latest_posted_is_in_force(on: str, held: str) -> None:
    rows = (row(9, "SILVER", "2026-07-16"), row(3, "GOLD", "2026-01-16"), row(7, "PLATINUM", "2026-08-15"))
    assert assessed_on([facts(*rows)], day(on), LADDER) == held


def test_a_grant_lifts_above_what_was_assessed_between_its_two_days() -> None:
    group = [facts(row(3, "GOLD", "2026-01-16"), grants=(grant("PLATINUM", "2026-02-01", "2026-02-28"),))]
    days = ("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01")
    assert [tier_on(group, day(on), LADDER) for on in days] == ["GOLD", "PLATINUM", "PLATINUM", "GOLD"]
    assert assessed_on(group, day("2026-02-01"), LADDER) == "GOLD"


def test_a_grant_takes_nothing_from_who_holds_more() -> None:
    group = [facts(row(3, "GOLD", "2026-01-16"), grants=(grant("SILVER", "2026-02-01", "2026-02-28"),))]
    assert tier_on(group, day("2026-02-01"), LADDER) == "GOLD"


def test_who_count_as_one_hold_the_highest_of_theirs_whatever_their_numbers() -> None:
    group = [facts(row(9, "SILVER", "2026-01-16")), facts(row(2, "GOLD", "2026-01-16")), facts()]
    assert tier_on(group, JANUARY, LADDER) == tier_on(group[::-1], JANUARY, LADDER) == "GOLD"


def test_steps_are_the_days_on_which_the_tier_in_force_changes() -> None:
    group = [
        facts(
            row(3, "GOLD", "2026-01-16"),
            row(5, "GOLD", "2026-07-16"),
            grants=(
                grant("DIAMOND", "2026-02-01", "2026-02-28"),
                grant("SILVER", "2026-04-01", "2026-04-30"),
            ),
        )
    ]
    assert tier_steps(group, day("2026-01-01"), ladder_on) == (
        Step(day("2026-01-01"), "BRONZE"),
        Step(JANUARY, "GOLD"),
        Step(day("2026-02-01"), "DIAMOND"),
        Step(day("2026-03-01"), "GOLD"),
    )
    assert tier_steps(group, day("2026-03-01"), ladder_on) == (Step(day("2026-03-01"), "GOLD"),)


def test_a_version_with_another_ladder_makes_a_step_for_who_was_never_assessed() -> None:
    june, july = day("2026-06-01"), day("2026-07-01")
    lower = (tier("IRON", 0), *[msgspec.structs.replace(one, start=one.start + 50) for one in LADDER])

    def ladders(on: Day) -> tuple[Tier, ...]:
        return lower if on >= july else LADDER

    steps = tier_steps([facts()], june, ladders, [july])
    assert steps == (Step(june, "BRONZE"), Step(july, "IRON"))
    assert tier_steps([facts()], june, ladders) == (Step(june, "BRONZE"),)


@pytest.mark.parametrize(
    ("posted", "start"),
    [("2026-07-03", "2026-07-16"), ("2026-07-15", "2026-07-16"), ("2026-07-16", "2026-07-17")],
)
def test_a_close_is_valid_after_its_days_and_never_from_a_day_that_has_begun(posted: str, start: str) -> None:
    assert start_of(period_named("2026-H1", 6), TierPolicy(), day(posted)) == day(start)


@pytest.mark.parametrize(
    ("held", "tier", "kind"),
    [
        ("SILVER", "GOLD", "upgrade"),
        ("GOLD", "SILVER", "downgrade"),
        ("GOLD", "GOLD", "renewal"),
        ("TITAN", "BRONZE", "renewal"),
        ("TITAN", "SILVER", "upgrade"),
    ],
)
def test_a_tier_above_the_held_is_an_upgrade_and_one_below_a_downgrade(
    held: str, tier: str, kind: str
) -> None:
    assert kind_of(LADDER, held, tier) == kind


@pytest.mark.parametrize(
    ("qualifying", "held", "assessed", "outcome"),
    [
        (300, "SILVER", "SILVER", Outcome("GOLD", "upgrade", False)),
        (299, "SILVER", "SILVER", Outcome("SILVER", "renewal", False)),
        (0, "DIAMOND", "DIAMOND", Outcome("PLATINUM", "downgrade", True)),
        (0, "GOLD", "BRONZE", Outcome("SILVER", "downgrade", False)),
        (0, "GOLD", "SILVER", Outcome("SILVER", "downgrade", False)),
    ],
)
def test_a_fall_waits_where_it_lowers_what_was_assessed(
    qualifying: int, held: str, assessed: str, outcome: Outcome
) -> None:
    assert assess(qualifying, held, assessed, by()) == outcome


def test_grace_moves_only_what_waits() -> None:
    policy = TierPolicy(grace_days=30)
    assert Outcome("SILVER", "downgrade", True).from_day(JULY, policy) == JULY + 30
    assert Outcome("SILVER", "downgrade", False).from_day(JULY, policy) == JULY


def test_late_points_raise_from_the_first_day_after_their_posting() -> None:
    group = [facts(row(3, "SILVER", "2026-07-16"))]
    found = restated([close("2026-H1", 300, "SILVER")], group, LATER, ladder_on)
    assert found == (
        Raised(
            period_id="2026-H1",
            kind="upgrade",
            held="SILVER",
            tier="GOLD",
            qualifying=300,
            programme_version=3,
            from_day=LATER,
        ),
    )


def test_what_is_due_is_raised_once() -> None:
    group = [facts(row(3, "SILVER", "2026-07-16"), row(8, "GOLD", "2026-09-01"))]
    for first in (LATER, Day(LATER + 1)):
        assert restated([close("2026-H1", 300, "SILVER")], group, first, ladder_on) == ()


def test_nothing_falls_when_a_total_would_give_less_now() -> None:
    group = [facts(row(3, "GOLD", "2026-07-16"))]
    assert restated([close("2026-H1", 0, "BRONZE")], group, LATER, ladder_on) == ()


def test_a_raise_before_the_validity_waits_for_its_start() -> None:
    group = [facts(row(1, "BRONZE", "2026-01-16"), row(3, "SILVER", "2026-07-16"))]
    found = restated([close("2026-H1", 300, "BRONZE")], group, day("2026-07-05"), ladder_on)
    assert tiers(found) == [(JULY, "GOLD")]


def test_a_raise_into_the_next_validity_ends_where_that_ones_tier_begins() -> None:
    closes = [close("2026-H1", 800, "SILVER"), close("2026-H2", 0, "SILVER", start=day("2027-01-16"))]
    rows = (row(2, "SILVER", "2026-01-16"), row(3, "SILVER", "2026-07-16"), row(5, "BRONZE", "2027-01-16"))
    found = restated(closes, [facts(*rows)], day("2027-01-06"), ladder_on)
    assert tiers(found) == [(day("2027-01-06"), "PLATINUM"), (day("2027-01-16"), "GOLD")]
    assert [(one.kind, one.held, one.period_id) for one in found] == [
        ("upgrade", "SILVER", "2026-H1"),
        ("downgrade", "PLATINUM", "2026-H2"),
    ]


def test_the_fall_from_what_late_points_made_waits_for_grace() -> None:
    rules = by(grace=30)
    closes = [
        close("2026-H1", 800, "SILVER", rules=rules),
        close("2026-H2", 0, "SILVER", start=day("2027-01-16"), rules=rules),
    ]
    rows = (row(2, "SILVER", "2026-01-16"), row(3, "SILVER", "2026-07-16"), row(5, "BRONZE", "2027-02-15"))
    found = restated(closes, [facts(*rows)], day("2027-01-06"), ladder_on)
    assert tiers(found) == [(day("2027-01-06"), "PLATINUM"), (day("2027-02-15"), "GOLD")]


def test_each_of_several_steps_says_what_the_one_before_it_gave() -> None:
    starts = (JULY, day("2027-01-16"), day("2027-07-16"))
    totals = (2_000, 0, 0)
    periods = ("2026-H1", "2026-H2", "2027-H1")
    closes = [
        close(period, total, "BRONZE", start=start)
        for period, total, start in zip(periods, totals, starts, strict=True)
    ]
    found = restated(closes, [facts()], JULY, ladder_on)
    assert [(one.held, one.tier) for one in found] == [
        ("BRONZE", "DIAMOND"),
        ("DIAMOND", "PLATINUM"),
        ("PLATINUM", "GOLD"),
    ]


@pytest.mark.parametrize(("until", "held"), [("2026-08-30", "SILVER"), ("2026-08-31", "GOLD")])
def test_what_is_held_before_a_raise_is_held_on_the_day_before(until: str, held: str) -> None:
    group = [facts(row(3, "SILVER", "2026-07-16"), grants=(grant("GOLD", "2026-08-01", until),))]
    (found,) = restated([close("2026-H1", 800, "SILVER")], group, LATER, ladder_on)
    assert (found.from_day, found.held) == (LATER, held)


def test_each_day_is_ranked_by_its_own_ladder() -> None:
    asked = set()

    def ladders(on: Day) -> tuple[Tier, ...]:
        asked.add(on)
        return LADDER

    restated([close("2026-H1", 300, "SILVER")], [facts(row(3, "SILVER", "2026-07-16"))], LATER, ladders)
    assert asked == {LATER, LATER - 1}


def test_the_next_close_falls_from_what_late_points_made_of_the_one_before() -> None:
    closes = [close("2026-H1", 800, "SILVER"), close("2026-H2", 0, "SILVER", start=day("2027-01-16"))]
    rows = (row(3, "SILVER", "2026-07-16"), row(5, "BRONZE", "2027-01-16"))
    found = restated(closes, [facts(*rows)], day("2027-03-01"), ladder_on)
    assert tiers(found) == [(day("2027-03-01"), "GOLD")]


def test_the_next_close_falls_from_what_it_found_where_that_was_more() -> None:
    closes = [close("2026-H1", 100, "BRONZE"), close("2026-H2", 0, "DIAMOND", start=day("2027-01-16"))]
    rows = (row(3, "SILVER", "2026-07-16"), row(5, "GOLD", "2027-01-16"))
    found = restated(closes, [facts(*rows)], day("2027-03-01"), ladder_on)
    assert tiers(found) == [(day("2027-03-01"), "PLATINUM")]


def test_a_raise_leaves_the_days_of_grace_before_a_fall() -> None:
    rows = (row(1, "DIAMOND", "2026-01-16"), row(3, "SILVER", "2026-08-15"))
    rules = by("earned", grace=30)
    found = restated([close("2026-H1", 300, "DIAMOND", rules=rules)], [facts(*rows)], JULY, ladder_on)
    assert tiers(found) == [(day("2026-08-15"), "GOLD")]
    assert [(one.kind, one.held) for one in found] == [("downgrade", "DIAMOND")]


def test_a_raise_above_what_was_held_does_not_wait_for_grace() -> None:
    rows = (row(1, "GOLD", "2026-01-16"), row(3, "SILVER", "2026-08-15"))
    rules = by("earned", grace=30)
    found = restated([close("2026-H1", 800, "GOLD", rules=rules)], [facts(*rows)], JULY, ladder_on)
    assert tiers(found) == [(JULY, "PLATINUM")]


def test_who_was_found_by_no_close_is_assessed_from_what_was_in_force() -> None:
    found = restated([close("2026-H1", 300, None)], [facts()], LATER, ladder_on)
    assert tiers(found) == [(LATER, "GOLD")]
    landing = facts(grants=(grant("DIAMOND", "2026-07-15", "2026-07-15"),))
    assert tiers(restated([close("2026-H1", 0, None)], [landing], LATER, ladder_on)) == [(LATER, "PLATINUM")]


def test_what_is_raised_under_a_grant_stands_when_the_grant_ends() -> None:
    group = [facts(row(3, "SILVER", "2026-07-16"), grants=(grant("GOLD", "2026-08-01", "2026-12-31"),))]
    found = restated([close("2026-H1", 300, "SILVER")], group, LATER, ladder_on)
    assert [(one.from_day, one.tier, one.kind, one.held) for one in found] == [
        (LATER, "GOLD", "renewal", "GOLD")
    ]


def test_a_month_raises_to_what_the_points_so_far_earn_and_keeps_what_is_to_come() -> None:
    group = [facts(row(3, "BRONZE", "2026-07-16"), row(5, "PLATINUM", "2026-11-01"))]
    found = upgraded(close("2026-H2", 300, None), group, LATER, ladder_on)
    assert tiers(found) == [(LATER, "GOLD"), (day("2026-11-01"), "PLATINUM")]
    assert upgraded(close("2026-H2", 99, None), group, LATER, ladder_on) == ()


def test_a_month_meets_a_fall_that_waits_for_grace() -> None:
    group = [facts(row(1, "GOLD", "2026-01-16"), row(3, "BRONZE", "2026-09-15"))]
    found = upgraded(close("2026-H2", 100, None), group, LATER, ladder_on)
    assert tiers(found) == [(day("2026-09-15"), "SILVER")]
