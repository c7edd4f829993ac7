"""What headquarters decides: programmes, adjustments, merges, attachments, facts about receipts, closes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from hq_server.closes.closing import begin
from hq_server.closes.excluding import exclude
from hq_server.closes.readiness import readiness
from hq_server.decisions import said
from hq_server.house import House
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Period, day_of, period_after, period_named, period_of
from loyalty_core.events import (
    HQ,
    CouponUsed,
    EventId,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    RedemptionCommitted,
    ReturnRecorded,
    VisitRecorded,
)
from loyalty_core.units import Seq
from tests.edge import made
from tests.oracle.world import Adjustment, Close
from tests.simulation.at_tills import AtTills
from tests.simulation.founding import CARDS, STRAY
from tests.simulation.people import AGO, TIMES, key_of
from tests.simulation.rules import COMBINES, some_pieces
from tests.simulation.till import CutOff

PLACED: Final = (
    PurchaseRecorded
    | PurchaseVoided
    | ReturnRecorded
    | ReceiptClaimed
    | RedemptionCommitted
    | CouponUsed
    | VisitRecorded
)


class AtHeadquarters(AtTills):
    """Decisions that staff take."""

    async def publish(self) -> None:
        since = self.chain.today - timedelta(days=self.luck.choice([0, 5, 60]))
        pieces, combine = some_pieces(self.luck), self.luck.choice(COMBINES)
        self.decided(lambda: self.chain.publish_next(pieces, combine, since.isoformat()), "period_closing")

    async def adjust(self) -> None:
        member = self.luck.choice(list(CARDS))
        redeemable, qualifying = self.luck.choice([(20, 0), (-15, 0), (0, 7), (0, -4), (20, 7), (-15, -4)])
        today = day_of(self.chain.today)
        number = self.chain.desk.propose(member, redeemable, qualifying, day=today)
        self.chain.desk.approve(number)
        decided = EventId(HQ, 1, 0, Seq(number))
        self.chain.decided.adjustments.append(
            Adjustment(id=decided, member=member, day=today, redeemable=redeemable, qualifying=qualifying)
        )

    async def merge(self) -> None:
        """Take one member as another."""
        one, into = self.luck.choice([("M2", "M1"), ("M1", "M3"), ("M3", "M2")])
        heads = self.chain.decided.merges
        if one not in heads and into not in heads:
            heads[one] = into
            if not self.decided(lambda: self.chain.desk.merge(one, into), "period_closing"):
                self.seen["merge while a period is closed"] += 1
                del heads[one]

    async def unmerge(self) -> None:
        one = self.luck.choice(sorted(self.chain.decided.merges))
        into = self.chain.decided.merges.pop(one)
        if not self.decided(lambda: self.chain.desk.unmerge(one), "period_closing"):
            self.chain.decided.merges[one] = into

    async def attach(self) -> None:
        names, member = self.chain.decided.names, self.luck.choice(list(CARDS))
        if f"card:{STRAY}" not in names and self.decided(
            lambda: self.chain.desk.attach(STRAY, member), "nothing_held", "reference_unknown"
        ):
            names[f"card:{STRAY}"] = member

    async def claim_there(self) -> None:
        _, sale = self.luck.choice(self.sold)
        receipt, member = "/".join(sale["receipt"].values()), self.luck.choice(list(CARDS))
        self.decided(
            lambda: self.chain.desk.claim(receipt, member),
            *("receipt_not_found", "receipt_owned", "claim_own", "claim_late"),
        )

    async def match(self) -> None:
        """Goods come back without their receipt, and headquarters finds the purchases of all such returns."""
        await self.bring_back(linked=False)
        matches = self.chain.decided.matches
        for place, event in self.chain.world().facts:
            if isinstance(event, ReturnRecorded) and event.original is None and place not in matches:
                _, sale = self.luck.choice(self.sold)
                receipt = "/".join(sale["receipt"].values())
                if self.decided(partial(self.chain.desk.match, place, receipt), "receipt_not_found"):
                    matches[place] = key_of(sale)

    async def place_events(self) -> None:
        """Put events of a wrong clock on another date, and time if that is known too."""
        facts = self.chain.world().facts
        found = [of for of, event in facts if isinstance(event, PLACED) and of.terminal_id != HQ]
        ago, at = self.luck.choice(AGO), self.luck.choice([None, *TIMES])
        day = day_of(self.chain.today) - ago
        at_ms = None if at is None else int(made.at(self.when(ago, at)))
        for _ in range(self.luck.randint(1, 3) if found else 0):
            event = self.luck.choice(found)
            place = partial(self.chain.desk.place, event, day, at_ms)
            self.decided(place, "event_not_filed", "already_placed")

    async def close(self) -> None:
        """Close the next period that is over, or go on with a close that was cut off; it may be so again."""
        self.chain.chores()
        months, closes = self.chain.months, self.chain.decided.closes
        if all(close.members is None for close in closes.values()):
            period = self._next_to_close(months)
            if period.last >= day_of(self.chain.today) or not self._begin(period):
                return
        buckets = self.luck.choice([1, 20, 40, 64, 64])
        try:
            if not self.chain.close_some(buckets):
                self.seen["close cut off between buckets"] += 1
                if self.luck.random() < 0.5:
                    self.chain.server.stop("headquarters killed")
        except CutOff:
            self.chain.server.stop("power cut at headquarters that closes a period")

    def _next_to_close(self, months: int) -> Period:
        closes = self.chain.decided.closes
        if closes:
            return period_after(period_named(max(closes), months), months)
        row = self.chain.server.line.execute("SELECT min(period_id) FROM totals").fetchone()
        return period_of(day_of(self.chain.today), months) if row[0] is None else period_named(row[0], months)

    def _begin(self, period: Period) -> bool:
        """Decide a close, leaving out who has not reported, or wait for them; tell whether it began."""
        now_ms, by, chain = self.chain.hq.clock(), said("kim", "it is over"), self.chain
        missing = chain.desk.read(lambda tx, house: readiness(tx, house, period, now_ms)).missing
        if missing and self.luck.random() < 0.3:
            assert not self.decided(
                lambda: chain.desk.write(lambda tx, house: begin(tx, house, period, by, now_ms)),
                "period_not_ready",
            )
            self.seen["close waits for a till"] += 1
            return False
        for one in missing:
            self.seen["till left out of a close"] += 1
            leave_out = partial(self._leave_out, period, one.terminal_id)
            chain.desk.write(leave_out)
        chain.decided.closes[period.id] = Close(posted=frozenset(), totals={}, members=frozenset())
        if self.decided(
            lambda: chain.desk.write(lambda tx, house: begin(tx, house, period, by, now_ms)),
            "period_not_ready",
        ):
            return True
        del chain.decided.closes[period.id]
        return False

    def _leave_out(self, period: Period, terminal_id: str, tx: Transaction, house: House) -> int:
        """Let a close not wait for a terminal."""
        by, now_ms = said("kim", "never declares a day"), self.chain.hq.clock()
        return exclude(tx, house, period, terminal_id, by, now_ms)
