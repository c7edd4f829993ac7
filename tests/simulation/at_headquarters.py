"""What headquarters decides: programmes, adjustments, merges, attachments."""

from __future__ import annotations

from datetime import timedelta

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from loyalty_core.calendar import day_of
from loyalty_core.events import HQ, EventId
from loyalty_core.units import Seq
from tests.oracle.world import Adjustment
from tests.simulation.chain import CARDS, STRAY
from tests.simulation.machine import Machine
from tests.simulation.rules import COMBINES, PIECES


class AtHeadquarters(Machine):
    """Decisions that staff take."""

    @rule(
        pieces=st.sets(st.integers(0, len(PIECES) - 1)),
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

    @rule(pair=st.sampled_from([("M2", "M1"), ("M1", "M3"), ("M3", "M2")]))
    def merge(self, pair: tuple[str, str]) -> None:
        one, into = pair
        heads = self.chain.merges
        if one in heads or into in heads:
            return
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
