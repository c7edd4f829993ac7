"""What headquarters has decided in a chain's life, and its closes: bucket by bucket, and on paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from hq_server.closes.closing import close_next
from hq_server.closes.monthly import upgrade_next, upgrades_are_due
from hq_server.closes.states import close_under_way
from hq_server.house import load_house
from hq_server.merges import groups_of
from hq_server.references import bucket_of
from hq_server.store.connection import reading
from hq_server.tiers.held import tiers_of
from loyalty_core.assessment import tier_on
from loyalty_core.calendar import date_of, day_of, period_named, period_of
from loyalty_core.events import EventId, ReceiptKey
from loyalty_core.units import Day
from tests.hq.conftest import Hq
from tests.oracle.reading import figures
from tests.oracle.world import Adjustment, Close, World
from tests.simulation.calendars import Calendars
from tests.simulation.founding import CARDS, START
from tests.simulation.server import Server


@dataclass
class Decided:
    """What headquarters knows by decision: a backup takes it along, and what came later is lost with it."""

    names: dict[str, str] = field(default_factory=dict)
    merges: dict[str, str] = field(default_factory=dict)
    adjustments: list[Adjustment] = field(default_factory=list)
    matches: dict[EventId, ReceiptKey] = field(default_factory=dict)
    closes: dict[str, Close] = field(default_factory=dict)
    tiers: Calendars = field(default_factory=lambda: Calendars(day_of(date.fromisoformat(START[:10]))))


class Closes:
    """The closes of a chain, and the tiers that they give."""

    months: int
    hq: Hq
    server: Server
    seen: Counter[str]
    decided: Decided

    @property
    def today(self) -> date:
        """The date on every wall."""
        raise NotImplementedError

    def world(self) -> World:
        """Return everything that headquarters has heard of and decided, for the oracle."""
        raise NotImplementedError

    def close_some(self, buckets: int) -> bool:
        """Go on with the close that is under way, by so many buckets at most; tell whether it is done.

        Raises:
            CutOff: the power of headquarters went.
        """
        with reading(self.server.line) as tx:
            under_way = close_under_way(tx)
        for _ in range(buckets if under_way is not None else 0):
            assert under_way is not None
            if not self._close_bucket(under_way.period_id, under_way.programme_version):
                return True
        return under_way is None

    def _close_bucket(self, period_id: str, version: int) -> bool:
        """Close the next bucket, and note what stands then for those in it; tell if it goes on."""
        now_ms, close = self.hq.clock(), self.decided.closes[period_id]
        with reading(self.server.line) as tx:
            house = load_house(tx)
            left = [bucket for (bucket,) in tx.all("accounts.buckets_to_close", period_id=period_id)]
        heads = [one for one in CARDS if one not in self.decided.merges]
        heads = [one for one in heads if left and bucket_of(one, house.bucket_count) == left[0]]
        accounts = figures(self.world()).accounts if heads else {}
        self.server.write(lambda tx: close_next(tx, load_house(tx), now_ms), self.server.fate(0.02, 300))
        policy = next(one for one in house.programmes if one.version == version).policy
        posted, totals, reached = set(close.posted), dict(close.totals), set(close.members or ())
        for head in heads:
            group = self.group(head)
            account = accounts.get(head)
            total = account.qualifying.get(period_id, 0) if account else 0
            totals[head] = total
            reached.update(group)
            posted.update((head, one) for one in (account.entries if account else ()))
            self.decided.tiers.close(period_named(period_id, self.months), total, policy, group, self.today)
        done = len(left) < 2
        members = None if done else frozenset(reached)
        self.decided.closes[period_id] = Close(posted=frozenset(posted), totals=totals, members=members)
        if done:
            self.seen["period closed"] += 1
        return not done

    def upgrade(self) -> None:
        """Do what headquarters does on the first of a month."""
        now_ms, calendars = self.hq.clock(), self.decided.tiers
        with reading(self.server.line) as tx:
            house = load_house(tx)
            due = upgrades_are_due(tx, house, now_ms)
        if not due:
            return
        while self.server.write(
            lambda tx: upgrades_are_due(tx, house, now_ms) and upgrade_next(tx, house, now_ms) >= 0
        ):
            pass
        month = day_of(self.today.replace(day=1))
        period = period_of(Day(month - 1), self.months)
        rows = self.server.line.execute(
            "SELECT member_id, sum(qualifying) FROM entries WHERE period_id = ? AND business_day < ?"
            " GROUP BY member_id",
            (period.id, month),
        )
        for head, total in rows.fetchall():
            if head not in self.decided.merges:
                self.seen["looked at by month"] += 1
                calendars.month(self.group(head), total, self.today)

    def group(self, head: str) -> list[str]:
        """Return who count as one, the head first."""
        return [head, *[one for one in CARDS if self.decided.merges.get(one) == head]]

    def hear_totals(self) -> None:
        """Let the calendars know what the totals of closed periods are now."""
        totals: dict[str, dict[str, int]] = {one: {} for one in CARDS}
        for member, period_id, points in self.server.line.execute(
            "SELECT member_id, period_id, qualifying FROM totals"
        ):
            totals[member][period_id] = points
        groups = [self.group(head) for head in CARDS if head not in self.decided.merges]
        if self.decided.tiers.late(groups, totals, self.today):
            self.seen["closed total moved"] += 1

    def check_tiers(self, days: Sequence[int]) -> None:
        """Hold the tiers of everybody to the calendars."""
        with reading(self.server.line) as tx:
            house = load_house(tx)
            groups = groups_of(tx, house.bucket_count, list(CARDS))
            tiers = tiers_of(tx, house.bucket_count, groups)
        for head in groups.members:
            group = self.group(head)
            for day in map(Day, days):
                held = tier_on(tiers.get(head, ()), day, house.ladder_on(day))
                should = self.decided.tiers.held(group, day)
                assert held == should, f"{head} holds {held} on {date_of(day)}, and not {should}"
