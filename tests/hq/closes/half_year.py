"""The end of 2026-H2 in tests: tills that sell on its last days and close them, and who decides its close."""

from __future__ import annotations

from dataclasses import dataclass, field

from hq_server.closes.benefits import benefits_are_due, give_next
from hq_server.closes.closing import begin, close_next
from hq_server.closes.excluding import exclude
from hq_server.closes.monthly import upgrade_next, upgrades_are_due
from hq_server.closes.readiness import Readiness, readiness
from hq_server.closes.states import Close
from hq_server.decisions import said
from hq_server.fleet import revoke
from hq_server.house import House
from hq_server.periods import PeriodStatus, status
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Period, period_named
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.hq.events import DAY, on, purchase
from tests.hq.test_closings import day_closed
from tests.hq.till import Till

H2 = "2026-H2"
FIRST, LAST = 20635, DAY + 40
"""2026-07-01 and 2026-12-31."""


@dataclass
class HalfYear:
    """`kim` decides. The clock stands at noon of 2027-01-01, and may go on."""

    hq: Hq
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.hq)
        self.go_to(LAST + 1)

    def go_to(self, day: int) -> None:
        """Let it be a business day."""
        self.hq.clock.now = on(day, 0, None)

    def till(self, *, joined: int = LAST - 1, store: str = "S012") -> Till:
        """Return a till that joined on a day."""
        now = self.hq.clock.now
        self.go_to(joined)
        till = self.desk.till(store)
        self.hq.clock.now = now
        return till

    def sell(self, till: Till, member: str, points: int, *, day: int = LAST, number: str = "") -> None:
        """Let a member buy for so many points, and tell headquarters."""
        number = number or f"{member}-{len(till.records)}"
        event = purchase(number, points * 1000, f"id:{member}", day=day, store=till.store_id)
        self.desk.send(till, event)

    def close_days(self, till: Till, *days: int) -> None:
        """Let a till close business days, and tell headquarters."""
        first = len(till.records) + 1
        for day in days:
            till.record(day_closed(till, day, at=on(day + 1, 0, None)))
        self.desk.exchange(till, till.batch(first))

    def period(self, period_id: str = H2) -> Period:
        return period_named(period_id, 6)

    def status(self, period_id: str = H2) -> PeriodStatus:
        return self.desk.read(lambda tx, house: status(tx, house, period_id, self.hq.clock()))

    def ready(self, period_id: str = H2) -> Readiness:
        of = self.period(period_id)
        return self.desk.read(lambda tx, house: readiness(tx, house, of, self.hq.clock()))

    def missing(self, period_id: str = H2) -> dict[str, str | None]:
        """Return since when days of each missing terminal are open."""
        return {one.terminal_id: one.open_since for one in self.ready(period_id).missing}

    def exclude(self, terminal_id: str, reason: str = "burnt down", period_id: str = H2) -> int:
        now, of, by = self.hq.clock(), self.period(period_id), said("kim", reason)
        return self.desk.write(lambda tx, house: exclude(tx, house, of, terminal_id, by, now))

    def begin(self, period_id: str = H2) -> Close:
        now, of, by = self.hq.clock(), self.period(period_id), said("kim", "it is over")
        return self.desk.write(lambda tx, house: begin(tx, house, of, by, now))

    def step(self) -> bool:
        """Close one bucket, as the server's chore does."""
        return self.desk.write(lambda tx, house: close_next(tx, house, self.hq.clock()))

    def close(self, period_id: str = H2) -> None:
        """Close a period, all of it."""
        self.begin(period_id)
        self.finish()

    def finish(self) -> None:
        """Go on with a close until it is done, here in one transaction."""

        def work(tx: Transaction, house: House) -> None:
            while close_next(tx, house, self.hq.clock()):
                pass

        self.desk.write(work)

    def upgrade(self) -> int:
        """Do this month's upgrades; returns how many members moved."""
        now = self.hq.clock()

        def work(tx: Transaction, house: House) -> int:
            done = 0
            while upgrades_are_due(tx, house, now):
                done += upgrade_next(tx, house, now)
            return done

        return self.desk.write(work)

    def give(self) -> int:
        """Give what tiers give; returns how many pieces."""
        now = self.hq.clock()

        def work(tx: Transaction, house: House) -> int:
            done = 0
            while benefits_are_due(tx, house, now):
                done += give_next(tx, house, lambda: self.hq.key, now)
            return done

        return self.desk.write(work)

    def grant(self, member: str, tier: str, from_day: int, period_id: str = H2, days: int = 181) -> None:
        """Grant a tier until the next half-year is over, or for so many days, as the desk does."""
        self.hq.sql(
            "INSERT INTO grants (bucket, member_id, decision, period_id, tier, from_day, until_day,"  # noqa: S608
            f" granted_at_ms) SELECT bucket, member_id, 99, '{period_id}', '{tier}', {from_day},"
            f" {from_day + days - 1}, 1 FROM members WHERE member_id = '{member}'"
        )

    def tiers(self) -> dict[str, tuple[str, str, str, int]]:
        """Return what the last assessment of each member says: kind, held, tier and from which day."""
        rows = self.hq.sql(
            "SELECT member_id, kind, held, tier, from_day FROM assessments ORDER BY assessment_no"
        )
        return {row[0]: row[1:] for row in rows}

    def revoke(self, till: Till) -> None:
        self.desk.write(lambda tx, _: revoke(tx, till.terminal_id, "stolen"))
