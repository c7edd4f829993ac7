"""What a member may spend at this till now: points, rewards and coupons, or why not. Reads only.

available = balance - own redemptions that are open - what HQ holds for other tills
"""

from __future__ import annotations

from contextlib import suppress

import msgspec

from edge_agent.books import Books
from edge_agent.clock import Clock
from edge_agent.coupons import code_of, open_coupon, read_code
from edge_agent.owners import Owner, account_of
from edge_agent.recorder import Recorder
from edge_agent.standing import Standing, standing
from edge_agent.store import hq_keys, members, redemptions
from edge_agent.store.database import Connection
from edge_agent.store.redemptions import Redemption
from edge_agent.tiers import tier_held
from loyalty_core.calendar import business_day, date_of, end_of_day
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_core.events import AT_MAX, ReceiptKey
from loyalty_core.messages import CouponIssued, MemberRow
from loyalty_core.programme import Programme, Reward
from loyalty_core.units import MINOR_MAX, POINTS_MAX, Day, EpochMs


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: points, a reward for points, or what a coupon gives.

    `natural_key` makes it one request, `content` is equal for what is the same.
    """

    redemption_id: str
    natural_key: str
    content: bytes
    member: str | None = None
    points: int | None = None
    reward: str | None = None
    coupon: str | None = None
    receipt: ReceiptKey | None = None


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a request comes to where it may be granted. `member` is the form that is recorded.

    It is committed before `end_ms`, however long points are held: where some of the member's points are lost
    with this day, at its end.
    """

    member: str
    account: str
    now_ms: EpochMs
    today: Day
    hold_ms: int
    end_ms: int = AT_MAX
    points: int = 0
    value_minor: int = 0
    reward: str = ""
    coupon: str = ""


class Usable(msgspec.Struct, frozen=True):
    """A coupon that is taken here today, and its code."""

    coupon: CouponIssued
    code: str


class Purse(msgspec.Struct, frozen=True, kw_only=True):
    """What a member may spend at once: points, the rewards that these buy here today, and coupons."""

    available: int
    rewards: tuple[Reward, ...] = ()
    coupons: tuple[Usable, ...] = ()


class Spendable:
    """Works it out; holds nothing."""

    def __init__(self, clock: Clock, recorder: Recorder) -> None:
        self._clock = clock
        self._recorder = recorder

    def is_open(self, one: Redemption) -> bool:
        """Tell whether an authorisation still stands.

        While the machine stays up its monotonic clock says so, whatever is done to the wall clock. After
        that only the wall clock is left, and one that went back is not believed.
        """
        if one.state != "authorised":
            return False
        if one.boot_id and one.boot_id == self._clock.boot_id():
            return self._clock.monotonic_ms() < one.until_monotonic_ms
        return one.at_ms <= self._clock.wall_ms() < one.until_ms

    def terms(self, conn: Connection, books: Books, wanted: Wanted) -> Terms:
        """Return what a request comes to.

        Raises:
            BadInput: why it cannot be granted, with a stable code.
        """
        owner = None if wanted.member is None else self._recorder.member(conn, books, wanted.member)
        now_ms = self._recorder.expectations(books).now_ms
        if now_ms is None:
            raise BadInput("this till's clock has lost its time: set it, then ask again", code="clock_lost")
        today = business_day(now_ms, books.terminal.place)
        programme = books.programme_on(today)
        if programme is None:
            raise BadInput("no programme is in force at this till today", code="programme_missing")
        if wanted.coupon is not None:
            coupon, account = self._coupon(conn, books, wanted, owner, today)
            return Terms(
                member=f"id:{coupon.member_id}",
                account=account,
                now_ms=now_ms,
                today=today,
                hold_ms=programme.hold_minutes * 60_000,
                value_minor=coupon.value_minor,
                reward=coupon.reward,
                coupon=coupon.coupon_id,
            )
        if owner is None:
            raise BadInput("say whose points are to be spent", code="member_missing")
        points, value_minor = _priced(books, programme, wanted, books.row(conn, owner.account), today)
        stands = self._check_available(conn, books, owner.account, today, points)
        ends = any(lot.last_day == today for lot in stands.expiring)
        return Terms(
            member=owner.recorded,
            account=owner.account,
            now_ms=now_ms,
            today=today,
            hold_ms=programme.hold_minutes * 60_000,
            end_ms=end_of_day(today, books.terminal.place) + 1 if ends else AT_MAX,
            points=points,
            value_minor=value_minor,
            reward=wanted.reward or "",
        )

    def allowance_left(self, conn: Connection, books: Books, account: str, today: Day) -> int:
        """Return how many points may be spent here without asking HQ, until it sends a newer row.

        No row grants more than the programme of today does: it may be of before that version.
        """
        row, programme = books.row(conn, account), books.programme_on(today)
        if row is None or programme is None or programme.redeem is None:
            return 0
        used = redemptions.allowance_committed(conn, account, row.stamp or members.NEVER)
        used += sum(one.allowance for one in self._open_ones(conn, books, account))
        return max(0, min(row.allowance, programme.redeem.offline_points) - used)

    def available(self, conn: Connection, books: Books, account: str, balance: int) -> int:
        """Return how much of a balance is not under way, here or elsewhere."""
        return max(0, balance - self._under_way(conn, books, account))

    def purse(self, conn: Connection, books: Books, account: str, balance: int, today: Day) -> Purse:
        """Return what a member may spend."""
        available = self.available(conn, books, account, balance)
        row, programme = books.row(conn, account), books.programme_on(today)
        if row is None or programme is None:
            return Purse(available=available)
        tier, store_id = tier_held(row, programme, today), books.terminal.store_id
        return Purse(
            available=available,
            rewards=tuple(
                [
                    reward
                    for reward in programme.rewards
                    if reward.points <= available and _not_given(reward, today, store_id, tier) is None
                ]
            ),
            coupons=tuple(self._usable(conn, books, row, today)),
        )

    def _coupon(
        self, conn: Connection, books: Books, wanted: Wanted, owner: Owner | None, today: Day
    ) -> tuple[CouponIssued, str]:
        """Return the coupon that is shown, and its member's account."""
        identity = books.terminal
        coupon = read_code(wanted.coupon or "", hq_keys.believed(conn, "server"))
        account = account_of(conn, identity.store_key, f"id:{coupon.member_id}")
        if owner is not None and owner.account != account:
            raise BadInput("this coupon is another member's", code="coupon_other_member")
        if today < coupon.from_day:
            first = date_of(Day(coupon.from_day)).isoformat()
            raise BadInput(f"this coupon is taken from {first} on", code="coupon_not_yet")
        if today > coupon.until_day:
            last = date_of(Day(coupon.until_day)).isoformat()
            raise BadInput(f"this coupon was taken until {last}", code="coupon_expired")
        if self._is_taken(conn, books, coupon, wanted.redemption_id):
            raise BadInput("this coupon is used, or about to be, at this till", code="coupon_used")
        return coupon, account

    def _usable(self, conn: Connection, books: Books, row: MemberRow, today: Day) -> list[Usable]:
        found = []
        keys = hq_keys.believed(conn, "server") if row.coupons else {}
        for envelope in row.coupons:
            with suppress(LoyaltyError):  # HQ signs what it sends: what is damaged on this disk is not shown
                coupon = open_coupon(envelope, keys)
                if coupon.from_day <= today <= coupon.until_day and not self._is_taken(conn, books, coupon):
                    found.append(Usable(coupon, code_of(envelope)))
        return found

    def _is_taken(
        self, conn: Connection, books: Books, coupon: CouponIssued, but_for: str | None = None
    ) -> bool:
        """Tell whether a coupon is used, or held by another redemption that is open."""
        one = redemptions.of_coupon(conn, coupon.coupon_id, books.terminal.terminal_id)
        if one is None or one.redemption_id == but_for:
            return False
        return one.state == "committed" or self.is_open(one)

    def _check_available(
        self, conn: Connection, books: Books, account: str, today: Day, points: int
    ) -> Standing:
        stands = standing(conn, books, account, today)
        balance, under_way = stands.balance, self._under_way(conn, books, account)
        if points > balance - under_way:
            more = f", of which {under_way} are under way" if under_way else ""
            raise BadInput(
                f"{points} points are asked for, the balance is {balance}{more}", code="points_missing"
            )
        return stands

    def _under_way(self, conn: Connection, books: Books, account: str) -> int:
        row = books.row(conn, account)
        own = sum(one.points for one in self._open_ones(conn, books, account))
        return own + (row.held if row is not None else 0)

    def _open_ones(self, conn: Connection, books: Books, account: str) -> list[Redemption]:
        found = redemptions.authorised(conn, books.terminal.terminal_id, account)
        return [one for one in found if self.is_open(one)]


def _priced(
    books: Books, programme: Programme, wanted: Wanted, row: MemberRow | None, today: Day
) -> tuple[int, int]:
    """Return how many points it takes, and what it takes off a sale."""
    if wanted.reward is not None:
        reward = next((one for one in programme.rewards if one.id == wanted.reward), None)
        if reward is None:
            raise BadInput(
                "the programme has no such reward: look the member up for those it has", code="reward_unknown"
            )
        refusal = _not_given(reward, today, books.terminal.store_id, tier_held(row, programme, today))
        if refusal is not None:
            raise refusal
        return reward.points, reward.value_minor
    redeem, points = programme.redeem, wanted.points or 0
    if redeem is None:
        raise BadInput("points pay for nothing in this programme", code="redemption_off")
    if points < redeem.minimum:
        raise BadInput(f"at least {redeem.minimum} points are spent at once", code="points_below_minimum")
    if points % redeem.step:
        raise BadInput(f"points are spent in steps of {redeem.step}", code="points_off_step")
    value_minor = points * redeem.minor_per_point
    if points > POINTS_MAX or value_minor > MINOR_MAX:
        raise BadInput(f"{points} points are more than one redemption takes", code="points_missing")
    return points, value_minor


def _not_given(reward: Reward, today: Day, store_id: str, tier: str) -> BadInput | None:
    """Return why a reward is not given here today to a member of this tier, or None."""
    if (reward.from_day is not None and today < reward.from_day) or (
        reward.until_day is not None and today > reward.until_day
    ):
        return BadInput("this reward is not given today", code="reward_not_today")
    if reward.stores is not None and store_id not in reward.stores:
        return BadInput("this reward is not given at this store", code="reward_other_store")
    if reward.tiers is not None and tier not in reward.tiers:
        return BadInput(f"this reward is not given in tier {tier}", code="reward_other_tier")
    return None
