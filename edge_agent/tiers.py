"""The tier of a member on a day, as far as this till knows: what HQ told last, for the days to come, too."""

from __future__ import annotations

from loyalty_core.messages import MemberRow
from loyalty_core.programme import Programme
from loyalty_core.units import Day


def tier_held(row: MemberRow | None, programme: Programme, day: Day) -> str:
    """Return the tier that a member holds on a day: the lowest if HQ said nothing.

    On days before those that HQ told of it is the first that HQ did.
    """
    codes = [tier.code for tier in programme.ladder]
    if row is None:
        return codes[0]
    told = row.tier
    if row.tiers:
        begun = [step.tier for step in row.tiers if step.from_day <= day]
        told = begun[-1] if begun else row.tiers[0].tier
    return told if told in codes else codes[0]


def held_until(row: MemberRow | None, day: Day) -> Day | None:
    """Return the last day of the tier held on a day, as far as HQ said; None of one that stays or is over."""
    if row is None:
        return None
    coming = [step.from_day for step in row.tiers if step.from_day > day]
    if coming:
        return Day(coming[0] - 1)
    return Day(row.tier_until) if row.tier_until is not None and row.tier_until >= day else None


def may_hold(row: MemberRow | None, programme: Programme, today: Day, last: Day) -> tuple[str, ...]:
    """Return the tiers that a member may hold from today through a day, today's first.

    Beyond what HQ said a tier may fall, as far as the policy lets it.
    """
    found = [tier_held(row, programme, today)]
    if row is None or not row.tiers:
        return tuple(found)
    coming = [Day(step.from_day) for step in row.tiers if today < step.from_day <= last]
    found += [tier_held(row, programme, day) for day in coming]
    if row.tier_until is None or row.tier_until < last:
        codes = [tier.code for tier in programme.ladder]
        place = codes.index(found[-1])
        least = {"earned": 0, "one_step": max(0, place - 1), "keep": place}[programme.policy.downgrade]
        found += reversed(codes[least:place])
    return tuple(dict.fromkeys(found))
