"""Entries as the ledger stores them: rows both ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from hq_server.store.connection import Values
from loyalty_core.after_close import Closed
from loyalty_core.entries import PointEntry, Step
from loyalty_core.events import EventId
from loyalty_core.units import Day, EpochMs, Seq

_STEPS: Final = msgspec.json.Encoder()


def posted_entry(row: tuple[Any, ...], steps: tuple[Step, ...] = ()) -> PointEntry:
    """Return the entry of a row: member, earned day, the event's place, kind, corrects, day, period, points,
    programme version, rule."""
    return PointEntry(
        event=EventId(row[2], row[3], row[4], Seq(row[5])),
        kind=row[6],
        corrects=row[7],
        earned_day=Day(row[1]),
        business_day=Day(row[8]),
        period_id=row[9],
        redeemable=row[10],
        qualifying=row[11],
        programme_version=row[12],
        rule=row[13],
        steps=steps,
    )


def steps_json(entry: PointEntry) -> str:
    """Return the steps of an entry as they are stored."""
    return _STEPS.encode(entry.steps).decode()


def entry_row(bucket: int, member: str, number: int, entry: PointEntry, now_ms: EpochMs) -> Values:
    """Return the row of an entry to append."""
    event = entry.event
    return (
        bucket,
        member,
        entry.earned_day,
        number,
        event.terminal_id,
        event.epoch,
        event.branch,
        event.seq,
        entry.kind,
        entry.corrects,
        entry.business_day,
        entry.period_id,
        entry.redeemable,
        entry.qualifying,
        entry.programme_version,
        steps_json(entry),
        now_ms,
        entry.rule,
    )


def closed_by(entries: Iterable[PointEntry]) -> Closed:
    """Return a closed period of a member from the entries that were posted by then.

    A clawback that had been posted and wholly corrected by then was not in it.
    """
    total, clawed = 0, dict[EventId, tuple[int, int]]()
    for one in entries:
        total += one.qualifying
        if (one.corrects or one.kind) == "clawback":
            redeemable, qualifying = clawed.get(one.event, (0, 0))
            clawed[one.event] = (redeemable + one.redeemable, qualifying + one.qualifying)
    return Closed(total, frozenset(event for event, points in clawed.items() if any(points)))
