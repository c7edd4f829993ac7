"""Coupons: a reward for one member, signed by headquarters, which tills check offline and take once.

Whether one was used is said by the uses that tills report; a second use is an exception there, and told here.
"""

from __future__ import annotations

import base64
import re
from typing import Final, Literal

import msgspec

from hq_server.decisions import Decision, Said, keep_decision
from hq_server.fleet_view import at_text
from hq_server.house import House
from hq_server.merges import groups_of
from hq_server.posting import post
from hq_server.receipt_facts import facts_of
from hq_server.receipt_keys import COUPONS
from hq_server.references import bucket_of, places_json
from hq_server.store.connection import Transaction
from hq_server.work import Work
from loyalty_core.calendar import date_of
from loyalty_core.envelope import peek, seal
from loyalty_core.errors import BadInput
from loyalty_core.events import CouponUsed
from loyalty_core.messages import CouponIssued
from loyalty_core.units import Day, EpochMs
from loyalty_core.wire import pack, unpack

OPEN_MAX: Final = 20
"""The most open coupons of one member: as many as a till is told of."""
DAYS_MAX: Final = 3 * 366
CouponState = Literal["open", "used", "used_twice", "expired"]


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a coupon: what was signed, but for the member, who is the subject."""

    coupon_id: str
    reward: str
    names: dict[str, str]
    value_minor: int
    from_day: int
    until_day: int


class CouponView(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon as staff and other systems read it; `code` is what its QR shows."""

    coupon_id: str
    member_id: str
    reward: str
    names: dict[str, str]
    value_minor: int
    from_date: str
    until_date: str
    state: CouponState
    used_at: tuple[str, ...]
    issued_at: str
    code: str


def issue(
    tx: Transaction,
    house: House,
    member_id: str,
    reward_id: str,
    days: tuple[Day, Day],
    by: Said,
    key: bytes,
    now_ms: EpochMs,
    natural_key: str | None = None,
) -> int:
    """Give a coupon for a reward to a member who was not erased; return the decision's number.

    `days` are the first and the last on which it is taken, `key` is HQ's private one.

    Raises:
        BadInput: `reward_unknown`, `coupon_dates`, `coupon_too_many`.
    """
    today, (from_day, until_day) = house.today(now_ms), days
    if not (max(from_day, today) <= until_day <= min(from_day, today) + DAYS_MAX):
        raise BadInput(
            "a coupon is good from a date until the same or a later one, not past, three years off at most",
            code="coupon_dates",
        )
    reward = next((one for one in house.in_force(today).rewards if one.id == reward_id), None)
    if reward is None:
        raise BadInput(
            f'the programme in force offers no reward "{reward_id}": see hq-server programme check',
            code="reward_unknown",
        )
    group = groups_of(tx, house.bucket_count, [member_id])
    everyone = group.members[group.head_of[member_id]]
    if sum(one.state == "open" for one in coupons_of(tx, house, everyone, now_ms)) >= OPEN_MAX:
        raise BadInput(f"the member has {OPEN_MAX} open coupons, which is the most", code="coupon_too_many")
    row = tx.one("house.last_decision")
    detail = Issued(
        coupon_id=f"C{(row[0] if row else 0) + 1}",
        reward=reward.id,
        names=reward.names,
        value_minor=reward.value_minor,
        from_day=from_day,
        until_day=until_day,
    )
    number = keep_decision(tx, "coupon", member_id, detail, by, now_ms, natural_key=natural_key)
    put_coupon(tx, house, member_id, detail, key, now_ms)
    post(tx, house, Work(renewed={member_id}), now_ms)
    return number


def put_coupon(
    tx: Transaction, house: House, member_id: str, detail: Issued, key: bytes, now_ms: EpochMs
) -> None:
    """Sign a coupon and keep it; who tells tills of the member is the caller."""
    tx.run(
        "accounts.add_coupon",
        bucket=bucket_of(member_id, house.bucket_count),
        member_id=member_id,
        coupon_id=detail.coupon_id,
        until_day=detail.until_day,
        envelope=seal("dangol/coupon/1", pack(_signed(member_id, detail)), key),
        issued_at_ms=now_ms,
    )


def coupons_of(tx: Transaction, house: House, members: tuple[str, ...], now_ms: EpochMs) -> list[CouponView]:
    """Return the coupons of members who count as one, those that end first before the others."""
    keys = places_json(members, house.bucket_count)
    rows = tx.all("accounts.issued_coupons", members=keys)
    uses = facts_of(tx, COUPONS, [f"c/{row[1]}" for row in rows])
    today = house.today(now_ms)
    found = []
    for member_id, coupon_id, until_day, envelope, issued_at_ms in rows:
        issued = unpack(peek(envelope, "dangol/coupon/1")[1], CouponIssued)
        facts = uses.get(f"c/{coupon_id}", ())
        used = sorted(fact.event.occurred_at_ms for fact in facts if isinstance(fact.event, CouponUsed))
        found.append(
            CouponView(
                coupon_id=coupon_id,
                member_id=member_id,
                reward=issued.reward,
                names=dict(issued.names),
                value_minor=issued.value_minor,
                from_date=date_of(Day(issued.from_day)).isoformat(),
                until_date=date_of(Day(until_day)).isoformat(),
                state=_state(len(used), ended=until_day < today),
                used_at=tuple([at_text(at_ms) for at_ms in used]),
                issued_at=at_text(issued_at_ms),
                code=base64.urlsafe_b64encode(envelope).rstrip(b"=").decode(),
            )
        )
    return found


def holder_of(tx: Transaction, coupon_id: str) -> str | None:
    """Return the member whom headquarters gave a coupon; None where it gave no such coupon."""
    of_tier = re.fullmatch("B(0|[1-9][0-9]{0,3})[.]([1-9][0-9]{0,17})", coupon_id)
    if of_tier:
        row = tx.one("accounts.benefit_numbered", bucket=int(of_tier[1]), benefit_no=int(of_tier[2]))
        return row[0] if row is not None and row[3] == "coupon" else None
    number = coupon_id.removeprefix("C")
    if coupon_id != f"C{number}" or not re.fullmatch("[1-9][0-9]{0,17}", number):
        return None
    row = tx.one("house.decision", number=int(number))
    # A coupon bears the number of the decision that gave it.
    return row[2] if row is not None and row[1] == "coupon" else None


def coupon_of(decision: Decision) -> CouponIssued:
    """Return what HQ signed by a decision."""
    return _signed(decision.subject, msgspec.json.decode(decision.detail, type=Issued))


def _signed(member_id: str, detail: Issued) -> CouponIssued:
    names = tuple(sorted(detail.names.items()))
    days = (detail.from_day, detail.until_day)
    return CouponIssued(detail.coupon_id, member_id, detail.reward, names, detail.value_minor, *days)


def _state(uses: int, *, ended: bool) -> CouponState:
    if uses:
        return "used" if uses == 1 else "used_twice"
    return "expired" if ended else "open"
