"""Closes and what tiers gave: each close by its decision, each gift and coupon by a tier that gives it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hq_server.audit.comparing import differs
from hq_server.closes.benefits import PIECES, benefit_id, name_of
from hq_server.closes.closing import Decided
from hq_server.closes.states import closes
from hq_server.decisions import decision
from hq_server.house import House
from hq_server.merges import Groups
from hq_server.store.connection import Transaction
from hq_server.tiers.held import rows_of
from loyalty_core.envelope import open_sealed
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import CouponIssued
from loyalty_core.wire import unpack


def audit_closes(tx: Transaction, house: House) -> None:
    """Compare every close with its decision, and one that is done with its buckets."""
    for close in closes(tx).values():
        where = f"the close of {close.period_id}"
        decided = decision(tx, close.decision)
        if (decided.kind, decided.subject) != ("close", close.period_id):
            differs(where, f"decision {close.decision} does not say so")
        says = msgspec.json.decode(decided.detail, type=Decided)
        if (says.programme_version, decided.made_at_ms) != (close.programme_version, close.begun_at_ms):
            differs(where, f"decision {close.decision} says otherwise by which rules, or when")
        (done, *_) = tx.one("accounts.bucket_closes_of", period_id=close.period_id) or (0,)
        if close.closed_at_ms is not None and done != house.bucket_count:
            differs(where, f"it is done, and {house.bucket_count - done} buckets have not closed it")


def audit_benefits(tx: Transaction, house: House, keys: Mapping[bytes, bytes]) -> None:
    """Compare what tiers gave with the tiers that members were given, and each coupon with its signature.

    `keys` are those that HQ signed coupons with, by id.
    """
    versions = {programme.version: programme for programme in house.programmes}
    for bucket in range(house.bucket_count):
        rows = tx.all("accounts.benefits_in_order", bucket=bucket)
        members = list(dict.fromkeys(row[0] for row in rows))
        alone = Groups({name: name for name in members}, {name: (name,) for name in members})
        decided = rows_of(tx, house.bucket_count, alone)
        for member_id, validity, benefit, number, kind, tier, version, coupon in rows:
            where = f"benefit {benefit_id(bucket, number)} of member {member_id}"
            programme = versions.get(version)
            ladder = () if programme is None else programme.ladder
            gives = [one for step in ladder if step.code == tier for one in step.benefits]
            if (kind, benefit) not in [(one.kind, name_of(one)) for one in gives if one.kind in PIECES]:
                differs(where, f"{tier} of version {version} gives no such thing")
            rows_of_member = decided.get(member_id, ())
            given = {one.tier for each in rows_of_member for one in each.assessments}
            given |= {one.tier for each in rows_of_member for one in each.grants}
            if tier not in given:
                differs(where, f"the member was never given {tier} for {validity}")
            if kind == "coupon":
                _coupon(where, coupon, benefit_id(bucket, number), member_id, benefit, keys)


def _coupon(
    where: str, envelope: bytes | None, name: str, member_id: str, benefit: str, keys: Mapping[bytes, bytes]
) -> None:
    try:
        signed = unpack(open_sealed(envelope or b"", "dangol/coupon/1", keys), CouponIssued)
    except LoyaltyError as error:
        differs(where, f"its coupon is not what headquarters signed: {error}")
    if (signed.coupon_id, signed.member_id, f"coupon:{signed.reward}") != (name, member_id, benefit):
        differs(where, "its coupon says something else")
