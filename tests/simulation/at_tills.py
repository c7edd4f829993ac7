"""What people do at tills: buy, bring back, visit, claim."""

from __future__ import annotations

from typing import Any, Final

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from tests.simulation.chain import CARDS, STRAY
from tests.simulation.machine import AGO, KNOWN, POWER, TILLS, TIMES, Machine, Power

MEMBERS: Final = st.sampled_from([*CARDS.values(), *CARDS.values(), CARDS["M1"], None, STRAY])
LINES: Final = st.lists(
    st.fixed_dictionaries(
        {
            "sku": st.sampled_from(["A", "B", ""]),
            "category": st.sampled_from(["golf", "food"]),
            "quantity": st.sampled_from(["1", "2", "0.5"]),
            "net_minor": st.sampled_from([990, 1_000, 4_500, 12_990]),
        }
    ),
    max_size=3,
)
TENDERS: Final = st.sampled_from(
    [[], [("card", 3_000)], [("points", 500), ("card", 500)], [("gift_card", 2_000)]]
)
SALES: Final = st.fixed_dictionaries(
    {
        "till": TILLS,
        "member": MEMBERS,
        "ago": AGO,
        "at": TIMES,
        "lines": LINES,
        "tenders": TENDERS,
        "extra": st.integers(-300, 9_000),
    }
)


class AtTills(Machine):
    """Receipts of every kind, right and wrong, today's and old ones."""

    @rule(sales=st.lists(SALES, min_size=1, max_size=4), power=POWER)
    def sell(self, sales: list[dict[str, Any]], power: Power) -> None:
        for sale in sales:
            net = sum(line["net_minor"] for line in sale["lines"]) + sale["extra"]
            told = self.receipt("purchase", sale["till"], sale["ago"], sale["at"]) | {
                "member": sale["member"],
                "net_minor": max(0, net),
                "lines": [{"number": place + 1, **line} for place, line in enumerate(sale["lines"])],
                "tenders": [{"type": kind, "amount_minor": amount} for kind, amount in sale["tenders"]],
            }
            self.sold.append((sale["till"], told))
            self.hand_in(sale["till"], told, power)

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), members=st.lists(MEMBERS, min_size=1, max_size=3), power=POWER)
    def copy(self, data: st.DataObject, members: list[str | None], power: Power) -> None:
        for member in members:
            till, sale = data.draw(st.sampled_from(self.sold))
            place = 1 - till if till < 2 and data.draw(st.booleans()) else till
            self.hand_in(place, sale | {"member": member}, power)

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), till=TILLS, ago=AGO, at=TIMES, power=POWER, linked=st.just(True))
    def bring_back(
        self, data: st.DataObject, till: int, ago: int, at: str, power: Power, linked: bool
    ) -> None:
        _, sale = data.draw(st.sampled_from(self.sold))
        lines = data.draw(st.lists(st.sampled_from(sale["lines"]), max_size=2)) if sale["lines"] else []
        net = data.draw(st.sampled_from([500, 3_000, sale["net_minor"] or 1]))
        lines = [line | {"quantity": data.draw(st.sampled_from(["1", "0.5"]))} for line in lines]
        if data.draw(st.booleans()):
            lines, net = sale["lines"], sale["net_minor"] or 1
        back = self.receipt("return", till, ago, at) | {
            "original": sale["receipt"] if linked else None,
            "lines": lines,
            "net_minor": net,
        }
        self.hand_in(till, back, power)

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), ago=AGO, at=TIMES, power=POWER)
    def void(self, data: st.DataObject, ago: int, at: str, power: Power) -> None:
        till, sale = data.draw(st.sampled_from(self.sold))
        self.hand_in(till, self.receipt("void", till, ago, at) | {"original": sale["receipt"]}, power)

    @rule(visits=st.lists(st.tuples(TILLS, KNOWN, AGO, TIMES), min_size=1, max_size=3), power=POWER)
    def visit(self, visits: list[tuple[int, str, int, str]], power: Power) -> None:
        for till, member, ago, at in visits:
            self.hand_in(till, self.receipt("visit", till, ago, at) | {"member": member}, power)

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), till=TILLS, member=KNOWN, ago=AGO, at=TIMES)
    def claim(self, data: st.DataObject, till: int, member: str, ago: int, at: str) -> None:
        _, sale = data.draw(st.sampled_from(self.sold))
        self.number += 1
        key, when = str(self.number), self.when(ago, at)
        self.allowed(
            lambda: self.chain.tills[till].claim(member, sale["receipt"], when, key),
            "claim_refused",
            "claim_late",
        )
