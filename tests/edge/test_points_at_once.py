"""Every sale and visit gets its points at once, by the programme and the tier that are known here."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge_agent.store import programmes
from edge_agent.store.database import transaction
from tests.edge.conftest import MakeTill
from tests.edge.made import MOONLIGHT, OTHER_CARD, member, programme, purchase, visit
from tests.edge.till import Till


@pytest.mark.parametrize(
    ("receipt", "points"),
    [
        (purchase(), 12),
        (visit("v", "2026-11-24 11:59"), 15),
        (visit("v", "2026-11-24 12:00"), 10),
        (visit("v", "2026-12-01 10:00"), 20),
    ],
)
def test_each_worked_example_gets_its_points_at_once(
    till: Till, receipt: dict[str, Any], points: int
) -> None:
    assert till.points(receipt) == points
    assert till.standing(on=receipt["occurred_at"][:10]).balance == points


@pytest.mark.parametrize(("combine", "points"), [("best", 20), ("product", 30), ("sum", 25)])
def test_weights_combine_as_the_programme_says(make_till: MakeTill, combine: str, points: int) -> None:
    till = make_till(programme(text=MOONLIGHT.replace('weights = "best"', f'weights = "{combine}"')))
    assert till.points(visit("v", "2026-12-01 10:00")) == points


def test_the_second_visit_of_a_business_day_gets_nothing(till: Till) -> None:
    assert till.points(visit("v1", "2026-11-24 11:00")) == 15
    assert till.points(visit("v2", "2026-11-25 04:59")) == 0
    assert till.points(visit("v3", "2026-11-25 05:00")) == 15


def test_the_claim_in_the_journal_is_what_was_answered(till: Till) -> None:
    till.record(purchase())
    claim = till.records()[-1].claim
    assert claim is not None
    assert msgspec.structs.astuple(claim) == (7, "BRONZE", 12, 12)


def test_a_member_is_answered_by_the_tier_that_headquarters_gave(make_till: MakeTill) -> None:
    gold = '[[weight]]\nid = "gold"\non = ["purchase"]\ntiers = ["GOLD"]\ntimes = "3"\n\n[[cap]]'
    till = make_till(programme(text=MOONLIGHT.replace("[[cap]]", gold, 1)))
    till.know(member(tier="GOLD"))
    till.know(member("M2", OTHER_CARD))
    assert till.points(purchase("1")) == 36
    assert till.points(purchase("2", member=OTHER_CARD)) == 12


def test_without_a_programme_a_sale_is_recorded_and_earns_nothing(make_till: MakeTill) -> None:
    till = make_till()
    till.conn.execute("DELETE FROM programme")
    assert till.points(purchase()) == 0
    assert till.records()[-1].claim is None
    assert till.standing().period is None


def test_a_programme_in_the_future_gives_nothing_yet(make_till: MakeTill) -> None:
    late = MOONLIGHT.replace("effective_from = 2026-07-01", "effective_from = 2026-11-21")
    till = make_till(programme(text=late))
    assert till.points(purchase("1", on="2026-11-20")) == 0
    assert till.points(purchase("2", on="2026-11-21")) == 12


def test_the_newest_programme_does_not_rule_the_days_before_it(make_till: MakeTill) -> None:
    double = MOONLIGHT.replace("points = 1\nper", "points = 2\nper")
    till = make_till(
        programme(7),
        programme(8, double.replace("effective_from = 2026-07-01", "effective_from = 2026-11-22")),
    )
    assert till.points(purchase("1", on="2026-11-21")) == 12
    assert till.points(purchase("2", on="2026-11-22")) == 24


def test_the_gap_is_to_the_ladder_of_the_version_of_the_periods_last_day(make_till: MakeTill) -> None:
    steep = MOONLIGHT.replace("from = 300", "from = 400")
    next_year = steep.replace("effective_from = 2026-07-01", "effective_from = 2027-01-01")
    in_december = steep.replace("effective_from = 2026-07-01", "effective_from = 2026-12-31")
    for text, missing in ((next_year, 88), (in_december, 188)):
        till = make_till(programme(7), programme(8, text))
        till.know(member())
        till.record(purchase())
        assert (till.standing().next_tier, till.standing().missing) == ("GOLD", missing)


def test_a_new_programme_is_used_as_soon_as_it_is_here(till: Till) -> None:
    assert till.points(purchase("1")) == 12
    double = programme(8, MOONLIGHT.replace("points = 1\nper", "points = 2\nper"))
    with transaction(till.conn):
        programmes.put(till.conn, 8, double)
    assert till.points(purchase("2")) == 24
