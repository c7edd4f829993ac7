"""What everybody in a chain stands on: the chain, what was sold, and how a till's software asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any, Final, TypeVar

from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_core.events import ReceiptKey
from tests.edge import made
from tests.simulation.chain import Chain
from tests.simulation.founding import CARDS, STRAY
from tests.simulation.till import CutOff, SimTill

T = TypeVar("T")
KNOWN: Final = list(CARDS.values())
MEMBERS: Final = [*KNOWN, *KNOWN, CARDS["M1"], None, STRAY]
AGO: Final = [0, 0, 0, 1, 2, 9, 20]
TIMES: Final = ["05:00", "09:30", "11:59", "12:00", "12:01", "14:00"]
CLOCK_WRONG: Final = ("date_in_future", "date_impossible")
"""What a till refuses by its own clock, where that is wrong."""

Power = int | None


class People:
    """A chain, and what was handed in at its tills: the place of the till and the receipt of each sale."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.luck: Random = chain.luck
        self.seen = chain.seen
        self.sold: list[tuple[int, dict[str, Any]]] = []
        self.number = 0
        self.steady = False
        self.shut: set[int] = set()

    def some(self, least: int, most: int, make: Callable[[], T]) -> list[T]:
        """Return so many of what is made by chance."""
        return [make() for _ in range(self.luck.randint(least, most))]

    def place(self) -> int:
        """Return the place of some till, which is switched on."""
        place = self.luck.randrange(len(self.chain.tills))
        self.chain.tills[place].start()
        return place

    def till(self, place: int) -> SimTill:
        """Return the till of a place, switched on."""
        self.chain.tills[place].start()
        return self.chain.tills[place]

    def power(self) -> Power:
        """Return after how much work the power goes, None where it stays."""
        return None if self.steady or self.luck.random() > 0.15 else self.luck.randrange(1_200)

    def when(self, ago: int, at: str) -> str:
        return f"{self.chain.today - timedelta(days=ago)} {at}"

    def sometime(self) -> str:
        return self.when(self.luck.choice(AGO), self.luck.choice(TIMES))

    def key(self) -> str:
        """Return the next number of a receipt, or of a request."""
        self.number += 1
        return str(self.number)

    def receipt(self, kind: str, place: int, when: str) -> dict[str, Any]:
        """Return the next receipt of a till."""
        one = self.chain.tills[place]
        return {
            "kind": kind,
            "receipt": {
                "store": one.store_id,
                "till": one.code,
                "business_date": when[:10],
                "number": self.key(),
            },
            "occurred_at": when.replace(" ", "T") + ":00+09:00",
        }

    async def hand_in(self, place: int, receipt: dict[str, Any]) -> bool:
        """Hand a receipt in, and tell whether it was taken."""
        said = {name: value for name, value in receipt.items() if value is not None}

        async def work(power: Power) -> None:
            self.till(place).record(said, power)

        return await self.ask(place, work, "receipt_conflict", *CLOCK_WRONG)

    async def ask(self, place: int, work: Callable[[Power], Awaitable[object]], *codes: str) -> bool:
        """Ask a till as its software does: again, where nobody answered; tell whether it was done."""
        power = self.power()
        done = False
        try:
            done = await self.allowed(work(power), *codes)
        except CutOff:
            self.seen["power cut at a till"] += 1
            done = await self.allowed(work(None), *codes)
        else:
            if not self.steady and self.luck.random() < 0.05:
                self.seen["answer lost at the till's counter"] += 1
                if self.luck.random() < 0.5:
                    self.chain.tills[place].stop(power=False)
                done = await self.allowed(work(None), *codes) or done
        self.till(place).sync.nudge()
        return done

    async def allowed(self, work: Awaitable[object], *codes: str) -> bool:
        """Do it, and tell whether it was done; what may be refused may be."""
        try:
            await work
        except (BadInput, LoyaltyError) as error:
            if error.code not in codes:
                raise
            return False
        return True

    def decided(self, work: Callable[[], object], *codes: str) -> bool:
        """Decide it, and tell whether it was done; what may be refused may be."""
        try:
            work()
        except LoyaltyError as error:
            if error.code not in codes:
                raise
            return False
        return True


def key_of(sale: dict[str, Any]) -> ReceiptKey:
    """Return the receipt key of a sale."""
    said = sale["receipt"]
    return ReceiptKey(said["store"], said["till"], made.day(said["business_date"]), said["number"])
