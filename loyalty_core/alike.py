"""Alike: what a total would be had every visit counted the same, and who stands alike before a threshold.

"Counted the same" means every weight set to 1: earning rules, limits, bonuses and caps stay what they are,
and so does the tier held on the day. Both are what an appeal is answered with; nothing here decides one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from loyalty_core.entries import EntryKind, PointEntry, Step
from loyalty_core.events import EventId
from loyalty_core.programme import Programme, Tier
from loyalty_core.tiers import gap
from loyalty_core.units import Day


class Given(msgspec.Struct, frozen=True):
    """One weight on the qualifying points of an event: its rule, and its multiplier as its owner wrote it."""

    rule: str
    times: str


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of a period: its qualifying points, and those it would have with every weight 1.

    `steps` are those of the rules as they are; empty where these give no such movement.
    """

    event: EventId
    kind: EntryKind
    rule: str
    business_day: Day
    qualifying: int
    alike: int
    weights: tuple[Given, ...]
    steps: tuple[Step, ...]


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What events under the same weights, `()` for none, came to, and would have with every weight 1."""

    weights: tuple[Given, ...]
    events: int
    qualifying: int
    alike: int


class StandAlike(msgspec.Struct, frozen=True):
    """Totals from `low` to `high`, both included: on one step of the ladder, and as near to `tier`."""

    tier: Tier
    low: int
    high: int

    @property
    def missing(self) -> int:
        """The largest gap among them."""
        return self.tier.start - self.low


def unweighted(programme: Programme) -> Programme:
    """Return a version in which every weight is 1: a weight of 1 does nothing, so there are none."""
    return msgspec.structs.replace(programme, weights=())


def compare(
    period_id: str, derived: Iterable[PointEntry], alike: Iterable[PointEntry]
) -> tuple[Compared, ...]:
    """Return the movements of a period under the rules as they are beside those under `unweighted` rules.

    Movements come by business day, each day's in the order derived; one that moves nothing is in it for its
    steps. Spending moves no qualifying points and is left out.
    """
    own, others = _by_key(period_id, derived), _by_key(period_id, alike)
    found = []
    for key, one in (others | own).items():
        mine, other = own.get(key), others.get(key)
        steps = mine.steps if mine is not None else ()
        found.append(
            Compared(
                event=one.event,
                kind=one.kind,
                rule=one.rule,
                business_day=one.business_day,
                qualifying=mine.qualifying if mine is not None else 0,
                alike=other.qualifying if other is not None else 0,
                weights=weights_in(steps),
                steps=steps,
            )
        )
    return tuple(sorted(found, key=lambda one: one.business_day))


def weights_in(steps: Iterable[Step]) -> tuple[Given, ...]:
    """Return the weights that these steps put on qualifying points, in their order."""
    return tuple(
        [
            Given(step.rule, step.saw)
            for step in steps
            if step.kind == "weight"
            and (step.affects is None or (step.affects == "qualifying" and step.before != step.after))
        ]
    )


def shares(compared: Iterable[Compared]) -> tuple[Share, ...]:
    """Return what visits and purchases came to by the weights they were under, those under none first."""
    under: dict[tuple[Given, ...], tuple[int, int, int]] = {(): (0, 0, 0)}
    for one in compared:
        if one.kind == "earn":
            events, qualifying, alike = under.get(one.weights, (0, 0, 0))
            under[one.weights] = (events + 1, qualifying + one.qualifying, alike + one.alike)
    return tuple(
        [
            Share(weights=weights, events=events, qualifying=qualifying, alike=alike)
            for weights, (events, qualifying, alike) in under.items()
        ]
    )


def stand_alike(qualifying: int, ladder: Sequence[Tier]) -> StandAlike | None:
    """Return which totals stand like this one: on its step of the ladder, as near or nearer; None at the top.

    Nothing of how a total came about is in it, so that whoever has the same total is treated the same.
    """
    ahead = gap(qualifying, tuple(ladder))
    return None if ahead is None else StandAlike(ahead.tier, qualifying, ahead.tier.start - 1)


_Key = tuple[EventId, EntryKind, str, Day, Day]


def _by_key(period_id: str, entries: Iterable[PointEntry]) -> dict[_Key, PointEntry]:
    return {
        (one.event, one.kind, one.rule, one.earned_day, _dated(one)): one
        for one in entries
        if one.period_id == period_id and (one.qualifying or one.kind == "earn")
    }


def _dated(entry: PointEntry) -> Day:
    """Return the date that tells two entries apart: what the whole account gives is one whatever its date."""
    return entry.business_day if entry.earned_day else Day(0)
