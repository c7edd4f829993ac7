"""A real till that redeems beside a real headquarters: online by a question, or offline by its allowance."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

from edge_agent.redeeming import Outcome, Redeeming, redemption_id_of
from edge_agent.spendable import Wanted
from edge_agent.store.database import transaction
from edge_agent.sync.questions import Told, told_by
from loyalty_core.errors import BadInput
from loyalty_core.events import ReceiptKey
from loyalty_core.messages import Ask
from tests.edge import made
from tests.hq.conftest import Hq
from tests.hq.real_till import RealTill

HOLD: Final = 15 * 60_000
RULES: Final = """
[redeem]
minimum = 100
step = 1
minor_per_point = 1
offline_points = 300
"""


class SpendingTill(RealTill):
    """Redeems for one member, M1 unless told otherwise."""

    def __init__(self, folder: Path, hq: Hq, name: str = "T01") -> None:
        super().__init__(folder / name, hq)
        self.name = name
        self.member_id = "M1"
        self.clock.wall = hq.clock.now
        self.redeeming = Redeeming(self.config, self.clock, self.recorder)
        self._made = 0

    def wanted(self, points: int | None, key: str | None = None, **what: Any) -> Wanted:
        if key is None:
            self._made += 1
            key = str(self._made)
        asked = {"member": self.member_id, "points": points} | what
        return Wanted(
            redemption_id=redemption_id_of(self.terminal_id, key),
            natural_key=f"key/{key}",
            content=hashlib.sha256(repr(asked).encode()).digest()[:16],
            **asked,
        )

    def told(self, wanted: Wanted) -> Told:
        """Return what headquarters says to a request."""
        terms = self.redeeming.spendable.terms(self.conn, self.books(), wanted)
        reply, _ = self.exchange_once((Ask(wanted.redemption_id, terms.member, terms.points),))
        return told_by(reply, self.clock.monotonic)[wanted.redemption_id]

    def authorise(self, points: int | None, *, online: bool, key: str | None = None, **what: Any) -> Outcome:
        wanted = self.wanted(points, key, **what)
        told = self.told(wanted) if online else None
        with transaction(self.conn):
            return self.redeeming.authorise(self.conn, self.books(), wanted, told)

    def refused(self, points: int, *, online: bool) -> str:
        """Return the code under which this is refused, "" where it is granted."""
        try:
            self.authorise(points, online=online)
        except BadInput as error:
            return error.code
        return ""

    def commit(self, outcome: Outcome, paid: ReceiptKey | None = None) -> None:
        with transaction(self.conn):
            self.redeeming.commit(self.conn, self.books(), outcome.redemption.redemption_id, paid)

    def cancel(self, outcome: Outcome) -> None:
        with transaction(self.conn):
            self.redeeming.cancel(self.conn, self.books(), outcome.redemption.redemption_id)

    def lapse(self) -> int:
        with transaction(self.conn):
            return self.redeeming.lapse(self.conn, self.books())

    def spend(self, points: int, *, online: bool) -> None:
        self.commit(self.authorise(points, online=online))

    def sell(self, number: str, net_minor: int, member: str | None) -> None:
        """Record a purchase of 21 November: a point a full thousand."""
        sale = made.purchase(number, on="2026-11-21", member=member, net_minor=net_minor)
        self.record(sale | {"receipt": self.key_of(number)})

    def void(self, number: str) -> None:
        self.record(
            {
                "kind": "void",
                "receipt": self.key_of(f"v{number}"),
                "original": self.key_of(number),
                "occurred_at": "2026-11-21T10:32:00+09:00",
            }
        )

    def key_of(self, number: str) -> dict[str, str]:
        return {"store": "S012", "till": self.name, "business_date": "2026-11-21", "number": number}

    def receipt(self, number: str) -> ReceiptKey:
        return ReceiptKey("S012", self.name, made.day("2026-11-21"), number)
