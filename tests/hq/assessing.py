"""Closes for tests of tiers, and rules that ask for tiers."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hq_server.closes.closing import begin, close_next
from hq_server.closes.excluding import exclude
from hq_server.closes.readiness import readiness
from hq_server.decisions import said
from hq_server.house import House, load_house
from hq_server.store.connection import Transaction, Values
from hq_server.tiers.held import held_before
from loyalty_core.assessment import assess, start_of
from loyalty_core.calendar import day_of, period_named
from loyalty_core.units import Day
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.events import purchase
from tests.hq.till import Till

GOLD_DOUBLE = '[[weight]]\nid = "gold"\non = ["purchase"]\ntiers = ["GOLD"]\ntimes = "2"\n'
RULES = PROGRAMME.replace("version = 1", "version = 2") + GOLD_DOUBLE
H2, H1 = "2026-H2", "2027-H1"


def day(text: str) -> Day:
    return day_of(datetime.fromisoformat(text).date())


def at(hq: Hq, text: str) -> None:
    """Let headquarters live at noon of a date, in Seoul."""
    noon = datetime.fromisoformat(f"{text}T12:00").replace(tzinfo=ZoneInfo("Asia/Seoul"))
    hq.clock.now = int(noon.timestamp() * 1000)


def buy(desk: Desk, till: Till, number: str, net: int, on: str, member: str = "id:M1") -> None:
    """Bring a purchase of a date."""
    desk.send(till, purchase(number, net, member, day=day(on)))


def close_by_decision(hq: Hq, period_id: str) -> int:
    """Close a period, by whatever tills have said of it; returns the number of the decision."""

    def work(tx: Transaction, house: House) -> int:
        period, now_ms = period_named(period_id, house.newest.period_months), hq.clock()
        for one in readiness(tx, house, period, now_ms).missing:
            exclude(tx, house, period, one.terminal_id, said("kim", "never declares a day"), now_ms)
        number = begin(tx, house, period, said("kim", "it is over"), now_ms).decision
        while close_next(tx, house, now_ms):
            pass
        return number

    return Desk(hq).write(work)


def close_period(hq: Hq, period_id: str) -> None:
    """Close a period without a decision: each bucket frozen, and everyone present assessed."""
    numbers: dict[int, int] = {}
    with hq.writing() as tx:
        house = load_house(tx)
        period = period_named(period_id, house.newest.period_months)
        programme = house.in_force(period.last)
        start = start_of(period, programme.policy, house.today(hq.clock()))
        for bucket in range(house.bucket_count):
            ((_, number, *_),) = tx.all("accounts.lock_buckets", buckets=f"[{bucket}]")
            numbers[bucket] = number
            standings = tx.all("accounts.standings", bucket=bucket, period_id=period_id)
            rows: list[Values] = []
            for member, qualifying, before in held_before(tx, house, standings, start):
                outcome = assess(qualifying, before.held, before.assessed, programme)
                decided = (outcome.kind, before.held, outcome.tier, qualifying, programme.version)
                days = (start, outcome.from_day(start, programme.policy))
                rows.append((bucket, member, number + 1, period_id, "close", *decided, *days, 1, hq.clock()))
            tx.many("accounts.add_assessment", rows)
            tx.many("accounts.set_change_no", [(bucket, number + 1)])
    values = ", ".join(f"({bucket}, '{period_id}', {number})" for bucket, number in numbers.items())
    hq.sql(f"INSERT INTO bucket_closes (bucket, period_id, entry_no) VALUES {values}")  # noqa: S608
