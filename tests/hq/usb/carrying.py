"""What the tests of sticks share: members, sales, and whether all agree."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.store import outbox
from tests.edge.made import CARD, OTHER_CARD, purchase
from tests.hq.conftest import Hq
from tests.hq.real_till import RealTill

MEMBERS = f"member_id,lookups,name,phone,home_store\nM1,{CARD},홍길동,,S012\nM2,{OTHER_CARD},김철수,,S012\n"


MakeTill = Callable[..., RealTill]


def sell(till: RealTill, first: int, count: int) -> None:
    for number in range(first, first + count):
        till.record(purchase(str(number)))


def waiting(till: RealTill) -> int:
    return outbox.waiting(till.conn)[0]


def agree(till: RealTill, hq: Hq) -> bool:
    """Tell whether the till shows what headquarters holds, with nothing left to hand in."""
    held = hq.balances()
    shown = {"M1": till.balance(CARD), "M2": till.balance(OTHER_CARD)}
    return waiting(till) == 0 and shown == {"M1": 0, "M2": 0} | held
