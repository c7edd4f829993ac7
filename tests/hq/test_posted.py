"""A closed period as the ledger tells it: its total, and the clawbacks that were in it."""

from __future__ import annotations

from hq_server.posted import closed_by
from loyalty_core.after_close import Closed
from loyalty_core.entries import EntryKind, PointEntry
from loyalty_core.events import EventId
from loyalty_core.units import Day, Seq
from tests.hq.events import DAY

BACK = EventId("T1", 1, 0, Seq(2))


def entry(kind: EntryKind, redeemable: int, qualifying: int, corrects: EntryKind | None = None) -> PointEntry:
    return PointEntry(
        event=BACK,
        kind=kind,
        earned_day=Day(DAY),
        business_day=Day(DAY),
        period_id="2026-H2",
        redeemable=redeemable,
        qualifying=qualifying,
        programme_version=1,
        corrects=corrects,
    )


def test_a_clawback_was_in_a_closed_period_unless_it_had_been_wholly_corrected_by_then() -> None:
    taken, half = entry("clawback", -5, -5), entry("correction", 3, 3, "clawback")
    assert closed_by([taken]) == Closed(-5, frozenset({BACK}))
    assert closed_by([taken, half]) == Closed(-2, frozenset({BACK}))
    assert closed_by([taken, entry("correction", 0, 5, "clawback")]) == Closed(0, frozenset({BACK}))
    assert closed_by([taken, entry("correction", 5, 5, "clawback")]) == Closed(0, frozenset())


def test_what_is_no_clawback_counts_towards_the_total_alone() -> None:
    assert closed_by([entry("earn", 5, 5), entry("correction", -2, -2, "earn")]) == Closed(3, frozenset())
