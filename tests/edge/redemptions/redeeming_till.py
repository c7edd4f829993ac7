"""A till on which the test redeems by hand, and says itself what headquarters answered."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import pytest

from edge_agent.coupons import code_of
from edge_agent.redeeming import Outcome, Redeeming, redemption_id_of
from edge_agent.spendable import Purse, Wanted
from edge_agent.store.database import transaction
from edge_agent.sync.questions import Told
from loyalty_core.envelope import seal
from loyalty_core.errors import BadInput
from loyalty_core.events import Event, ReceiptKey
from loyalty_core.messages import CouponIssued, MemberRow
from loyalty_core.wire import pack
from tests.edge.made import CARD, HQ_KEY, HeldClock, day, member
from tests.edge.till import Till

MINUTES: Final = 60_000
HOLD: Final = 15 * MINUTES
TODAY: Final = day("2026-12-05")


def receipt(number: str = "1", on: str = "2026-12-05") -> ReceiptKey:
    """Return the key of a receipt of this till's."""
    return ReceiptKey("S012", "T03", day(on), number)


def rich(**changed: Any) -> MemberRow:
    """Return a member with 5,000 points, of which 3,000 may be spent without headquarters."""
    return member(**{"balance": 5000, "allowance": 3000} | changed)


def coupon_of(
    coupon_id: str = "C1",
    member_id: str = "M1",
    days: tuple[str, str] = ("2026-12-01", "2026-12-31"),
    key: bytes = HQ_KEY,
) -> bytes:
    """Return a coupon over 2,000 won, as headquarters issues it."""
    names = (("en", "two thousand off"), ("ko", "이천 원 할인"))
    issued = CouponIssued(coupon_id, member_id, "", names, 2000, day(days[0]), day(days[1]))
    return seal("dangol/coupon/1", pack(issued), key)


def code(**changed: Any) -> str:
    """Return a coupon's code."""
    return code_of(coupon_of(**changed))


class RedeemingTill(Till):
    """Knows a member with 5,000 points; redeems under keys "1", "2", ... unless told otherwise."""

    def __init__(self, folder: Path, *envelopes: bytes, clock: HeldClock | None = None, **config: object):
        super().__init__(folder, *envelopes, clock=clock, **config)
        self.redeeming = Redeeming(self.config, self.clock, self.recorder)
        self._keys = 0
        self.know(rich())

    def wanted(self, points: int | None = None, key: str | None = None, **what: Any) -> Wanted:
        """Return a request of the member with the card."""
        if key is None:
            self._keys += 1
            key = str(self._keys)
        asked = {"member": CARD, "points": points} | what
        return Wanted(
            redemption_id=redemption_id_of("S012-T03", key),
            natural_key=f"key/{key}",
            content=hashlib.sha256(repr(asked).encode()).digest()[:16],
            **asked,
        )

    def authorise(self, points: int | None = None, told: Told | None = None, **what: Any) -> Outcome:
        """Authorise as the local HTTP face does; without `told` headquarters has not answered."""
        wanted = self.wanted(points, **what)
        with transaction(self.conn):
            return self.redeeming.authorise(self.conn, self.books(), wanted, told)

    def commit(self, outcome: Outcome, paid: ReceiptKey | None = None) -> Outcome:
        with transaction(self.conn):
            return self.redeeming.commit(self.conn, self.books(), outcome.redemption.redemption_id, paid)

    def cancel(self, outcome: Outcome) -> Outcome:
        with transaction(self.conn):
            return self.redeeming.cancel(self.conn, self.books(), outcome.redemption.redemption_id)

    def lapse(self) -> int:
        with transaction(self.conn):
            return self.redeeming.lapse(self.conn, self.books())

    def purse(self, on: str = "2026-12-05") -> Purse:
        balance = self.balance()
        return self.redeeming.spendable.purse(self.conn, self.books(), "id:M1", balance, day(on))

    def granted(self, points: int, for_ms: int = HOLD) -> Told:
        """Return what headquarters says when it holds points from now on."""
        return Told(granted=points, until_monotonic_ms=self.clock.monotonic + for_ms)

    def events(self) -> list[Event]:
        """Return what the journal says, without the agent's own events."""
        return [record.event for record in self.records()]


def refused(code: str) -> pytest.RaisesExc[BadInput]:
    """Expect a refusal of this code."""
    return pytest.raises(BadInput, check=lambda error: error.code == code)
