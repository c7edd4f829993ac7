"""What people do at tills: buy, bring back, visit, claim."""

from __future__ import annotations

from typing import Any, Final

from tests.simulation.people import KNOWN, MEMBERS, TIMES, People, Power

PRICES: Final = [990, 1_000, 4_500, 12_990]
TENDERS: Final = [[], [("card", 3_000)], [("points", 500), ("card", 500)], [("gift_card", 2_000)]]


class AtTills(People):
    """Receipts of every kind, right and wrong, today's and old ones."""

    async def sell(self) -> None:
        for _ in range(self.luck.randint(1, 3)):
            await self.sell_one(self.place())

    async def sell_one(self, place: int) -> None:
        lines = self.some(0, 3, self.line)
        net = sum(line["net_minor"] for line in lines) + self.luck.choice([-300, 0, 0, 40, 9_000])
        told = self.receipt("purchase", place, self.sometime()) | {
            "member": self.luck.choice(MEMBERS),
            "net_minor": max(0, net),
            "lines": [{"number": number + 1, **line} for number, line in enumerate(lines)],
            "tenders": [{"type": kind, "amount_minor": amount} for kind, amount in self.luck.choice(TENDERS)],
        }
        self.sold.append((place, told))
        await self.hand_in(place, told)

    def line(self) -> dict[str, Any]:
        return {
            "sku": self.luck.choice(["A", "B", ""]),
            "category": self.luck.choice(["golf", "food"]),
            "quantity": self.luck.choice(["1", "2", "0.5"]),
            "net_minor": self.luck.choice(PRICES),
        }

    async def copy(self) -> None:
        for member in self.some(1, 3, lambda: self.luck.choice(MEMBERS)):
            place, sale = self.luck.choice(self.sold)
            if place < 2 and self.luck.random() < 0.5:
                place = 1 - place
            await self.hand_in(place, sale | {"member": member})

    async def bring_back(self, *, linked: bool = True) -> int:
        """Bring goods of a sale back; return the place of the till."""
        place = self.place()
        _, sale = self.luck.choice(self.sold)
        lines = self.some(0, 2, lambda: self.luck.choice(sale["lines"])) if sale["lines"] else []
        lines = [line | {"quantity": self.luck.choice(["1", "0.5"])} for line in lines]
        net = self.luck.choice([500, 3_000, sale["net_minor"] or 1])
        if self.luck.random() < 0.5:
            lines, net = sale["lines"], sale["net_minor"] or 1
        back = self.receipt("return", place, self.sometime()) | {
            "original": sale["receipt"] if linked else None,
            "lines": lines,
            "net_minor": net,
        }
        await self.hand_in(place, back)
        return place

    async def void(self) -> None:
        place, sale = self.luck.choice(self.sold)
        await self.undo(place, sale, self.sometime())

    async def undo(self, place: int, sale: dict[str, Any], when: str) -> None:
        """Void a sale at its till."""
        await self.hand_in(place, self.receipt("void", place, when) | {"original": sale["receipt"]})

    async def visit(self) -> None:
        for _ in range(self.luck.randint(1, 3)):
            place, member, when = self.place(), self.luck.choice(KNOWN), self.sometime()
            await self.hand_in(place, self.receipt("visit", place, when) | {"member": member})

    async def check_in(self) -> None:
        """Somebody is there, and no receipt says so."""
        place, member, when, key = self.place(), self.luck.choice(KNOWN), self.sometime(), self.key()

        async def work(power: Power) -> None:
            self.till(place).visit(member, when, key, power)

        await self.ask(place, work)

    async def claim(self) -> None:
        _, sale = self.luck.choice(self.sold)
        place, member, when, key = self.place(), self.luck.choice(KNOWN), self.sometime(), self.key()
        named = sale["receipt"] | {"business_date": sale["receipt"]["business_date"]}

        async def work(power: Power) -> None:
            self.till(place).claim(member, named, when, key, power)

        await self.ask(place, work, "claim_refused", "claim_late", "date_in_future")

    def today_at(self) -> str:
        return self.when(0, self.luck.choice(TIMES))
