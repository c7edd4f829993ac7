"""What people spend at tills: points, rewards and coupons, with headquarters' word or without it."""

from __future__ import annotations

from typing import Any, Final

from loyalty_core.calendar import day_of
from loyalty_core.units import Day
from tests.simulation.at_tills import AtTills
from tests.simulation.founding import CARDS
from tests.simulation.people import KNOWN, People, Power, key_of

WISHES: Final[list[dict[str, Any]]] = [
    {"points": 1},
    {"points": 4},
    {"points": 15},
    {"points": 30},
    {"reward": "ball"},
    {"reward": "voucher"},
]
REFUSED: Final = (
    *("points_missing", "allowance_exceeded", "member_unknown", "programme_missing", "redemption_off"),
    *("terminal_revoked", "journal_behind", "fork", "clock_lost"),
)
TOO_LATE: Final = ("redemption_lapsed", "receipt_taken_back", "redemption_unknown")
COUPON_REFUSED: Final = (
    *("coupon_used", "coupon_expired", "coupon_other_member", "coupon_not_yet", "coupon_key_unknown"),
)


class Spending(AtTills, People):
    """Redemptions from their authorisation to their end, on a sale, an older one, or none."""

    under_way: list[tuple[int, str]]
    coupons: list[str]
    paid: list[tuple[int, dict[str, Any]]]

    async def redeem(self) -> None:
        for _ in range(self.luck.randint(1, 3)):
            place = self.place()
            wish = {"member": self.luck.choice(KNOWN), **self.luck.choice(WISHES)}
            redemption = await self.set_aside(place, wish)
            if redemption is not None and self.luck.random() < 0.6:
                await self.end(place, redemption)

    async def pay(self) -> None:
        """Points pay for a sale that is printed after them."""
        place, member = self.place(), self.luck.choice(KNOWN)
        redemption = await self.set_aside(place, {"member": member, **self.luck.choice(WISHES)})
        if redemption is None:
            return
        sale = self.receipt("purchase", place, self.when(0, "14:00")) | {
            "member": member,
            "net_minor": self.luck.choice([900, 9_500]),
            "lines": [],
            "tenders": [{"type": "points", "amount_minor": 500}],
        }
        self.under_way.remove((place, redemption))

        async def work(power: Power) -> None:
            self.till(place).commit(redemption, key_of(sale), power)

        await self.ask(place, work, *TOO_LATE)
        self.sold.append((place, sale))
        self.paid.append((place, sale))
        await self.hand_in(place, sale)

    async def regret(self) -> None:
        """What points paid for is voided."""
        place, sale = self.luck.choice(self.paid)
        await self.undo(place, sale, self.today_at())

    async def issue(self) -> None:
        desk, today, member = self.chain.desk, Day(day_of(self.chain.today)), self.luck.choice(list(CARDS))
        reward = self.luck.choice(["ball", "voucher"])
        if self.decided(lambda: desk.issue(member, reward, (today, today + 40)), "coupon_too_many"):
            self.coupons.append(max(desk.coupons(member), key=lambda one: int(one.coupon_id[1:])).code)

    async def use(self) -> None:
        """Use a coupon, perhaps at several tills."""
        coupon = self.luck.choice(self.coupons)
        for place in self.some(1, 3, self.place):
            redemption = await self.set_aside(place, {"coupon": coupon})
            if redemption is not None:
                await self.end(place, redemption)

    async def finish(self) -> None:
        await self.end(*self.luck.choice(self.under_way))

    async def set_aside(self, place: int, wish: dict[str, Any]) -> str | None:
        """Authorise, and return the redemption's id if it was granted."""
        wanted = self.chain.tills[place].wanted(self.key(), **wish)

        async def work(power: Power) -> None:
            await self.till(place).authorise(wanted, power)

        if not await self.ask(place, work, *REFUSED, *COUPON_REFUSED):
            return None
        self.under_way.append((place, wanted.redemption_id))
        return wanted.redemption_id

    async def end(self, place: int, redemption: str) -> None:
        """Commit a redemption on a receipt of the store or none, or cancel it."""
        self.under_way.remove((place, redemption))
        store = [sale for of, sale in self.sold if self.chain.tills[of].store_id == self.till(place).store_id]
        paid = self.luck.choice([None, *map(key_of, store)])
        cancelled = self.luck.random() < 0.25

        async def work(power: Power) -> None:
            if cancelled:
                self.till(place).cancel(redemption, power)
            else:
                self.till(place).commit(redemption, paid, power)

        await self.ask(place, work, *TOO_LATE)
