"""The tier of a member by day, as headquarters told it: also for days to come, and for what comes back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from edge_agent.store.database import connect
from edge_agent.store.migrations import VERSION, migrate
from edge_agent.tiers import held_until, may_hold, tier_held
from loyalty_core.messages import TierStep
from loyalty_core.units import Day
from tests.edge.conftest import MakeTill
from tests.edge.made import MOONLIGHT, at, day, member, programme, purchase, returned
from tests.edge.till import Till

GOLD = '[[weight]]\nid = "gold"\non = ["purchase"]\ntiers = ["GOLD"]\ntimes = "3"\n\n[[cap]]'
STEPS = (TierStep(day("2026-07-01"), "SILVER"), TierStep(day("2026-11-25"), "GOLD"))
UNTIL = day("2027-01-15")


@pytest.fixture
def till(make_till: MakeTill) -> Till:
    made = make_till(programme(text=MOONLIGHT.replace("[[cap]]", GOLD, 1)))
    made.clock.wall = int(at("2026-11-30 12:00"))
    made.know(member(tiers=STEPS, tier_until=UNTIL))
    return made


def test_a_till_that_is_offline_over_a_step_derives_each_day_by_its_tier(till: Till) -> None:
    assert till.points(purchase("1", on="2026-11-24")) == 12
    assert till.points(purchase("2", on="2026-11-25")) == 36
    assert till.points(purchase("3", on="2026-11-24")) == 12
    claims = [record.claim for record in till.records() if record.claim is not None]
    assert [claim.tier for claim in claims] == ["SILVER", "GOLD", "SILVER"]


def test_the_discount_of_the_tier_of_the_day_is_told_with_it(make_till: MakeTill) -> None:
    gives = 'code = "GOLD"\nbenefits = [{ kind = "discount", percent = "2.5" }]\n'
    text = MOONLIGHT.replace('code = "GOLD"\n', gives)
    assert text != MOONLIGHT
    till = make_till(programme(text=text))
    till.know(member(tiers=STEPS, tier_until=UNTIL))
    told = [till.standing(on=on).discount for on in ("2026-11-24", "2026-11-25")]
    assert told == [0, Fraction(5, 2)]


def test_what_comes_back_is_taken_back_by_the_tier_of_the_day_on_which_it_was_bought(till: Till) -> None:
    assert till.points(purchase("1", on="2026-11-20")) == 12
    assert till.points(returned(on="2026-11-26")) == -12


def test_an_answer_has_the_tier_of_its_day_and_the_last_day_of_that(till: Till) -> None:
    before, after = till.standing(on="2026-11-24"), till.standing(on="2026-11-25")
    assert (before.tier, before.tier_until) == ("SILVER", day("2026-11-24"))
    assert (after.tier, after.tier_until) == ("GOLD", UNTIL)
    past = till.standing(on="2027-01-16")
    assert (past.tier, past.tier_until) == ("GOLD", None)


def test_before_what_was_told_the_first_step_holds_and_an_unknown_tier_is_the_lowest(till: Till) -> None:
    of, row = till.books().programmes[-1], member(tiers=STEPS)
    assert tier_held(row, of, Day(STEPS[0].from_day - 1)) == "SILVER"
    assert tier_held(member(tiers=(TierStep(0, "TITAN"),)), of, UNTIL) == "BRONZE"
    assert tier_held(None, of, UNTIL) == "BRONZE"
    assert held_until(None, UNTIL) is None


def test_of_who_was_never_assessed_nobody_says_until_when(till: Till) -> None:
    till.know(member())
    assert (till.standing().tier, till.standing().tier_until) == ("SILVER", None)


@pytest.mark.parametrize(
    ("until", "downgrade", "tiers"),
    [
        ("2027-01-15", "earned", ("SILVER", "GOLD")),
        ("2026-12-31", "earned", ("SILVER", "GOLD")),
        ("2026-12-30", "earned", ("SILVER", "GOLD", "BRONZE")),
        ("2026-12-30", "one_step", ("SILVER", "GOLD")),
        ("2026-12-30", "keep", ("SILVER", "GOLD")),
        (None, "earned", ("SILVER", "GOLD", "BRONZE")),
    ],
)
def test_ways_count_on_no_tier_that_may_be_lost_before_the_period_ends(
    till: Till, until: str | None, downgrade: str, tiers: tuple[str, ...]
) -> None:
    of = till.books().programmes[-1]
    policy = msgspec.structs.replace(of.policy, downgrade=downgrade)
    of = msgspec.structs.replace(of, policy=policy)
    row = member(tiers=STEPS, tier_until=None if until is None else day(until))
    assert may_hold(row, of, day("2026-11-20"), day("2026-12-31")) == tiers
    falling = may_hold(member(tiers=STEPS[1:]), of, day("2026-11-26"), day("2026-12-31"))
    assert falling == ("GOLD", "SILVER", "BRONZE")[: {"earned": 3, "one_step": 2, "keep": 1}[downgrade]]
    assert may_hold(member(), of, day("2026-11-20"), day("2026-12-31")) == ("SILVER",)
    assert may_hold(None, of, day("2026-11-20"), day("2026-12-31")) == ("BRONZE",)


def test_an_upgrade_asks_again_for_rows_in_which_steps_were_not_read(tmp_path: Path) -> None:
    conn = connect(tmp_path / "edge.db")
    migrate(conn, 9)
    conn.execute("INSERT INTO change_cursor (bucket, change_no) VALUES (3, 17)")
    migrate(conn, VERSION)
    assert conn.execute("SELECT * FROM change_cursor").fetchall() == []
    conn.close()
