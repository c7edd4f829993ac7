"""What headquarters decides: programmes, adjustments, merges, attachments, facts about receipts, closes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from loyalty_core.calendar import day_of
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
from tests.oracle.reading import figures
from tests.oracle.told import period_called
from tests.oracle.world import Adjustment
from tests.simulation.at_tills import AtTills
from tests.simulation.founding import CARDS, STRAY
from tests.simulation.people import AGO, TIMES, key_of
from tests.simulation.rules import COMBINES, some_pieces

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
        self.chain.publish_next(some_pieces(self.luck), self.luck.choice(COMBINES), since.isoformat())

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
            self.chain.desk.merge(one, into)
            heads[one] = into

    async def unmerge(self) -> None:
        one = self.luck.choice(sorted(self.chain.decided.merges))
        self.chain.desk.unmerge(one)
        del self.chain.decided.merges[one]

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
        """Close a period that is over."""
        world, today = self.chain.world(), day_of(self.chain.today)
        told = {name for account in figures(world).accounts.values() for name in account.qualifying}
        periods = sorted(period_called(world, name) for name in told - world.closes.keys())
        over = [period for period in periods if period.last < today]
        if over:
            self.seen["period closed"] += 1
            self.chain.close_period(self.luck.choice(over).id)
