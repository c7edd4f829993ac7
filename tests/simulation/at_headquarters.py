"""What headquarters decides: programmes, adjustments, merges, attachments, facts about receipts, closes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

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
from tests.simulation.chain import CARDS, STRAY
from tests.simulation.machine import AGO, TILLS, TIMES, key_of
from tests.simulation.rules import CHOSEN, COMBINES

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

    @rule(
        pieces=CHOSEN,
        combine=st.sampled_from(COMBINES),
        back=st.sampled_from([0, 5, 60]),
    )
    def publish_another(self, pieces: set[int], combine: str, back: int) -> None:
        self.chain.publish(pieces, combine, (self.chain.today - timedelta(days=back)).isoformat())

    @rule(
        member=st.sampled_from(list(CARDS)),
        redeemable=st.sampled_from([0, 20, -15]),
        qualifying=st.sampled_from([0, 7, -4]),
    )
    def adjust(self, member: str, redeemable: int, qualifying: int) -> None:
        if not redeemable and not qualifying:
            return
        today = day_of(self.chain.today)
        number = self.chain.desk.propose(member, redeemable, qualifying, day=today)
        self.chain.desk.approve(number)
        decided = EventId(HQ, 1, 0, Seq(number))
        self.chain.adjustments.append(
            Adjustment(id=decided, member=member, day=today, redeemable=redeemable, qualifying=qualifying)
        )

    @rule(pair=st.sampled_from([("M2", "M1"), ("M1", "M3"), ("M3", "M2")]), heard=st.booleans())
    def merge(self, pair: tuple[str, str], heard: bool) -> None:
        """Take one member as another, perhaps once tills have said all that is in dispute between them."""
        one, into = pair
        heads = self.chain.merges
        if one in heads or into in heads:
            return
        if heard:
            self.chain.settle()
        self.chain.desk.merge(one, into)
        heads[one] = into

    @precondition(lambda self: self.chain.merges)
    @rule(data=st.data())
    def unmerge(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.chain.merges)))
        self.chain.desk.unmerge(one)
        del self.chain.merges[one]

    @precondition(lambda self: f"card:{STRAY}" not in self.chain.names)
    @rule(member=st.sampled_from(list(CARDS)))
    def attach(self, member: str) -> None:
        if self.allowed(lambda: self.chain.desk.attach(STRAY, member), "nothing_held", "reference_unknown"):
            self.chain.names[f"card:{STRAY}"] = member

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), member=st.sampled_from(list(CARDS)))
    def claim_there(self, data: st.DataObject, member: str) -> None:
        _, sale = data.draw(st.sampled_from(self.sold))
        receipt = "/".join(sale["receipt"].values())
        self.allowed(
            lambda: self.chain.desk.claim(receipt, member),
            *("receipt_not_found", "receipt_owned", "claim_own", "claim_late"),
        )

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), till=TILLS, ago=AGO)
    def match(self, data: st.DataObject, till: int, ago: int) -> None:
        """Goods come back without their receipt, and headquarters finds the purchases of all such returns."""
        self.bring_back(data, till, ago, "14:00", None, linked=False)
        self.chain.tills[till].exchange_once()
        matches = self.chain.matches
        for place, event in self.chain.world().facts:
            if isinstance(event, ReturnRecorded) and event.original is None and place not in matches:
                _, sale = data.draw(st.sampled_from(self.sold))
                receipt = "/".join(sale["receipt"].values())
                if self.allowed(partial(self.chain.desk.match, place, receipt), "receipt_not_found"):
                    matches[place] = key_of(sale)

    @rule(data=st.data(), times=st.integers(1, 3), ago=AGO, at=st.one_of(st.none(), TIMES))
    def place(self, data: st.DataObject, times: int, ago: int, at: str | None) -> None:
        """Put events of a wrong clock on another date, and time if that is known too."""
        facts = self.chain.world().facts
        found = [of for of, event in facts if isinstance(event, PLACED) and of.terminal_id != HQ]
        day = day_of(self.chain.today) - ago
        at_ms = None if at is None else int(made.at(self.when(ago, at)))
        for _ in range(times if found else 0):
            event = data.draw(st.sampled_from(found))
            self.allowed(
                partial(self.chain.desk.place, event, day, at_ms), "event_not_filed", "already_placed"
            )

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """Close a period, once it is over."""
        world = self.chain.world()
        told = {name for account in figures(world).accounts.values() for name in account.qualifying}
        open_ones = sorted(period_called(world, name) for name in told - world.closes.keys())
        if open_ones:
            period = data.draw(st.sampled_from(open_ones))
            self.chain.go_on(max(0, period.last + 1 - day_of(self.chain.today)), 0)
            self.chain.close_period(period.id)
