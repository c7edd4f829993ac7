"""A movement of points, and `diff`, which brings what is posted to what should stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from loyalty_core.events import EventId
from loyalty_core.units import Day, Seq

NO_EVENT: Final = EventId("", 0, 0, Seq(0))
"""Stands where an entry follows from a whole period and not from one event: a period cap, an expiry."""
EntryKind = Literal[
    "earn",
    "bonus",
    "cap",
    "clawback",
    "redemption",
    "redeem_rollback",
    "expiry",
    "correction",
    "adjustment",
]

StepKind = Literal[
    "earn",
    "limit",
    "weight",
    "bonus",
    "cap",
    "clawback",
    "redemption",
    "redeem_rollback",
    "expiry",
    "adjustment",
]


class Step(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One reason on the way to an entry: the rule, what it saw, the event's points before and after it.

    `affects` is None where redeemable and qualifying points moved alike.
    """

    rule: str
    kind: StepKind
    saw: str
    before: int
    after: int
    affects: Literal["redeemable", "qualifying"] | None = None


class PointEntry(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One movement of one member's points, caused by one event, or by none (`NO_EVENT`).

    `earned_day` is the member-day it was derived from, 0 where the whole account was; `business_day` dates it
    (they differ for what is taken back later). `rule` names the rule, or the lot's period, behind an entry of
    the account, or the redemption that is given back. `corrects` is set on corrections only: the kind of the
    entry that stood wrong.
    """

    event: EventId
    kind: EntryKind
    earned_day: Day
    business_day: Day
    period_id: str
    redeemable: int
    qualifying: int
    programme_version: int
    steps: tuple[Step, ...] = ()
    corrects: EntryKind | None = None
    rule: str = ""


def paired_steps(
    rule: str, kind: StepKind, saw: str, before: tuple[int, int], after: tuple[int, int]
) -> tuple[Step, ...]:
    """Return one step where (redeemable, qualifying) points went alike, else one for each."""
    if before[0] == before[1] and after[0] == after[1]:
        return (Step(rule, kind, saw, before[0], after[0]),)
    return (
        Step(rule, kind, saw, before[0], after[0], "redeemable"),
        Step(rule, kind, saw, before[1], after[1], "qualifying"),
    )


def diff(desired: Iterable[PointEntry], posted: Iterable[PointEntry]) -> tuple[PointEntry, ...]:
    """Return the entries that bring `posted` to `desired`, in the order of their events' ids.

    Nothing is removed: what stands too high is met by a negative correction that names what it
    corrects. Applying the result and calling again returns (). Entries of zero move nothing and are left out.
    """
    standing = _summed(posted)
    moves: list[PointEntry] = []
    for key, entry in _summed(desired).items():
        stands = standing.pop(key, None)
        moves.append(entry if stands is None else _correction(entry, stands))
    for stands in standing.values():
        nothing = msgspec.structs.replace(stands, redeemable=0, qualifying=0, steps=())
        moves.append(_correction(nothing, stands))
    moved = [entry for entry in moves if entry.redeemable or entry.qualifying]
    if len(moved) > 1:
        moved.sort(key=_key)
    return tuple(moved)


_Key = tuple[EventId, EntryKind, Day, Day, str, str]


def _key(entry: PointEntry) -> _Key:
    """Return what makes two entries one: what follows from no event is one whatever its date."""
    kind = entry.corrects or entry.kind
    dated = Day(0) if entry.event == NO_EVENT else entry.business_day
    return entry.event, kind, dated, entry.earned_day, entry.period_id, entry.rule


def _summed(entries: Iterable[PointEntry]) -> dict[_Key, PointEntry]:
    """Return one entry a key, with the sum of its points and the rest of its last."""
    sums: dict[_Key, PointEntry] = {}
    for entry in entries:
        key = _key(entry)
        before = sums.get(key)
        sums[key] = entry if before is None else _plus(before, entry)
    return sums


def _plus(before: PointEntry, entry: PointEntry) -> PointEntry:
    return msgspec.structs.replace(
        entry,
        redeemable=before.redeemable + entry.redeemable,
        qualifying=before.qualifying + entry.qualifying,
    )


def _correction(desired: PointEntry, stands: PointEntry) -> PointEntry:
    return msgspec.structs.replace(
        desired,
        kind="correction",
        corrects=stands.corrects or stands.kind,
        redeemable=desired.redeemable - stands.redeemable,
        qualifying=desired.qualifying - stands.qualifying,
    )
