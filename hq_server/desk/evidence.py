"""What the system gathers for an appeal: how the total came about, what weights made of it, who stands alike,
and what it would cost to treat them alike. Reads only.

The total with every weight 1 is what stands, plus what the same derivation of the same facts comes to without
weights, less what it comes to with them. So what a close froze or moved is the same on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from hq_server.counted import birthdays_of
from hq_server.derivation import Account, Rulebook, whole_account
from hq_server.desk.standing import (
    LOOKED_AT_MAX,
    AlikeMember,
    Window,
    count_alike,
    grants_used,
    group_of,
    held_on,
    list_alike,
    programme_of,
    steps_within,
    total_of,
    window,
)
from hq_server.fleet_view import at_text
from hq_server.house import House
from hq_server.member_facts import days_of_group
from hq_server.merges import groups_of
from hq_server.move_costs import ESTIMATE, Costs, Move, bought_in
from hq_server.store.connection import Transaction
from loyalty_core.alike import Compared, Given, compare, shares, stand_alike, unweighted
from loyalty_core.calendar import Period, date_of
from loyalty_core.entries import PointEntry
from loyalty_core.events import EventId
from loyalty_core.explain import clock_text, sentence
from loyalty_core.matching import money_of
from loyalty_core.programme import Tier, version_for
from loyalty_core.resolved import Item, Resolved
from loyalty_core.tiers import tier_earned
from loyalty_core.units import EpochMs

MOVEMENTS_MAX: Final = 500
"""Of so many movements each is told; the sums are of all."""


class TierStep(msgspec.Struct, frozen=True, kw_only=True):
    """From this date on this tier is held, by what is decided so far."""

    from_date: str
    tier: str


class WeightView(msgspec.Struct, frozen=True, kw_only=True):
    """A weight: the id of its rule, its names by language, and its multiplier as its owner wrote it."""

    rule: str
    names: dict[str, str]
    times: str


class ShareView(msgspec.Struct, frozen=True, kw_only=True):
    """Visits and purchases under the same weights: how many, what they came to, and what without weights."""

    weights: tuple[WeightView, ...]
    events: int
    qualifying: int
    alike: int


class MovementView(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of qualifying points: what it was, its weights, what it came to, and what without weights.

    `time` and `store` are those of the visit or purchase behind it, null where it follows from the whole
    period. `ko` and `en` say its reasons.
    """

    business_date: str
    time: str | None
    store: str | None
    kind: str
    event: str | None
    rule: str
    bought_minor: int | None
    weights: tuple[WeightView, ...]
    qualifying: int
    alike: int
    ko: tuple[str, ...]
    en: tuple[str, ...]


class AlikeView(msgspec.Struct, frozen=True, kw_only=True):
    """Everyone with the same or a smaller gap to the same tier in the same period, the member among them.

    `ruled` counts, of the `looked_at` who lack least, how they were ruled on.
    """

    members: int
    looked_at: int
    ruled: dict[str, int]
    listed: tuple[AlikeMember, ...]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one appeal at one time. `missing` is 0 where the total has reached `tier` by then.

    `alike_qualifying` is the total with every weight 1. `others` are bonuses, caps, adjustments and what was
    taken back. `by_close` is what stands beside all these because the total was closed: what was taken back
    late went to a later period. `moves` is what it costs, by the estimate, to give the tier to all who were
    not ruled on yet. `grants_used` of the period were given or proposed before.
    """

    gathered_at: str
    member_id: str
    also: tuple[str, ...]
    period: str
    first_day: str
    last_day: str
    programme_version: int
    currency: str
    tier: str
    starts_at: int
    qualifying: int
    missing: int
    near_miss_points: int
    earned_tier: str
    held: tuple[TierStep, ...]
    alike_qualifying: int
    alike_missing: int
    by_weight: tuple[ShareView, ...]
    others_qualifying: int
    others_alike: int
    by_close: int
    movements_in_all: int
    movements: tuple[MovementView, ...]
    alike: AlikeView
    moves: tuple[Move, ...]
    cost_is_an_estimate: str
    grants_used: int


def gather(
    tx: Transaction, house: House, member_id: str, period: Period, tier: Tier, now_ms: EpochMs
) -> Evidence:
    """Return the evidence on a member, who stands for themselves, and a tier that they ask for."""
    programme = programme_of(tx, house, period)
    group = groups_of(tx, house.bucket_count, [member_id]).members[member_id]
    days = window(tx, house, period, house.today(now_ms))
    facts = days_of_group(tx, house.bucket_count, group)
    compared = _compared(tx, house, member_id, facts, period)
    qualifying = total_of(tx, house, member_id, period)
    effect = sum(one.alike - one.qualifying for one in compared)
    others = [one for one in compared if one.kind != "earn"]
    alike = _alike(tx, house, period, tier, qualifying, days)
    return Evidence(
        gathered_at=at_text(now_ms),
        member_id=member_id,
        also=group[1:],
        period=period.id,
        first_day=date_of(period.first).isoformat(),
        last_day=date_of(period.last).isoformat(),
        programme_version=programme.version,
        currency=programme.currency,
        tier=tier.code,
        starts_at=tier.start,
        qualifying=qualifying,
        missing=max(0, tier.start - qualifying),
        near_miss_points=programme.policy.near_miss,
        earned_tier=tier_earned(qualifying, programme.ladder).code,
        held=tuple(
            [
                TierStep(from_date=date_of(step.from_day).isoformat(), tier=step.tier)
                for step in steps_within(house, group_of(tx, house, member_id), days)
            ]
        ),
        alike_qualifying=qualifying + effect,
        alike_missing=max(0, tier.start - qualifying - effect),
        by_weight=tuple(
            [
                ShareView(
                    weights=_weights(house, one.weights),
                    events=one.events,
                    qualifying=one.qualifying,
                    alike=one.alike,
                )
                for one in shares(compared)
            ]
        ),
        others_qualifying=sum(one.qualifying for one in others),
        others_alike=sum(one.alike for one in others),
        by_close=qualifying - sum(one.qualifying for one in compared),
        movements_in_all=len(compared),
        movements=tuple(_movements(house, compared[:MOVEMENTS_MAX], facts)),
        alike=alike,
        moves=_costs(tx, house, period, tier, alike.listed, days),
        cost_is_an_estimate=ESTIMATE,
        grants_used=grants_used(tx, period.id),
    )


def _compared(
    tx: Transaction, house: House, member_id: str, facts: Mapping[int, Sequence[Resolved]], period: Period
) -> tuple[Compared, ...]:
    """Return every movement of the period beside what it would be with every weight 1, as if never closed."""
    account = Account(
        days=facts,
        birthday=birthdays_of(tx, house, [member_id]).get(member_id),
        tiers=group_of(tx, house, member_id),
    )
    without = msgspec.structs.replace(house, programmes=tuple(map(unweighted, house.programmes)))

    def derived(of: House) -> tuple[PointEntry, ...]:
        return whole_account(Rulebook(of), account).entries

    return compare(period.id, derived(house), derived(without))


def _alike(
    tx: Transaction, house: House, period: Period, tier: Tier, qualifying: int, days: Window
) -> AlikeView:
    range_ = stand_alike(qualifying, programme_of(tx, house, period).ladder)
    if range_ is None or range_.tier != tier:
        return AlikeView(members=0, looked_at=0, ruled={}, listed=())
    listed = list_alike(tx, house, period, range_, days, LOOKED_AT_MAX)
    ruled: dict[str, int] = {}
    for one in listed:
        ruled[one.ruled] = ruled.get(one.ruled, 0) + 1
    return AlikeView(
        members=count_alike(tx, period, range_), looked_at=len(listed), ruled=ruled, listed=tuple(listed)
    )


def _costs(
    tx: Transaction, house: House, period: Period, tier: Tier, listed: Iterable[AlikeMember], days: Window
) -> tuple[Move, ...]:
    """Return what it costs to give the tier to all of these who were neither granted it nor hold it."""
    ladder = programme_of(tx, house, period).ladder
    tiers, costs = {one.code: one for one in ladder}, Costs()
    for one in listed:
        if one.ruled in ("open", "refused"):
            held = held_on(house, group_of(tx, house, one.member_id), days.from_day)
            bought = bought_in(tx, house, one.member_id, period)
            costs.add(tiers.get(held, ladder[0]), tier, bought)
    return costs.moves(ladder, house.in_force(days.from_day).ladder)


def _movements(
    house: House, compared: Iterable[Compared], facts: Mapping[int, Sequence[Resolved]]
) -> Iterable[MovementView]:
    items = _items(facts)
    for one in compared:
        item = items.get(one.event)
        programme = version_for(house.programmes, one.business_day)
        steps = [step for step in one.steps if step.affects != "redeemable"]
        is_purchase = item is not None and item.kind == "purchase"
        yield MovementView(
            business_date=date_of(one.business_day).isoformat(),
            time=None if item is None else clock_text(item.minute),
            store=None if item is None else item.store_id,
            kind=item.kind if item is not None and one.kind == "earn" else one.kind,
            event=None if item is None else str(one.event),
            rule=one.rule,
            bought_minor=int(money_of(item)) if item is not None and is_purchase else None,
            weights=_weights(house, one.weights),
            qualifying=one.qualifying,
            alike=one.alike,
            ko=tuple([sentence(step, programme, "ko") for step in steps]),
            en=tuple([sentence(step, programme, "en") for step in steps]),
        )


def _items(facts: Mapping[int, Sequence[Resolved]]) -> dict[EventId, Item]:
    """Return the visit or purchase behind each event: its own, or the one that it takes back."""
    found: dict[EventId, Item] = {}
    for of_day in facts.values():
        for one in of_day:
            if one.item.earns:
                found[one.item.id] = one.item
                found.update((back.id, one.item) for back in one.takebacks)
    return found


def _weights(house: House, given: Iterable[Given]) -> tuple[WeightView, ...]:
    """Return weights with the names that the newest version gives them that has any."""
    names = {weight.id: weight.names for one in house.programmes for weight in one.weights}
    return tuple([WeightView(rule=one.rule, names=names.get(one.rule, {}), times=one.times) for one in given])
