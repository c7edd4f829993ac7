"""Upgrades on the first of a month: upward only, once a month, from what was earned before it."""

from __future__ import annotations

from tests.hq.closes.half_year import FIRST, LAST, HalfYear
from tests.hq.conftest import PROGRAMME
from tests.hq.events import void
from tests.hq.till import Till

MONTHLY = PROGRAMME.replace("version = 1", "version = 2") + 'upgrade = "monthly"\n'
AUGUST = FIRST + 31
"""2026-08-01."""


def opened(half: HalfYear, *members: str) -> Till:
    half.hq.publish(MONTHLY)
    half.hq.members("member_id\n" + "".join(f"{name}\n" for name in members))
    return half.till(joined=FIRST)


def test_who_earned_a_tier_before_the_month_has_it_from_the_day_after_its_first(half: HalfYear) -> None:
    till = opened(half, "AT", "BELOW", "GOLD")
    half.sell(till, "AT", 100, day=AUGUST - 1)
    half.sell(till, "BELOW", 99, day=AUGUST - 1)
    half.sell(till, "GOLD", 300, day=FIRST)
    half.go_to(AUGUST)
    assert half.upgrade() == 2
    assert half.tiers() == {
        "AT": ("upgrade", "BRONZE", "SILVER", AUGUST + 1),
        "GOLD": ("upgrade", "BRONZE", "GOLD", AUGUST + 1),
    }
    assert half.hq.sql("SELECT DISTINCT cause, period_id, decision FROM assessments") == [
        ("monthly", "2026-H2", 0)
    ]
    assert half.upgrade() == 0
    half.go_to(AUGUST + 20)
    half.sell(till, "BELOW", 1, day=AUGUST + 19)
    assert half.upgrade() == 0
    half.go_to(AUGUST + 31)
    assert half.upgrade() == 1
    assert half.tiers()["BELOW"] == ("upgrade", "BRONZE", "SILVER", AUGUST + 32)


def test_what_is_dated_in_the_month_itself_does_not_count_though_the_server_came_late(half: HalfYear) -> None:
    till = opened(half, "M1", "M2")
    half.sell(till, "M1", 99, day=AUGUST - 1)
    half.sell(till, "M1", 50, day=AUGUST)
    half.sell(till, "M2", 100, day=AUGUST - 1, number="back")
    till.record(void("back", day=AUGUST + 1, of_day=AUGUST - 1))
    half.desk.exchange(till, till.batch(len(till.records)))
    half.go_to(AUGUST + 2)
    assert half.upgrade() == 1
    assert half.tiers() == {"M2": ("upgrade", "BRONZE", "SILVER", AUGUST + 3)}


def test_on_the_first_of_january_the_period_just_ended_is_looked_at(half: HalfYear) -> None:
    till = opened(half, "M1")
    half.sell(till, "M1", 100)
    half.go_to(LAST + 1)
    assert half.upgrade() == 1
    assert half.tiers() == {"M1": ("upgrade", "BRONZE", "SILVER", LAST + 2)}
    half.close_days(till, *range(FIRST, LAST + 1))
    half.close()
    assert half.tiers()["M1"] == ("renewal", "SILVER", "SILVER", LAST + 16)


def test_nobody_falls_between_closes(half: HalfYear) -> None:
    till = opened(half, "M1")
    half.sell(till, "M1", 300)
    half.close_days(till, *range(FIRST, LAST + 1))
    half.upgrade()
    half.close()
    half.go_to(LAST + 32)
    half.sell(till, "M1", 100, day=LAST + 31)
    assert half.upgrade() == 0
    assert half.tiers()["M1"][2] == "GOLD"


def test_without_the_policy_nobody_moves_between_closes(half: HalfYear) -> None:
    half.hq.members("member_id\nM1\n")
    till = half.till(joined=FIRST)
    half.sell(till, "M1", 300, day=FIRST)
    half.go_to(AUGUST)
    assert half.upgrade() == 0
    assert half.tiers() == {}


def test_members_who_count_as_one_rise_together(half: HalfYear) -> None:
    till = opened(half, "A", "B")
    half.sell(till, "A", 60, day=FIRST)
    half.sell(till, "B", 60, day=FIRST)
    half.desk.merge("B", "A")
    half.go_to(AUGUST)
    assert half.upgrade() == 1
    assert half.tiers() == {"A": ("upgrade", "BRONZE", "SILVER", AUGUST + 1)}


def test_tills_hear_at_once_of_who_rose(half: HalfYear) -> None:
    till = opened(half, "M1", "M2")
    half.sell(till, "M1", 100, day=FIRST)
    half.sell(till, "M2", 10, day=FIRST)
    half.desk.derive()
    half.desk.exchange(till)
    till.members.clear()
    half.go_to(AUGUST)
    half.upgrade()
    half.desk.exchange(till)
    assert till.members.keys() == {"M1"}
