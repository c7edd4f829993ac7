"""Two half-years closed in a row while tills come late: tiers and points are those of a plain calendar."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from hq_server.house import load_house
from hq_server.merges import groups_of
from hq_server.tiers.held import tiers_of
from loyalty_core.assessment import tier_on
from loyalty_core.calendar import date_of, period_named, period_of
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import Day
from tests.hq.accounts import audited
from tests.hq.assessing import H1, H2, RULES, at, buy, close_by_decision, day
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.oracle.tiers import Boxes

PEOPLE = ("M1", "M2", "M3")
POLICY = '[tier_policy]\ndowngrade = "one_step"\ngrace_days = 20\n'
PROGRAMME = read_programme(RULES.replace("[tier_policy]\n", POLICY))
FIRST, LAST = day("2026-07-01"), day("2028-06-30")
CLOSES = {day("2027-01-04"): H2, day("2027-07-20"): H1}


class Sale(NamedTuple):
    """A purchase of a day, and the day on which its till comes."""

    heard: Day
    on: Day
    member: str
    net: int
    number: str


def sales_of(chance: random.Random) -> list[Sale]:
    """Draw a year and a half of sales; tills are there at once, a day, a month or half a year late."""
    found = []
    for number in range(45):
        on = Day(chance.randrange(day("2026-08-01"), day("2027-12-01")))
        heard = Day(on + chance.choice([0, 1, 40, 190, 190]))
        net = chance.choice([20, 40, 60]) * 1000
        found.append(Sale(heard, on, chance.choice(PEOPLE), net, str(number)))
    return sorted(found)


class Reference:
    """The same life on paper: a calendar for each member, and the sales that were heard of."""

    def __init__(self) -> None:
        self.boxes = {one: Boxes(ladder=PROGRAMME.ladder, first=FIRST, last=LAST) for one in PEOPLE}
        self.heard: list[Sale] = []

    def points(self, sale: Sale) -> int:
        return sale.net // 1000 * (2 if self.boxes[sale.member].held(sale.on) == "GOLD" else 1)

    def totals(self, member: str) -> Counter[str]:
        return sum(
            (
                Counter({period_of(one.on, 6).id: self.points(one)})
                for one in self.heard
                if one.member == member
            ),
            Counter(),
        )

    def hear(self, sale: Sale) -> None:
        self.heard.append(sale)
        boxes = self.boxes[sale.member]
        if period_of(sale.on, 6).id in boxes.closes:
            boxes.late(self.totals(sale.member), sale.heard)

    def close(self, period_id: str, today: Day) -> None:
        for member, boxes in self.boxes.items():
            total = self.totals(member)[period_id]
            boxes.close(period_id, period_named(period_id, 6).last, total, PROGRAMME.policy, today)


@pytest.mark.parametrize("seed", range(2))
def test_two_closes_in_a_row_with_late_tills_give_the_tiers_and_points_of_a_plain_calendar(
    hq: Hq, seed: int
) -> None:
    hq.members(
        "member_id,lookups,name,phone,home_store,birthday\n" + "".join(f"{m},,,,S012,\n" for m in PEOPLE)
    )
    hq.publish(RULES.replace("[tier_policy]\n", POLICY))
    desk, reference, chance = Desk(hq), Reference(), random.Random(seed)
    till = desk.till()
    for today, happening in by_day(sales_of(chance), CLOSES):
        at(hq, date_of(today).isoformat())
        if isinstance(happening, Sale):
            buy(
                desk,
                till,
                happening.number,
                happening.net,
                date_of(happening.on).isoformat(),
                f"id:{happening.member}",
            )
            reference.hear(happening)
        else:
            close_by_decision(hq, happening)
            reference.close(happening, today)
    assert hq.sql("SELECT count(*) > 0 FROM assessments WHERE cause = 'restatement'") == [(1,)]
    with hq.reading() as tx:
        house = load_house(tx)
        tiers = tiers_of(tx, house.bucket_count, groups_of(tx, house.bucket_count, PEOPLE))
    for member, boxes in reference.boxes.items():
        held = [tier_on(tiers[member], Day(on), PROGRAMME.ladder) for on in range(FIRST, LAST + 1)]
        assert held == [boxes.held(on) for on in range(FIRST, LAST + 1)]
        assert hq.balances()[member] == sum(reference.totals(member).values())
    audited(hq)


def by_day(sales: Iterable[Sale], closes: dict[Day, str]) -> list[tuple[Day, Sale | str]]:
    """Return what happens in the order in which headquarters hears of it; a day begins with its close."""
    happenings: list[tuple[Day, int, Sale | str]] = [(on, 0, period_id) for on, period_id in closes.items()]
    happenings += [(sale.heard, 1, sale) for sale in sales]
    return [(on, one) for on, _, one in sorted(happenings, key=lambda each: each[:2])]
