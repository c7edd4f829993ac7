"""Decisions: numbered without a gap, approved by another person, each with just the effect that it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from hq_server.adjusting import fact_of
from hq_server.archive.seeing import BatchArchived
from hq_server.attaching import Attached
from hq_server.audit.comparing import Difference, Progress, differs
from hq_server.closes.states import closes
from hq_server.coupons import coupon_of
from hq_server.decisions import SECOND_PERSON, Decision, every_decision, same_person
from hq_server.erasing import members_of_erasure
from hq_server.filing import fact_by
from hq_server.house import House
from hq_server.merges import Merged
from hq_server.references import bucket_of, digest_of, places_json
from hq_server.spread import encoded
from hq_server.store.connection import Transaction
from loyalty_core.envelope import open_sealed
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import CouponIssued
from loyalty_core.wire import unpack


class Decided(msgspec.Struct, frozen=True):
    """What decisions account for elsewhere: facts filed under receipts, adjustments in the accounts."""

    facts: int
    adjustments: int


def kin_of_merges(tx: Transaction) -> dict[str, tuple[str, ...]]:
    """Return for each member who was ever merged everyone of that group."""
    kin: dict[str, set[str]] = {}
    for one in every_decision(tx, "merge"):
        with _reading(one):
            into = msgspec.json.decode(one.detail, type=Merged).into
        group = kin.get(one.subject, {one.subject}) | kin.get(into, {into})
        for name in group:
            kin[name] = group
    return {name: tuple(sorted(group)) for name, group in kin.items()}


def audit_decisions(
    tx: Transaction, house: House, keys: Mapping[bytes, bytes], progress: Progress
) -> Decided:
    """Compare every decision with what stands by it; nothing may stand that none explains.

    `keys` are those that HQ signed coupons with, by id.
    """
    audit = _Audit(tx, house, keys)
    for number, one in enumerate(every_decision(tx), start=1):
        if one.number != number:
            differs(f"decision {one.number}", f"decision {number} should be next: the numbers have a gap")
        with _reading(one):
            audit.take(one)
        progress("decisions", 1)
    return audit.end()


@contextmanager
def _reading(one: Decision) -> Iterator[None]:
    """End the audit with the decision's number where it cannot be read, or what it is about is missing."""
    try:
        yield
    except Difference:
        raise
    except (LoyaltyError, msgspec.MsgspecError, ValueError, OverflowError) as error:
        differs(f"decision {one.number}", f"what it says does not hold: {error}")


class _Audit:
    def __init__(self, tx: Transaction, house: House, keys: Mapping[bytes, bytes]) -> None:
        self._tx, self._house = tx, house
        self._keys = keys
        self._facts = self._verdicts = self._coupons = 0
        self._adjusted: dict[tuple[str, int, str], bytes | None] = {}
        self._merges: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        self._erased: set[str] = set()

    def take(self, one: Decision) -> None:
        """Compare one decision, or remember what it says until all are known."""
        where = f"decision {one.number}"
        if one.needs_second != (one.kind in SECOND_PERSON):
            differs(where, f"its kind, {one.kind}, says otherwise whether it takes a second person")
        if one.approved is not None:
            self._verdicts += 1
            if not one.needs_second or same_person(one.given_by or "", one.made_by):
                differs(where, "its verdict is not that of a second person")
        if not one.has_effect:
            return
        match one.kind:
            case "claim" | "match" | "placing":
                self._fact(one, where)
            case "adjustment" | "goodwill":
                receipt_id, resolved = fact_of(one)
                self._adjusted[one.subject, resolved.business_day, receipt_id] = encoded(resolved)
            case "merge" | "unmerge":
                self._merge(one, where)
            case "attachment":
                digests = msgspec.json.decode(one.detail, type=Attached).digests
                self._digests |= dict.fromkeys(digests, one.subject)
            case "erasure" | "retention":
                self._erased.update(members_of_erasure(one))
            case "coupon":
                self._coupon(one, where)
            case "close":
                if one.subject not in closes(self._tx):
                    differs(where, f"the close of {one.subject} is missing")

    def end(self) -> Decided:
        """Compare what is left: sums, and rows that no decision made."""
        row = self._tx.one("house.verdict_count")
        if row is None or row[0] != self._verdicts:
            differs("verdicts", "one stands that is about no decision")
        (stand,) = self._tx.one("accounts.coupon_count") or (0,)
        (of_tiers,) = self._tx.one("accounts.coupons_of_tiers") or (0,)
        if stand != self._coupons + of_tiers:
            differs("coupons", f"decisions issued {self._coupons}, tiers {of_tiers}, and {stand} stand")
        self._merges_stand()
        self._rest_in_buckets()
        return Decided(self._facts, len(self._adjusted))

    def _fact(self, one: Decision, where: str) -> None:
        try:
            fact = fact_by(self._tx, one)
        except BatchArchived:  # What it is about is not seen, as the journals have told.
            return
        keys = msgspec.json.encode([fact.filed.receipt_key]).decode()
        row = (fact.filed.receipt_key, *msgspec.structs.astuple(fact.id), fact.data, 1)
        if row not in self._tx.all("arrivals.facts", store_id=fact.filed.store_id, keys=keys):
            differs(where, f"its fact in store {fact.filed.store_id} is missing or differs")
        self._facts += 1

    def _merge(self, one: Decision, where: str) -> None:
        into = msgspec.json.decode(one.detail, type=Merged).into
        if one.kind == "unmerge":
            if self._merges.pop(one.subject, None) != into:
                differs(where, "it undoes a merge that did not stand")
            return
        if one.subject in self._merges:
            differs(where, "it merges a member who was merged already")
        self._merges[one.subject] = into

    def _coupon(self, one: Decision, where: str) -> None:
        should = coupon_of(one)
        row = self._tx.one(
            "accounts.coupon_at",
            bucket=bucket_of(one.subject, self._house.bucket_count),
            member_id=one.subject,
            coupon_id=should.coupon_id,
        )
        try:
            envelope = row[1] if row else b""
            signed = unpack(open_sealed(envelope, "dangol/coupon/1", self._keys), CouponIssued)
        except LoyaltyError as error:
            differs(where, f"its coupon is not what headquarters signed: {error}")
        if row is None or (signed, row[0]) != (should, should.until_day):
            differs(where, "its coupon says something else")
        self._coupons += 1

    def _merges_stand(self) -> None:
        row = self._tx.one("accounts.merge_counts")
        if row != (len(self._merges), len(self._merges)):
            differs("merges", f"decisions leave {len(self._merges)}, the accounts have others")
        for member, into in self._merges.items():
            stands = self._tx.one("accounts.merge_of", bucket=self._bucket(member), member_id=member)
            keys = places_json([into], self._house.bucket_count)
            if stands != (into,) or (into, member) not in self._tx.all("accounts.merged_into", keys=keys):
                differs(f"member {member}", f"the merge into {into} does not stand as it was decided")

    def _rest_in_buckets(self) -> None:
        adjusted, digests, erased = dict(self._adjusted), dict(self._digests), set(self._erased)
        for bucket in range(self._house.bucket_count):
            for *key, blob in self._tx.all("accounts.adjustments_in_order", bucket=bucket):
                if adjusted.pop((key[0], key[1], key[2]), None) != blob:
                    differs(f"member {key[0]}, {key[2]}", "no approved decision says this adjustment")
            for reference, member in self._tx.each("accounts.attachments_in_order", bucket=bucket):
                digest = digest_of(reference)
                if digests.pop(digest, member) != member:
                    differs(f"attachment to {member}", "a decision gave it to another member")
            for member, *rest in self._tx.all("accounts.erased_members", bucket=bucket):
                if member not in erased:
                    differs(f"member {member}", "is erased, and no decision says so")
                erased.discard(member)
                if rest != ["", None, None, ""]:
                    differs(f"member {member}", "was erased, and something of the person is left")
        for member, day, receipt_id in adjusted:
            differs(f"member {member}, {receipt_id}", f"the adjustment of day {day} is missing")
        for digest, member in digests.items():
            if member not in self._erased:
                differs(f"member {member}", f"what a decision attached ({digest}) is not attached")
        if erased:
            differs(f"member {min(erased)}", "was to be erased, and is not")

    def _bucket(self, member: str) -> int:
        return bucket_of(member, self._house.bucket_count)
