"""What a total would be had every visit counted the same, and who stands alike before a threshold."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import msgspec

from loyalty_core.accrual import fold_day
from loyalty_core.alike import Given, Share, compare, shares, stand_alike, unweighted
from loyalty_core.entries import PointEntry
from loyalty_core.period_rules import Counted, fold_period
from loyalty_core.programme import Programme, When
from loyalty_core.resolved import Item
from tests.core.days import bought, rules, standing, taken_back, visited
from tests.core.made import FRIDAY, TUESDAY, TUESDAY_IN_DECEMBER, day, event_id
from tests.core.programmes import (
    DECEMBER,
    LADDER,
    QUIET_HOURS,
    bonus,
    cap,
    programme,
    weight,
)

PERIOD = "2026-H2"
WEIGHTED = programme(weights=[QUIET_HOURS, DECEMBER])


def derived(of: Programme, days: Iterable[tuple[str, Iterable[Item]]]) -> list[PointEntry]:
    """Return what these days, and the rules over the period, come to."""
    entries: list[PointEntry] = []
    counted = []
    for on, items in days:
        folded = fold_day(rules(of, on), standing(*items))
        entries += folded.entries
        counted.append((day(on), folded.items))
    return [*entries, *fold_period(PERIOD, counted, lambda _: of, Counted())]


def test_a_weight_of_one_does_what_no_weight_does() -> None:
    ones = [
        msgspec.structs.replace(each, times=Fraction(1))
        for each in (QUIET_HOURS, DECEMBER, weight("3", "goods", affects="qualifying"))
    ]
    items = [visited(f"{TUESDAY} 10:00"), bought(12_990, when=f"{TUESDAY} 11:00", seq=2)]
    for combine in ("best", "product", "sum"):
        with_ones = derived(programme(weights=ones, combine=combine), [(TUESDAY, items)])
        without = derived(unweighted(programme(weights=ones, combine=combine)), [(TUESDAY, items)])
        assert [one.qualifying for one in with_ones] == [one.qualifying for one in without] == [10, 12]


def test_each_visit_is_told_with_its_weight_and_what_it_would_be_without() -> None:
    days = [
        (TUESDAY, [visited(f"{TUESDAY} 10:00")]),
        (FRIDAY, [visited(f"{FRIDAY} 10:00", seq=2)]),
        (TUESDAY_IN_DECEMBER, [bought(12_990, when=f"{TUESDAY_IN_DECEMBER} 10:00", seq=3)]),
    ]
    found = compare(PERIOD, derived(WEIGHTED, days), derived(unweighted(WEIGHTED), days))
    assert [(one.event.seq, one.qualifying, one.alike, one.weights) for one in found] == [
        (2, 10, 10, ()),
        (1, 15, 10, (Given("quiet-hours", "1.5"),)),
        (3, 24, 12, (Given("december-double", "2"),)),
    ]
    assert [step.kind for step in found[1].steps] == ["earn", "weight"]
    assert shares(found) == (
        Share(weights=(), events=1, qualifying=10, alike=10),
        Share(weights=(Given("quiet-hours", "1.5"),), events=1, qualifying=15, alike=10),
        Share(weights=(Given("december-double", "2"),), events=1, qualifying=24, alike=12),
    )


def test_what_no_weight_touched_is_told_first_also_where_there_is_none() -> None:
    days = [(TUESDAY, [visited(f"{TUESDAY} 10:00"), visited(f"{TUESDAY} 10:30", seq=2)])]
    found = compare(PERIOD, derived(WEIGHTED, days), derived(unweighted(WEIGHTED), days))
    assert shares(found) == (
        Share(weights=(), events=1, qualifying=0, alike=0),
        Share(weights=(Given("quiet-hours", "1.5"),), events=1, qualifying=15, alike=10),
    )
    assert shares(()) == (Share(weights=(), events=0, qualifying=0, alike=0),)


def test_caps_and_bonuses_stay_as_they_are_and_meet_other_points() -> None:
    bounded = programme(
        weights=[DECEMBER],
        caps=[cap(15, "period", rule="half-year")],
        bonuses=[bonus(7, per="period", nth=2)],
    )
    on = TUESDAY_IN_DECEMBER
    days = [(on, [bought(8_000, when=f"{on} 10:00"), bought(5_000, when=f"{on} 11:00", seq=2)])]
    found = compare(PERIOD, derived(bounded, days), derived(unweighted(bounded), days))
    assert [(one.kind, one.rule, one.qualifying, one.alike) for one in found] == [
        ("earn", "", 16, 8),
        ("earn", "", 10, 5),
        ("bonus", "bonus", 7, 7),
        ("cap", "half-year", -11, 0),
    ]
    only_alike = compare(PERIOD, derived(unweighted(bounded), days), derived(bounded, days))
    assert (only_alike[-1].kind, only_alike[-1].qualifying, only_alike[-1].alike) == ("cap", 0, -11)
    assert only_alike[-1].steps == ()


def test_a_cap_that_cuts_last_on_another_day_is_one_movement() -> None:
    nothing = weight("0", when=When(from_day=day(TUESDAY)))
    bounded = programme(weights=[nothing], caps=[cap(15, "period", rule="half-year")])
    days = [
        (FRIDAY, [bought(20_000, when=f"{FRIDAY} 10:00")]),
        (TUESDAY, [bought(10_000, when=f"{TUESDAY} 10:00", seq=2)]),
    ]
    found = compare(PERIOD, derived(bounded, days), derived(unweighted(bounded), days))
    caps = [(one.qualifying, one.alike) for one in found if one.kind == "cap"]
    assert caps == [(-5, -15)]


def test_what_was_taken_back_is_taken_back_of_both() -> None:
    item = visited(f"{TUESDAY} 10:00")
    facts = [taken_back(item, f"{FRIDAY} 10:00", seq=2)]
    mine = fold_day(rules(WEIGHTED, TUESDAY), facts).entries
    others = fold_day(rules(unweighted(WEIGHTED), TUESDAY), facts).entries
    found = compare(PERIOD, mine, others)
    assert sorted((one.kind, one.qualifying, one.alike) for one in found) == [
        ("clawback", -15, -10),
        ("earn", 15, 10),
    ]
    assert sum(one.events for one in shares(found)) == 1


def test_other_periods_and_points_that_do_not_count_are_left_out() -> None:
    own = derived(WEIGHTED, [(TUESDAY, [visited(f"{TUESDAY} 10:00")])])
    spent = msgspec.structs.replace(own[0], kind="redemption", qualifying=0, event=event_id(9))
    other = msgspec.structs.replace(own[0], period_id="2027-H1", event=event_id(8))
    assert [one.event.seq for one in compare(PERIOD, [*own, spent, other], own)] == [1]


def test_a_weight_on_redeemable_points_alone_is_no_weight_of_a_visit() -> None:
    days = [(FRIDAY, [visited(f"{FRIDAY} 10:00")])]
    for affects, given in (("redeemable", ()), ("qualifying", (Given("weight", "3"),))):
        of = programme(weights=[weight("3", affects=affects)])  # type: ignore[arg-type]
        (one,) = compare(PERIOD, derived(of, days), derived(unweighted(of), days))
        assert (one.weights, one.qualifying) == (given, 30 if given else 10)


def test_alike_stands_who_lacks_as_much_or_less_to_the_same_tier() -> None:
    found = stand_alike(297, LADDER)
    assert found is not None
    assert (found.tier.code, found.low, found.high, found.missing) == ("GOLD", 297, 299, 3)
    at_threshold = stand_alike(100, LADDER)
    assert at_threshold is not None
    assert (at_threshold.tier.code, at_threshold.low, at_threshold.high) == ("GOLD", 100, 299)
    below = stand_alike(-4, LADDER)
    assert below is not None
    assert (below.tier.code, below.low, below.high, below.missing) == ("SILVER", -4, 99, 104)
    assert stand_alike(2000, LADDER) is None
