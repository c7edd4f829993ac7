"""What was decided about members' tiers, as the accounts hold it. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from hq_server.derivation import NEVER_ASSESSED, Rulebook
from hq_server.house import House
from hq_server.merges import Groups, groups_of
from hq_server.references import places_json
from hq_server.store.connection import Row, Transaction
from loyalty_core.assessment import Assessed, Cause, Grant, Group, Kind, TierFacts, assessed_on, tier_on
from loyalty_core.units import Day, EpochMs

Tiers = Mapping[str, Group]
"""What was decided about the tiers of who count as one member, by head; nothing of who was never assessed."""
NO_TIERS: Final[Tiers] = {}
HELD_AT_ONCE: Final = 500
"""For how many members it is read at once what they hold."""


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """One decided tier, as it is kept."""

    member_id: str
    number: int
    period_id: str
    cause: Cause
    kind: Kind
    held: str
    tier: str
    qualifying: int
    programme_version: int
    start_day: Day
    from_day: Day
    decision: int
    posted_at_ms: EpochMs


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """One granted exception, as it is kept."""

    member_id: str
    decision: int
    period_id: str
    tier: str
    from_day: Day
    until_day: Day
    granted_at_ms: EpochMs


class TierRows(msgspec.Struct, frozen=True):
    """All that was decided about the tiers of one member, in the order of posting."""

    assessments: list[Assessment]
    grants: list[Granted]

    @property
    def facts(self) -> TierFacts:
        """What of it says which tier is held on which day."""
        return TierFacts(
            tuple(
                [
                    Assessed(number=one.number, tier=one.tier, from_day=one.from_day)
                    for one in self.assessments
                ]
            ),
            tuple(
                [Grant(tier=one.tier, from_day=one.from_day, until_day=one.until_day) for one in self.grants]
            ),
        )


def rows_of(tx: Transaction, bucket_count: int, groups: Groups) -> dict[str, list[TierRows]]:
    """Return what was decided about each one who counts as a head, by head; nothing of who has nothing."""
    head_of = {name: head for head, group in groups.members.items() for name in group}
    keys = places_json(head_of, bucket_count)
    found: dict[str, TierRows] = defaultdict(lambda: TierRows([], []))
    for row in tx.all("accounts.assessments_of", members=keys):
        found[row[0]].assessments.append(_assessment(row))
    for row in tx.all("accounts.grants_of", members=keys):
        found[row[0]].grants.append(_granted(row))
    by_head: dict[str, list[TierRows]] = defaultdict(list)
    for name, rows in found.items():
        by_head[head_of[name]].append(rows)
    return by_head


def tiers_of(tx: Transaction, bucket_count: int, groups: Groups) -> Tiers:
    """Return what was decided about tiers, by head."""
    return {
        head: tuple([one.facts for one in rows]) for head, rows in rows_of(tx, bucket_count, groups).items()
    }


def tiers_asked(tx: Transaction, house: House, rules: Rulebook, groups: Groups) -> Tiers:
    """Return what was decided about tiers, by head, where the rules ask for it."""
    return tiers_of(tx, house.bucket_count, groups) if rules.asks_tiers else NO_TIERS


class Before(msgspec.Struct, frozen=True):
    """The tier in force on the day before a validity starts, and the same without grants."""

    held: str
    assessed: str


def held_before(
    tx: Transaction, house: House, standings: Iterable[Row], start: Day
) -> Iterator[tuple[str, int, Before]]:
    """Yield (member, qualifying points, what is held before a validity) of each (member, points)."""
    eve = Day(start - 1)
    ladder = house.ladder_on(eve)
    rows = iter(standings)
    while some := list(islice(rows, HELD_AT_ONCE)):
        groups = groups_of(tx, house.bucket_count, [row[0] for row in some])
        tiers = tiers_of(tx, house.bucket_count, groups)
        for member, qualifying in some:
            group = tiers.get(member, NEVER_ASSESSED)
            yield member, qualifying, Before(tier_on(group, eve, ladder), assessed_on(group, eve, ladder))


def _assessment(row: Row) -> Assessment:
    return Assessment(
        member_id=row[0],
        number=row[1],
        period_id=row[2],
        cause=row[3],
        kind=row[4],
        held=row[5],
        tier=row[6],
        qualifying=row[7],
        programme_version=row[8],
        start_day=row[9],
        from_day=row[10],
        decision=row[11],
        posted_at_ms=row[12],
    )


def _granted(row: Row) -> Granted:
    return Granted(
        member_id=row[0],
        decision=row[1],
        period_id=row[2],
        tier=row[3],
        from_day=row[4],
        until_day=row[5],
        granted_at_ms=row[6],
    )
