"""What every room of the machine stands in: the chain, what was sold, and how a till's software asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from edge_agent.store.database import transaction
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_core.events import ReceiptKey
from tests.edge import made
from tests.simulation.chain import CARDS, Chain
from tests.simulation.till import CutOff, cut_off

TILLS: Final = st.integers(0, 2)
KNOWN: Final = st.sampled_from(list(CARDS.values()))
AGO: Final = st.sampled_from([0, 0, 0, 1, 2, 9, 20])
TIMES: Final = st.sampled_from(["05:00", "09:30", "11:59", "12:00", "12:01", "14:00"])
POWER: Final = st.one_of(st.none(), st.none(), st.none(), st.integers(0, 2_000))

Power = int | None


class Machine(RuleBasedStateMachine):
    """A chain, and what was handed in at its tills: the till and the receipt of each sale."""

    def __init__(self) -> None:
        super().__init__()
        self.chain: Chain
        self.sold: list[tuple[int, dict[str, Any]]] = []
        self.number = 0

    def when(self, ago: int, at: str) -> str:
        return f"{self.chain.today - timedelta(days=ago)} {at}"

    def receipt(self, kind: str, till: int, ago: int, at: str) -> dict[str, Any]:
        """Return the next receipt of a till."""
        self.number += 1
        one = self.chain.tills[till]
        return {
            "kind": kind,
            "receipt": {
                "store": one.store_id,
                "till": one.code,
                "business_date": self.when(ago, at)[:10],
                "number": str(self.number),
            },
            "occurred_at": self.when(ago, at).replace(" ", "T") + ":00+09:00",
        }

    def hand_in(self, till: int, receipt: dict[str, Any], power: Power) -> None:
        """Hand a receipt in."""
        one = self.chain.tills[till]
        said = {name: value for name, value in receipt.items() if value is not None}

        def record(power: Power) -> None:
            with transaction(one.conn), cut_off(one.conn, power):
                made.recorded(one.recorder, one.conn, said)

        self.ask(record, power, "receipt_conflict")

    def ask(self, work: Callable[[Power], object], power: Power, *codes: str) -> bool:
        """Ask a till as its software does: again, where nobody answered; tell whether it was done."""
        try:
            return self.allowed(lambda: work(power), *codes)
        except CutOff:
            return self.allowed(lambda: work(None), *codes)

    def allowed(self, work: Callable[[], object], *codes: str) -> bool:
        """Do it, and tell whether it was done; what may be refused may be."""
        try:
            work()
        except (BadInput, LoyaltyError) as error:
            if error.code not in codes:
                raise
            return False
        return True


def key_of(sale: dict[str, Any]) -> ReceiptKey:
    """Return the receipt key of a sale."""
    said = sale["receipt"]
    return ReceiptKey(said["store"], said["till"], made.day(said["business_date"]), said["number"])
