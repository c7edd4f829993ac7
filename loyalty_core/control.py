"""Control totals: what a journal says of one business day, counted alike by the till and by HQ.

Both count records as they were written: by the date in the record, voided and repeated ones too. What a till
declares with `day_closed` is therefore equal to what HQ holds, or something is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from loyalty_core.events import (
    EVENT_CODES,
    EVENT_NAMES,
    EVENT_TYPES,
    ControlTotal,
    DayClosed,
    PurchaseRecorded,
    ReturnRecorded,
)
from loyalty_core.journal import Record
from loyalty_core.units import Day

_Sale = PurchaseRecorded | ReturnRecorded


class Tally(msgspec.Struct):
    """One kind of event on one business day, as far as it has been counted."""

    first_seq: int
    last_seq: int
    count: int = 0
    net_minor: int = 0
    redeemable: int = 0
    qualifying: int = 0


class DayFigures(msgspec.Struct, frozen=True):
    """What a journal holds of one business day: its first and last seq (0 for none), totals by event code."""

    first_seq: int
    last_seq: int
    totals: tuple[ControlTotal, ...]


def count_records(records: Iterable[tuple[int, Record]]) -> dict[tuple[Day, int], Tally]:
    """Return (business day, event code) -> tally of a run of (seq, record) in order.

    A `day_closed` is not counted: it would have to count itself.
    """
    tallies: dict[tuple[Day, int], Tally] = {}
    for seq, record in records:
        event = record.event
        if isinstance(event, DayClosed):
            continue
        key = Day(event.business_day), EVENT_CODES[type(event)]
        tally = tallies.get(key)
        if tally is None:
            tally = tallies[key] = Tally(seq, seq)
        tally.last_seq = seq
        tally.count += 1
        if isinstance(event, _Sale):
            tally.net_minor += event.net_minor
        if record.claim is not None:
            tally.redeemable += record.claim.redeemable
            tally.qualifying += record.claim.qualifying
    return tallies


def add_tallies(counted: dict[tuple[Day, int], Tally], later: Mapping[tuple[Day, int], Tally]) -> None:
    """Add to what was counted of a journal what was counted of records that come after."""
    for key, tally in later.items():
        before = counted.setdefault(key, tally)
        if before is not tally:
            before.last_seq = tally.last_seq
            before.count += tally.count
            before.net_minor += tally.net_minor
            before.redeemable += tally.redeemable
            before.qualifying += tally.qualifying


def figures(tallies: Iterable[tuple[int, Tally]]) -> DayFigures:
    """Return the figures of a day from its (event code, tally) pairs."""
    ordered = sorted(tallies, key=lambda pair: pair[0])
    return DayFigures(
        min((tally.first_seq for _, tally in ordered), default=0),
        max((tally.last_seq for _, tally in ordered), default=0),
        tuple(
            [
                ControlTotal(code, tally.count, tally.net_minor, tally.redeemable, tally.qualifying)
                for code, tally in ordered
            ]
        ),
    )


def declared(event: DayClosed) -> DayFigures:
    """Return what a till declares."""
    return DayFigures(event.first_seq, event.last_seq, event.totals)


def differing(one: DayFigures, other: DayFigures) -> list[str]:
    """Return what differs, each as a phrase with both figures, `one` first; [] where they agree."""
    said = {total.code: total for total in one.totals}
    held = {total.code: total for total in other.totals}
    phrases = [
        f"{_name(code)}: {_told(said.get(code))} against {_told(held.get(code))}"
        for code in sorted(said.keys() | held.keys())
        if said.get(code) != held.get(code)
    ]
    if (one.first_seq, one.last_seq) != (other.first_seq, other.last_seq):
        phrases.append(
            f"records {one.first_seq} to {one.last_seq} against {other.first_seq} to {other.last_seq}"
        )
    return phrases


def _name(code: int) -> str:
    event_type = EVENT_TYPES.get(code)
    return f"event {code}" if event_type is None else EVENT_NAMES[event_type]


def _told(total: ControlTotal | None) -> str:
    if total is None:
        return "none"
    points = (
        f", {total.redeemable} and {total.qualifying} points" if total.redeemable or total.qualifying else ""
    )
    return f"{total.count} (net {total.net_minor}{points})" if total.net_minor or points else str(total.count)
