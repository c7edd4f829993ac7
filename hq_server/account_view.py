"""A member's account as staff and other systems read it: where they stand, and every movement with why.

Reads only; what is shown is what the ledger holds, except events that earned nothing, which are derived again
for their reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from hq_server.ahead import Ahead, WayView, ways_ahead
from hq_server.derivation import NEVER_ASSESSED, Rulebook, rulebook_of
from hq_server.house import House
from hq_server.member_facts import account_facts, days_of_group
from hq_server.member_rows import lots_of
from hq_server.merges import groups_of
from hq_server.posted import posted_entry
from hq_server.references import bucket_of, places_json
from hq_server.store.connection import Row, Transaction
from hq_server.tiers.held import rows_of, tiers_of
from hq_server.tiers.view import TierAhead, TierReason, tier_now, tiers_ahead
from loyalty_core.calendar import Period, date_of, period_named, period_of
from loyalty_core.entries import NO_EVENT, PointEntry, Step
from loyalty_core.events import EventId
from loyalty_core.explain import percent_text
from loyalty_core.programme import discount_in
from loyalty_core.resolved import Resolved
from loyalty_core.tiers import gap, tier_earned
from loyalty_core.units import Day, EpochMs

_STEPS: Final = msgspec.json.Decoder(tuple[Step, ...])
ENTRIES_MAX: Final = 1000


class PeriodTotal(msgspec.Struct, frozen=True, kw_only=True):
    """Qualifying points of one period, and the tier that they earn. A closed one was decided on."""

    id: str
    qualifying: int
    state: Literal["open", "closed"]
    tier: str


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """The next tier in the period now open, what is missing to it, and what is sure to earn that."""

    tier: str
    missing: int
    until: str
    ways: tuple[WayView, ...]


class ExpiringLot(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the points of one period, and the last day on which they can be spent."""

    period: str
    points: int
    usable_until: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a member stands.

    `tier_until` is the last day of the tier as far as is known, None for one that does not lapse, and
    `tier_reason` where it comes from, None for who was never assessed. `tiers_ahead` are those that
    are decided and begin later, and `discount` the percent off that the tier gives now, None for none;
    `also` are merged into this one.
    """

    member_id: str
    also: tuple[str, ...]
    tier: str
    tier_until: str | None
    tier_reason: TierReason | None
    tiers_ahead: tuple[TierAhead, ...]
    discount: str | None
    balance: int
    expiring: tuple[ExpiringLot, ...]
    periods: tuple[PeriodTotal, ...]
    next: Next | None


class EventName(msgspec.Struct, frozen=True, kw_only=True):
    """An event by its place in a terminal's journal."""

    terminal: str
    epoch: int
    branch: int
    seq: int


class StepView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reason, in data. `affects` is absent where both kinds of points went alike."""

    rule: str
    kind: str
    saw: str
    before: int
    after: int
    affects: str | None = None


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """One movement. `number` grows with every entry that is posted; 0 where nothing moved.

    `event` is null where it follows from a whole period: then `rule` names the cap, or the lot that expired.
    """

    number: int
    event: EventName | None
    rule: str
    business_date: str
    earned_date: str
    period: str
    kind: str
    corrects: str | None
    redeemable: int
    qualifying: int
    programme_version: int
    posted_at_ms: int | None
    steps: tuple[StepView, ...]


class Movement(msgspec.Struct, frozen=True):
    """One line of a member's history."""

    number: int
    entry: PointEntry
    posted_at_ms: int | None


class Standings:
    """Tells where members stand now, those who stand for themselves; what it reads it reads once for all."""

    def __init__(self, tx: Transaction, house: House, members: Iterable[str], now_ms: EpochMs) -> None:
        self._tx, self._house, self._now_ms, self._today = tx, house, now_ms, house.today(now_ms)
        self._period = period_of(self._today, house.newest.period_months)
        self._groups = groups_of(tx, house.bucket_count, members)
        self._totals: dict[str, list[Row]] = defaultdict(list)
        places = places_json(self._groups.head_of, house.bucket_count)
        for member, *total in tx.all("accounts.totals_of_members", members=places):
            self._totals[member].append(tuple(total))
        self._facts = account_facts(tx, house.bucket_count, self._groups)
        self._tiers = rows_of(tx, house.bucket_count, self._groups)
        buckets = {bucket_of(member, house.bucket_count) for member in self._groups.head_of}
        self._closed: dict[int, set[str]] = {bucket: set() for bucket in buckets}
        wanted = msgspec.json.encode(sorted(buckets)).decode()
        for bucket, period_id, _ in tx.all("accounts.closes", buckets=wanted):
            self._closed[bucket].add(period_id)

    def of(self, member_id: str, *, ways: bool = True) -> Standing:
        """Return where a member stands; what would earn the next tier takes longest, and may be left out."""
        house, today, rows = self._house, self._today, self._totals[member_id]
        group, tiers = self._groups.members.get(member_id, ()), self._tiers.get(member_id, [])
        now_held = tier_now(house, tiers, today)
        # What has come to nothing is not shown: whether it was ever posted depends on what arrived first.
        totals = {self._period.id: 0} | {row[0]: row[2] for row in rows if row[1] or row[2]}
        ahead = Ahead(
            members=group,
            tiers=tuple([one.facts for one in tiers]),
            closed=self._closed[bucket_of(member_id, house.bucket_count)],
            totals=totals,
        )
        return Standing(
            member_id=member_id,
            also=group[1:],
            tier=now_held.tier,
            tier_until=None if now_held.until is None else date_of(now_held.until).isoformat(),
            tier_reason=now_held.reason,
            tiers_ahead=tiers_ahead(house, tiers, today),
            discount=percent_text(discount_in(house.ladder_on(today), now_held.tier)),
            balance=sum(redeemable for _, redeemable, *_ in rows),
            expiring=_expiring(house, rows, self._facts.get(member_id, ()), today),
            periods=tuple([_total(house, each, totals[each], ahead.closed) for each in sorted(totals)]),
            next=_next(self._tx, house, ahead, self._period, self._now_ms, ways=ways),
        )


def standing(tx: Transaction, house: House, member_id: str, now_ms: EpochMs) -> Standing:
    """Return where a member stands now."""
    return Standings(tx, house, [member_id], now_ms).of(member_id)


def entries(tx: Transaction, house: House, member_id: str, *, after: int = 0) -> list[EntryView]:
    """Return at most ENTRIES_MAX of the member's entries, in the order of posting, after a number."""
    bucket = bucket_of(member_id, house.bucket_count)
    found = [_movement(row) for row in tx.all("accounts.entries_of", bucket=bucket, member_id=member_id)]
    return [entry_view(one) for one in found if one.number > after][:ENTRIES_MAX]


def history(tx: Transaction, house: House, member_id: str) -> list[Movement]:
    """Return all that happened to a member, by business day: movements, and events that moved nothing."""
    bucket = bucket_of(member_id, house.bucket_count)
    posted = [_movement(row) for row in tx.all("accounts.entries_of", bucket=bucket, member_id=member_id)]
    moved = {one.entry.event for one in posted}
    order: dict[EventId, int] = {}
    idle: list[Movement] = []
    groups = groups_of(tx, house.bucket_count, [member_id])
    group = groups.members.get(member_id, ())
    rules = Rulebook(house)
    tiers = tiers_of(tx, house.bucket_count, groups).get(member_id, NEVER_ASSESSED)
    for day, facts in days_of_group(tx, house.bucket_count, group).items():
        for entry in rules.fold(day, facts, tiers).entries:
            order[entry.event] = len(order)
            if entry.event not in moved:
                idle.append(Movement(0, entry, None))
    last = len(order)
    return sorted(
        [*posted, *idle],
        key=lambda one: (one.entry.business_day, order.get(one.entry.event, last), one.number),
    )


def entry_view(movement: Movement) -> EntryView:
    """Return a movement in the shape of the API."""
    entry = movement.entry
    event = entry.event
    named = EventName(terminal=event.terminal_id, epoch=event.epoch, branch=event.branch, seq=event.seq)
    return EntryView(
        number=movement.number,
        event=None if event == NO_EVENT else named,
        rule=entry.rule,
        business_date=date_of(entry.business_day).isoformat(),
        earned_date=date_of(entry.earned_day or entry.business_day).isoformat(),
        period=entry.period_id,
        kind=entry.kind,
        corrects=entry.corrects,
        redeemable=entry.redeemable,
        qualifying=entry.qualifying,
        programme_version=entry.programme_version,
        posted_at_ms=movement.posted_at_ms,
        steps=tuple(_steps(entry.steps)),
    )


def _steps(steps: tuple[Step, ...]) -> Iterator[StepView]:
    for step in steps:
        yield StepView(
            rule=step.rule,
            kind=step.kind,
            saw=step.saw,
            before=step.before,
            after=step.after,
            affects=step.affects,
        )


def _movement(row: tuple[Any, ...]) -> Movement:
    return Movement(row[15], posted_entry(row, _STEPS.decode(row[14])), row[16])


def _total(house: House, period_id: str, qualifying: int, closed: Container[str]) -> PeriodTotal:
    period = period_named(period_id, house.newest.period_months)
    ladder = house.in_force(period.last).ladder
    return PeriodTotal(
        id=period_id,
        qualifying=qualifying,
        state="closed" if period_id in closed else "open",
        tier=tier_earned(qualifying, ladder).code,
    )


def _expiring(
    house: House, totals: list[Row], facts: Iterable[Resolved], today: Day
) -> tuple[ExpiringLot, ...]:
    """Return the lots that expire, the first to be lost first."""
    lots = lots_of(rulebook_of(house), totals, facts, today).lots
    return tuple(
        [
            ExpiringLot(
                period=lot.period_id, points=lot.points, usable_until=date_of(lot.last_day).isoformat()
            )
            for lot in sorted(lots, key=lambda lot: (lot.last_day or 0, lot.period_id))
            if lot.last_day is not None
        ]
    )


def _next(
    tx: Transaction,
    house: House,
    of: Ahead,
    period: Period,
    now_ms: EpochMs,
    *,
    ways: bool,
) -> Next | None:
    missed = gap(of.totals[period.id], house.in_force(period.last).ladder)
    if missed is None:
        return None
    return Next(
        tier=missed.tier.code,
        missing=missed.missing,
        until=date_of(period.last).isoformat(),
        ways=ways_ahead(tx, house, of, period, missed.missing, now_ms) if ways else (),
    )
