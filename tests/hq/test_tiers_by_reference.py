"""Two half-years closed in a row with late tills, grants, a merge and monthly upgrades: tiers and points."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Final, NamedTuple

import pytest

from hq_server.closes.monthly import upgrade_next, upgrades_are_due
from hq_server.house import House, load_house
from hq_server.merges import groups_of
from hq_server.store.connection import Transaction
from hq_server.tiers.held import tiers_of
from loyalty_core.assessment import tier_on
from loyalty_core.calendar import date_of, period_named, period_of
from loyalty_core.programme import Programme
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import Day, EpochMs
from tests.hq.accounts import audited
from tests.hq.appeals import Appeals
from tests.hq.assessing import H1, H2, RULES, at, buy, close_by_decision, day
from tests.hq.conftest import Hq
from tests.simulation.calendars import Calendars

PEOPLE = ("M1", "M2", "M3")
POLICIES: Final = (
    'downgrade = "one_step"\ngrace_days = 20\n',
    'downgrade = "earned"\nupgrade = "monthly"\nvalid_after_days = 0\n',
    'downgrade = "one_step"\nupgrade = "monthly"\ngrace_days = 5\n',
)
FIRST, LAST = day("2026-07-01"), day("2028-06-30")
GRANTED, MERGED = day("2027-01-20"), day("2027-02-10")
MONTHS: Final = [day(f"{year}-{month:02}-01") for year, month in product((2026, 2027), range(1, 13))]


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

    def __init__(self, programme: Programme) -> None:
        self.programme = programme
        self.calendars = Calendars(FIRST, programme.ladder)
        self.groups: dict[str, tuple[str, ...]] = {one: (one,) for one in PEOPLE}
        self.heard: list[Sale] = []

    def points(self, head: str, until: int = LAST) -> Counter[str]:
        """Return the points of a head by period, of sales before a day."""
        group, found = self.groups[head], Counter[str]()
        for one in self.heard:
            if one.member in group and one.on < until:
                times = 2 if self.calendars.held(group, one.on) == "GOLD" else 1
                found[period_of(one.on, 6).id] += one.net // 1000 * times
        return found

    def hear(self, today: Day, *sales: Sale) -> None:
        """Hear of sales, or that totals are others by a merge."""
        self.heard += sales
        totals = {one: self.points(one) if one in self.groups else Counter[str]() for one in PEOPLE}
        self.calendars.late(list(self.groups.values()), totals, date_of(today))

    def close(self, period_id: str, today: Day) -> None:
        period, policy = period_named(period_id, 6), self.programme.policy
        for head, group in self.groups.items():
            self.calendars.close(period, self.points(head)[period_id], policy, group, date_of(today))

    def month(self, today: Day) -> None:
        for head, group in self.groups.items():
            total = self.points(head, today)[period_of(Day(today - 1), 6).id]
            self.calendars.month(group, total, date_of(today))

    def merge(self, member: str, into: str, today: Day) -> None:
        self.groups[into] += self.groups.pop(member)
        self.hear(today)

    def grant_alike(self, today: Day) -> dict[str, str]:
        """Grant the next tier to who is nearest to it and lacks it, and to all who stand alike: by member."""
        after = self.programme.policy.valid_after_days
        first = max(period_named(H2, 6).last + after, today) + 1
        until = period_named(H1, 6).last + after
        lacking: dict[str, tuple[str, int]] = {}
        for one in PEOPLE:
            total = self.points(one)[H2]
            above = [tier for tier in self.programme.ladder if tier.start > total]
            held = {self.calendars.held([one], on) for on in range(first, until + 1)}
            if above and not held <= {tier.code for tier in above}:
                lacking[one] = (above[0].code, above[0].start - total)
        asked = min(lacking, key=lambda one: lacking[one][1])
        tier, missing = lacking[asked]
        alike = [one for one in lacking if lacking[one][0] == tier and lacking[one][1] <= missing]
        for one in alike:
            self.calendars.grant(one, tier, first, until)
        return dict.fromkeys(sorted(alike, key=lambda one: one != asked), tier)


@pytest.mark.parametrize("seed", range(len(POLICIES)))
def test_two_half_years_closed_in_a_row_with_late_tills_give_the_tiers_and_points_of_the_slow_reference(
    hq: Hq, seed: int
) -> None:
    hq.members(
        "member_id,lookups,name,phone,home_store,birthday\n" + "".join(f"{m},,,,S012,\n" for m in PEOPLE)
    )
    rules = RULES.replace("[tier_policy]\n", f"[tier_policy]\n{POLICIES[seed]}")
    hq.publish(rules)
    desk, reference, chance = Appeals(hq), Reference(read_programme(rules)), random.Random(seed)
    till = desk.till()

    def sell(today: Day, sale: Sale) -> None:
        on = date_of(sale.on).isoformat()
        buy(desk, till, sale.number, sale.net, on, f"id:{sale.member}")
        reference.hear(today, sale)

    def close(today: Day, period_id: str) -> None:
        close_by_decision(hq, period_id)
        reference.close(period_id, today)

    def month(today: Day) -> None:
        due = desk.read(lambda tx, house: upgrades_are_due(tx, house, hq.clock()))
        assert due == (reference.programme.policy.upgrade == "monthly")
        desk.write(partial(upgrade_everyone, now_ms=hq.clock()))
        if due:
            reference.month(today)

    def grant(today: Day) -> None:
        granted = reference.grant_alike(today)
        desk.grant(desk.open(next(iter(granted))))
        assert desk.granted() == granted

    def merge(today: Day) -> None:
        desk.merge("M3", "M1")
        desk.derive()
        reference.merge("M3", "M1", today)

    happenings: list[tuple[Day, int, Callable[[Day], None]]] = [
        *[(on, 0, month) for on in MONTHS if day("2026-12-01") <= on <= day("2027-09-01")],
        (day("2027-01-04"), 1, partial(close, period_id=H2)),
        (day("2027-07-20"), 1, partial(close, period_id=H1)),
        (GRANTED, 1, grant),
        (MERGED, 1, merge),
        *[(sale.heard, 2, partial(sell, sale=sale)) for sale in sales_of(chance)],
    ]
    for today, _, happens in sorted(happenings, key=lambda each: each[:2]):
        at(hq, date_of(today).isoformat())
        happens(today)
    assert hq.sql("SELECT count(*) > 0 FROM assessments WHERE cause = 'restatement'") == [(1,)]
    with hq.reading() as tx:
        house = load_house(tx)
        groups = groups_of(tx, house.bucket_count, PEOPLE)
        tiers = tiers_of(tx, house.bucket_count, groups)
    for head, group in reference.groups.items():
        held = [tier_on(tiers[head], Day(on), reference.programme.ladder) for on in range(FIRST, LAST + 1)]
        assert held == [reference.calendars.held(group, on) for on in range(FIRST, LAST + 1)]
        assert hq.balances()[head] == sum(reference.points(head).values())
    audited(hq)


def upgrade_everyone(tx: Transaction, house: House, now_ms: EpochMs) -> None:
    """Do what the chores of the first of a month do, all at once."""
    while upgrades_are_due(tx, house, now_ms):
        upgrade_next(tx, house, now_ms)
