"""What tiers give besides points: gifts and coupons, each once a member, validity period and benefit.

They are given when an assessment, also one that lowers, or a grant begins to hold. A tier that was raised
gives what the higher one adds. A discount is a rate, told with the tier, and takes no row. A chore, a bucket
a transaction: what is there already is not given again, wherever it was cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from hq_server.coupons import Issued, put_coupon
from hq_server.house import House
from hq_server.merges import Groups, Merged, groups_of
from hq_server.posting import post
from hq_server.references import bucket_of, keys_json, places_json
from hq_server.store.connection import Transaction, Values
from hq_server.tiers.held import Assessment, Granted, TierRows, rows_of
from hq_server.work import Work
from loyalty_core.assessment import tier_on
from loyalty_core.calendar import Period, period_after, period_named, period_of
from loyalty_core.programme import Benefit, Programme
from loyalty_core.units import Day, EpochMs

PIECES: Final = frozenset({"gift", "coupon"})
"""The kinds that are given by the piece."""
DAY_MS: Final = 86_400_000


class Begun(msgspec.Struct, frozen=True):
    """A tier that begins to hold for a member; what it gives is for this validity period."""

    member_id: str
    tier: str
    from_day: Day
    validity: Period


class Piece(msgspec.Struct, frozen=True):
    """One thing that a tier gives one member, under the version that names it."""

    begun: Begun
    benefit: Benefit
    programme: Programme

    @property
    def name(self) -> str:
        """What it is: of one validity period a member gets it once, whichever tier gives it."""
        return name_of(self.benefit)


def name_of(benefit: Benefit) -> str:
    """Return what a benefit is, whichever tier gives it: a gift by its names, a coupon by its reward."""
    if benefit.kind == "coupon":
        return f"coupon:{benefit.reward}"
    return "gift:" + msgspec.json.encode(benefit.names, order="sorted").decode()


def benefit_id(bucket: int, benefit_no: int) -> str:
    """Return the name by which people and tills call a given benefit."""
    return f"B{bucket}.{benefit_no}"


def benefits_are_due(tx: Transaction, house: House, now_ms: EpochMs) -> bool:
    """Tell whether tiers may have begun to hold for which nothing is given yet."""
    row = tx.one("accounts.least_given") if house.programmes else None
    return row is not None and row[0] < house.today(now_ms)


def give_next(tx: Transaction, house: House, key: Callable[[], bytes], now_ms: EpochMs) -> int:
    """Give what is due in the next bucket; returns how many pieces. `key` gives HQ's private one."""
    today = house.today(now_ms)
    behind = tx.all("accounts.buckets_to_give", today=today)
    if not behind:
        return 0
    bucket, through = behind[0]
    names = [name for (name,) in tx.all("accounts.to_give_singly", bucket=bucket)]
    names += _parted(tx, house, bucket, through, names)
    groups = groups_of(tx, house.bucket_count, names)
    begun = [*_alone(tx, house, bucket, through, today), *_singly(tx, house, groups, through, today)]
    given = _give(tx, house, bucket, list(_pieces(house, begun, today)), groups, key, now_ms)
    tx.run("accounts.set_given_through", bucket=bucket, today=today)
    return given


def _alone(tx: Transaction, house: House, bucket: int, through: int, today: int) -> Iterator[Begun]:
    """Return the tiers that have begun of who stands alone and was never granted one."""
    months = house.newest.period_months
    for member_id, period_id, cause, tier, from_day in tx.all(
        "accounts.begun_tiers", bucket=bucket, through=through, today=today
    ):
        begun = Begun(member_id, tier, from_day, _validity(period_id, cause, from_day, months))
        if from_day <= _until(begun, house.in_force(from_day)):
            yield begun


def _parted(tx: Transaction, house: House, bucket: int, through: int, others: list[str]) -> list[str]:
    """Return those, beside others, who count alone again since buckets were last looked at.

    The tier that was theirs all along was not in force while somebody else stood for them.
    """
    parted: set[str] = set()
    for member_id, detail in tx.all("house.unmerged_since", since_ms=(through - 1) * DAY_MS):
        parted |= {member_id, msgspec.json.decode(detail, type=Merged).into}
    own = {name for name in parted if bucket_of(name, house.bucket_count) == bucket} - set(others)
    gone = tx.all("accounts.erased_members_at", keys=places_json(own, house.bucket_count)) if own else []
    return sorted(own - {name for (name,) in gone})


def _singly(tx: Transaction, house: House, groups: Groups, through: int, today: Day) -> Iterator[Begun]:
    """Return what has begun of each other member that is the tier in force of all who count as one.

    It is of the one to whom it was given, the head before others, so a merge that is undone leaves it there.
    """
    months = house.newest.period_months
    rows = rows_of(tx, house.bucket_count, groups)
    for member_id, head in groups.head_of.items():
        order = {name: place for place, name in enumerate(groups.members[head])}
        group = rows.get(head, [])
        days = {one.from_day for each in group for one in each.assessments}
        for grant in [one for each in group for one in each.grants]:
            days |= {grant.from_day, Day(grant.until_day + 1)}
        for day in sorted({day for day in days if through < day <= today} | {today}):
            holding = _holding(group, day, house)
            first = min([order[one.member_id] for one in holding], default=0)
            for one in holding:
                cause = one.cause if isinstance(one, Assessment) else "grant"
                validity = _validity(one.period_id, cause, one.from_day, months)
                begun = Begun(one.member_id, one.tier, one.from_day, validity)
                own = one.member_id == member_id and order[member_id] == first
                if own and day <= _until(begun, house.in_force(one.from_day)):
                    yield begun


def _until(begun: Begun, programme: Programme) -> Day:
    """Return the last day of the validity, after which a tier is held only until the late close gives one."""
    return Day(begun.validity.last + programme.policy.valid_after_days)


def _holding(group: list[TierRows], day: Day, house: House) -> list[Assessment | Granted]:
    """Return what gives the tier in force on a day: what was assessed before what was granted."""
    tier = tier_on([each.facts for each in group], day, house.ladder_on(day))
    latest = [[one for one in each.assessments if one.from_day <= day][-1:] for each in group]
    assessed = [one for each in latest for one in each if one.tier == tier]
    granted = [one for each in group for one in each.grants if one.from_day <= day <= one.until_day]
    return [*assessed] or [one for one in granted if one.tier == tier]


def _validity(period_id: str, cause: str, from_day: Day, months: int) -> Period:
    """Return the validity period for which a tier is given: of a close or a grant, that after its period."""
    if cause == "monthly":
        return period_of(from_day, months)
    return period_after(period_named(period_id, months), months)


def _pieces(house: House, begun: list[Begun], today: Day) -> Iterator[Piece]:
    """Return what these tiers give by the piece; a coupon only while it can still be used."""
    for one in begun:
        programme = house.in_force(one.from_day)
        benefits = next((tier.benefits for tier in programme.ladder if tier.code == one.tier), ())
        for benefit in benefits:
            if benefit.kind in PIECES and (benefit.kind != "coupon" or today <= _until(one, programme)):
                yield Piece(one, benefit, programme)


def _give(
    tx: Transaction,
    house: House,
    bucket: int,
    pieces: list[Piece],
    groups: Groups,
    key: Callable[[], bytes],
    now_ms: EpochMs,
) -> int:
    """Write what was not given yet, and tell tills of the members who got coupons."""
    head_of = {name: head for head, group in groups.members.items() for name in group}
    wanted = {
        (bucket_of(name, house.bucket_count), name, one.begun.validity.id, one.name)
        for one in pieces
        for name in groups.members.get(head_of.get(one.begun.member_id, ""), (one.begun.member_id,))
    }
    rows = tx.all("accounts.benefits_at", keys=keys_json(sorted(wanted))) if wanted else []
    there = {(head_of.get(name, name), validity, benefit) for name, validity, benefit in rows}
    fresh = []
    for one in pieces:
        what = (head_of.get(one.begun.member_id, one.begun.member_id), one.begun.validity.id, one.name)
        if what not in there:
            there.add(what)
            fresh.append(one)
    if not fresh:
        return 0
    ((_, before, *_),) = tx.all("accounts.lock_buckets", buckets=f"[{bucket}]")
    given: list[Values] = []
    for number, one in enumerate(fresh, start=before + 1):
        begun, benefit = one.begun, one.benefit
        own = (bucket, begun.member_id, begun.validity.id, one.name, number)
        given.append((*own, benefit.kind, begun.tier, one.programme.version, now_ms))
        if benefit.kind == "coupon":
            put_coupon(tx, house, begun.member_id, _coupon(one, bucket, number), key(), now_ms)
    tx.many("accounts.add_benefit", given)
    tx.many("accounts.set_change_no", [(bucket, before + len(fresh))])
    coupons = [one.begun.member_id for one in fresh if one.benefit.kind == "coupon"]
    holders = {head_of.get(name, name) for name in coupons}
    post(tx, house, Work(renewed=holders), now_ms)
    return len(fresh)


def _coupon(one: Piece, bucket: int, number: int) -> Issued:
    """Return the coupon of a benefit: good while the tier holds that it came with."""
    reward = next(reward for reward in one.programme.rewards if reward.id == one.benefit.reward)
    return Issued(
        coupon_id=benefit_id(bucket, number),
        reward=reward.id,
        names=reward.names,
        value_minor=reward.value_minor,
        from_day=one.begun.from_day,
        until_day=_until(one.begun, one.programme),
    )
