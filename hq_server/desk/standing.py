"""Who stands alike before a threshold of a closed period, what they hold, and what was ruled. Reads only.

Alike are all totals on one step of the ladder that lack as much or less, however they came about. A total is
that of now: what came after the close is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from hq_server.closes.states import closes
from hq_server.derivation import NEVER_ASSESSED
from hq_server.house import House
from hq_server.merges import groups_of
from hq_server.references import bucket_of
from hq_server.store.connection import Row, Transaction
from hq_server.tiers.held import tiers_of
from loyalty_core.alike import StandAlike
from loyalty_core.assessment import Group, Step, highest, start_of, tier_on, tier_steps
from loyalty_core.calendar import Period, period_after, period_named
from loyalty_core.errors import BadInput
from loyalty_core.programme import Programme, Tier
from loyalty_core.units import Day

LOOKED_AT_MAX: Final = 1000
"""How many of those who stand alike are looked at one by one, those who lack least first."""
Ruled = Literal["open", "holds", "waiting", "granted", "refused"]


class Window(msgspec.Struct, frozen=True):
    """The days for which a grant can be given now, both inclusive: the rest of the validity period."""

    from_day: Day
    until_day: Day


class AlikeMember(msgspec.Struct, frozen=True, kw_only=True):
    """One who stands alike. `ruled` says whether they were ruled on: `holds` is who has the tier without it.

    `decision` is the ruling behind it, `case` the member's last one of this period.
    """

    member_id: str
    qualifying: int
    missing: int
    home_store: str
    ruled: Ruled
    decision: int | None
    case: int | None


def closed_period(tx: Transaction, house: House, period_id: str) -> Period:
    """Return a period that is closed for all members.

    Raises:
        BadInput: `period_unknown`, `period_open`.
    """
    period = period_named(period_id, house.newest.period_months)
    if not is_closed(tx, house, period):
        raise BadInput(
            f"{period.id} is not closed yet, every point still counts: see hq-server desk list {period.id}",
            code="period_open",
        )
    return period


def is_closed(tx: Transaction, house: House, period: Period) -> bool:
    """Tell whether a period is closed for all members."""
    row = tx.one("accounts.closed_buckets", period_id=period.id)
    return row is not None and row[0] == house.bucket_count


def programme_of(tx: Transaction, house: House, period: Period) -> Programme:
    """Return the version that holds for a period: of a closed one that by which it was closed."""
    close = closes(tx).get(period.id)
    if close is None:
        return house.in_force(period.last)
    return next(one for one in house.programmes if one.version == close.programme_version)


def window(tx: Transaction, house: House, period: Period, today: Day) -> Window:
    """Return the days for which a grant that is approved today would hold, at the longest.

    It begins with the first business day after today, and not before what the close decided does.
    """
    following = period_after(period, house.newest.period_months)
    policy = programme_of(tx, house, period).policy
    after = house.in_force(following.last).policy.valid_after_days
    return Window(start_of(period, policy, today), Day(following.last + after))


def group_of(tx: Transaction, house: House, member_id: str) -> Group:
    """Return what was decided about the tier of a member and of all who count as one with them."""
    groups = groups_of(tx, house.bucket_count, [member_id])
    return tiers_of(tx, house.bucket_count, groups).get(groups.head_of[member_id], NEVER_ASSESSED)


def steps_within(house: House, group: Group, days: Window) -> tuple[Step, ...]:
    """Return the tiers in force from the first of these days through the last."""
    changes = [one.effective_from for one in house.programmes]
    steps = tier_steps(group, days.from_day, house.ladder_on, changes)
    return tuple([step for step in steps if step.from_day <= days.until_day])


def holds(house: House, group: Group, tier: str, days: Window) -> bool:
    """Tell whether a tier, or a higher one, is held on each of these days."""
    steps = steps_within(house, group, days)
    return all(highest(house.ladder_on(step.from_day), [tier, step.tier]) == step.tier for step in steps)


def held_on(house: House, group: Group, day: Day) -> str:
    """Return the tier in force on a day."""
    return tier_on(group, day, house.ladder_on(day))


def total_of(tx: Transaction, house: House, member_id: str, period: Period) -> int:
    """Return the qualifying points of a member's period as they stand; what nobody earned is 0."""
    bucket = bucket_of(member_id, house.bucket_count)
    row = tx.one("accounts.total_of", bucket=bucket, member_id=member_id, period_id=period.id)
    return row[0] if row else 0


def grants_used(tx: Transaction, period_id: str) -> int:
    """Return how many grants of a period are given or proposed."""
    row = tx.one("accounts.covered_count", period_id=period_id)
    return row[0] if row else 0


def count_alike(tx: Transaction, period: Period, alike: StandAlike) -> int:
    """Return how many stand alike, ruled on or not."""
    row = tx.one("accounts.count_between", period_id=period.id, low=alike.low, high=alike.high)
    return row[0] if row else 0


def list_alike(
    tx: Transaction, house: House, period: Period, alike: StandAlike, days: Window, count: int
) -> list[AlikeMember]:
    """Return at most `count` of those who stand alike, those who lack least first, and what was ruled."""
    rows = tx.all(
        "accounts.standing_between", period_id=period.id, low=alike.low, high=alike.high, count=count
    )
    return ruled_on(tx, house, period, alike.tier, days, rows)


def ruled_on(
    tx: Transaction, house: House, period: Period, tier: Tier, days: Window, standing: Sequence[Row]
) -> list[AlikeMember]:
    """Return how each of these (member, qualifying points, home store) was ruled on, in their order."""
    covered: dict[str, tuple[int, Ruled]] = {
        member_id: (decision, outcome)
        for member_id, decision, of_tier, outcome in tx.all("accounts.covered_in_period", period_id=period.id)
        if of_tier == tier.code
    }
    cases: dict[str, tuple[int, str, int | None]] = {
        member_id: (number, state, decision)
        for number, member_id, of_tier, state, decision in tx.all("house.ruled_cases", period_id=period.id)
        if of_tier == tier.code
    }
    groups = groups_of(tx, house.bucket_count, [row[0] for row in standing])
    tiers = tiers_of(tx, house.bucket_count, groups)
    found = []
    for member_id, qualifying, home_store in standing:
        case, state, settled = cases.get(member_id, (None, "", None))
        ruled: Ruled = "open"
        decision: int | None = None
        if member_id in covered:
            decision, ruled = covered[member_id]
        elif holds(house, tiers.get(member_id, NEVER_ASSESSED), tier.code, days):
            ruled = "holds"
        elif state == "refused":
            ruled, decision = "refused", settled
        found.append(
            AlikeMember(
                member_id=member_id,
                qualifying=qualifying,
                missing=tier.start - qualifying,
                home_store=home_store,
                ruled=ruled,
                decision=decision,
                case=case,
            )
        )
    return found
