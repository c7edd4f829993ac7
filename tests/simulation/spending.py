"""What people spend at tills: points, rewards and coupons, with headquarters' word or without it."""

from __future__ import annotations

from typing import Any, Final

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from loyalty_core.calendar import day_of
from loyalty_core.units import Day
from tests.simulation.at_tills import AtTills
from tests.simulation.chain import CARDS
from tests.simulation.machine import KNOWN, POWER, TILLS, TIMES, Power, key_of

WISHES: Final = st.sampled_from(
    [{"points": 1}, {"points": 4}, {"points": 15}, {"points": 30}, {"reward": "ball"}, {"reward": "voucher"}]
)
LOST: Final = st.sampled_from(["", "", "request", "reply"])
"""What becomes of the question: it is answered, never heard, or heard and its answer lost."""
ASKED: Final = st.tuples(TILLS, KNOWN, WISHES, LOST)
Asked = tuple[int, str, dict[str, Any], str]
REFUSED: Final = ("points_missing", "allowance_exceeded", "member_unknown", "programme_missing")
TOO_LATE: Final = ("redemption_lapsed", "receipt_taken_back")
COUPON_REFUSED: Final = ("coupon_used", "coupon_expired", "coupon_other_member")


class Spending(AtTills):
    """Redemptions from their authorisation to their end, on a sale, an older one, or none."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way: list[tuple[int, str]] = []
        self.coupons: list[str] = []
        self.paid: list[tuple[int, dict[str, Any]]] = []

    @rule(data=st.data(), asked=st.lists(ASKED, min_size=1, max_size=3), later=st.booleans(), power=POWER)
    def redeem(self, data: st.DataObject, asked: list[Asked], later: bool, power: Power) -> None:
        for till, member, wish, lose in asked:
            redemption = self.set_aside(till, {"member": member} | wish, lose, power)
            if redemption is not None and not later:
                self.end(till, redemption, data, power)

    @rule(till=TILLS, member=KNOWN, wish=WISHES, lose=LOST, net=st.sampled_from([900, 9_500]), power=POWER)
    def pay(self, till: int, member: str, wish: dict[str, Any], lose: str, net: int, power: Power) -> None:
        """Points pay for a sale that is printed after them."""
        redemption = self.set_aside(till, {"member": member} | wish, lose, power)
        if redemption is None:
            return
        sale = self.receipt("purchase", till, 0, "14:00") | {
            "member": member,
            "net_minor": net,
            "lines": [],
            "tenders": [{"type": "points", "amount_minor": 500}],
        }
        self.chain.tills[till].commit(redemption, key_of(sale), None)
        self.under_way.remove((till, redemption))
        self.sold.append((till, sale))
        self.paid.append((till, sale))
        self.hand_in(till, sale, power)

    @precondition(lambda self: self.paid)
    @rule(data=st.data(), days=st.sampled_from([0, 0, 40, 200]), at=TIMES, power=POWER)
    def regret(self, data: st.DataObject, days: int, at: str, power: Power) -> None:
        """What points paid for is voided, perhaps after they would have expired."""
        self.chain.go_on(days, 0)
        till, sale = data.draw(st.sampled_from(self.paid))
        self.hand_in(till, self.receipt("void", till, 0, at) | {"original": sale["receipt"]}, power)

    @rule(data=st.data(), member=st.sampled_from(list(CARDS)), tills=st.lists(TILLS, max_size=2))
    def issue(self, data: st.DataObject, member: str, tills: list[int]) -> None:
        desk, today = self.chain.desk, Day(day_of(self.chain.today))
        reward = data.draw(st.sampled_from(["ball", "voucher"]))
        if self.allowed(lambda: desk.issue(member, reward, (today, today + 40)), "coupon_too_many"):
            self.coupons.append(max(desk.coupons(member), key=lambda one: int(one.coupon_id[1:])).code)
            self.use(data, tills, None)

    @precondition(lambda self: self.coupons)
    @rule(data=st.data(), tills=st.lists(TILLS, min_size=1, max_size=3), power=POWER)
    def use(self, data: st.DataObject, tills: list[int], power: Power) -> None:
        coupon = data.draw(st.sampled_from(self.coupons[::-1]))
        for till in tills:
            redemption = self.set_aside(till, {"coupon": coupon}, "", power)
            if redemption is not None:
                self.end(till, redemption, data, power)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), power=POWER)
    def finish(self, data: st.DataObject, power: Power) -> None:
        till, redemption = data.draw(st.sampled_from(self.under_way))
        self.end(till, redemption, data, power)

    def set_aside(self, till: int, wish: dict[str, Any], lose: str, power: Power) -> str | None:
        """Authorise, and return the redemption's id if it was granted."""
        self.number += 1
        one, key = self.chain.tills[till], str(self.number)
        wanted = one.wanted(key, **wish)
        if not self.ask(lambda power: one.authorise(wanted, lose, power), power, *REFUSED, *COUPON_REFUSED):
            return None
        self.under_way.append((till, wanted.redemption_id))
        return wanted.redemption_id

    def end(self, till: int, redemption: str, data: st.DataObject, power: Power) -> None:
        """Commit a redemption on a receipt of the store or none, or cancel it."""
        one = self.chain.tills[till]
        self.under_way.remove((till, redemption))
        if not data.draw(st.sampled_from([True, True, True, False])):
            self.ask(lambda power: one.cancel(redemption, power), power)
            return
        store = [sale for place, sale in self.sold if self.chain.tills[place].store_id == one.store_id]
        paid = data.draw(st.sampled_from([None, *store]))
        key = None if paid is None else key_of(paid)
        self.ask(lambda power: one.commit(redemption, key, power), power, *TOO_LATE)
