"""How the link was, as a technician sees it: without gaps, and honest about when nobody looked."""

from __future__ import annotations

from itertools import pairwise

import pytest

from edge_agent.link_timeline import DAY_MS, Stretch, timeline
from edge_agent.store import link_spans
from edge_agent.store.database import transaction
from edge_agent.store.link_spans import KEPT_MS, NOTED_MS, SPANS_MAX, Span
from tests.edge.till import Till

NOW = 1_800_000_000_000
HOUR = 3_600_000
BEGINS = NOW - DAY_MS


def test_a_till_that_has_noted_nothing_knows_nothing() -> None:
    assert timeline([], NOW) == [Stretch(BEGINS, NOW, "unknown")]


def test_a_state_lasts_until_the_next_begins_and_the_last_until_now() -> None:
    spans = [Span(NOW - 5 * HOUR, NOW - 4 * HOUR, "ok"), Span(NOW - 2 * HOUR, NOW - 2 * HOUR, "hq_timeout")]
    assert timeline(spans, NOW) == [
        Stretch(BEGINS, NOW - 5 * HOUR, "unknown"),
        Stretch(NOW - 5 * HOUR, NOW - 2 * HOUR, "up"),
        Stretch(NOW - 2 * HOUR, NOW, "down", "hq_timeout"),
    ]


def test_what_lies_between_the_last_word_and_a_new_start_was_off() -> None:
    spans = [
        Span(NOW - 9 * HOUR, NOW - 6 * HOUR, "ok"),
        Span(NOW - 2 * HOUR, NOW - 2 * HOUR, "started"),
        Span(NOW - HOUR, NOW, "ok"),
    ]
    assert timeline(spans, NOW)[1:] == [
        Stretch(NOW - 9 * HOUR, NOW - 6 * HOUR, "up"),
        Stretch(NOW - 6 * HOUR, NOW - 2 * HOUR, "off"),
        Stretch(NOW - 2 * HOUR, NOW - HOUR, "unknown"),
        Stretch(NOW - HOUR, NOW, "up"),
    ]


def test_what_began_before_the_day_is_cut_to_it() -> None:
    assert timeline([Span(NOW - 3 * DAY_MS, NOW - 2 * DAY_MS, "ok")], NOW) == [Stretch(BEGINS, NOW, "up")]


@pytest.mark.parametrize("step", [-3 * HOUR, 3 * HOUR])
def test_a_clock_that_was_set_leaves_neither_gap_nor_overlap(step: int) -> None:
    spans = [
        Span(NOW - 8 * HOUR, NOW - 5 * HOUR, "ok"),
        Span(NOW - 5 * HOUR + step, NOW - 4 * HOUR + step, "hq_timeout"),
        Span(NOW + 9 * HOUR, NOW + 9 * HOUR, "ok"),
    ]
    told = timeline(spans, NOW)
    assert told[0].from_ms == BEGINS
    assert told[-1].to_ms == NOW
    assert all(one.to_ms == after.from_ms for one, after in pairwise(told))
    assert all(one.from_ms < one.to_ms for one in told)


def test_stretches_of_one_state_are_one() -> None:
    spans = [Span(NOW - 5 * HOUR, NOW - 4 * HOUR, "ok"), Span(NOW - 3 * HOUR, NOW, "ok")]
    assert [one.state for one in timeline(spans, NOW)] == ["unknown", "up"]


def test_what_goes_on_is_written_once_a_minute(till: Till) -> None:
    with transaction(till.conn):
        link_spans.note(till.conn, NOW, "ok")
    before = till.conn.total_changes
    with transaction(till.conn):
        link_spans.note(till.conn, NOW + NOTED_MS - 1, "ok")
    assert till.conn.total_changes == before
    with transaction(till.conn):
        link_spans.note(till.conn, NOW + NOTED_MS, "ok")
        link_spans.note(till.conn, NOW + NOTED_MS + 1, "hq_timeout")
    later = NOW + NOTED_MS
    assert link_spans.since(till.conn, 0) == [
        Span(NOW, later, "ok"),
        Span(later + 1, later + 1, "hq_timeout"),
    ]


def test_the_span_in_which_a_day_begins_is_told_too(till: Till) -> None:
    with transaction(till.conn):
        link_spans.note(till.conn, NOW - 3 * HOUR, "ok")
        link_spans.note(till.conn, NOW - 2 * HOUR, "hq_timeout")
        link_spans.note(till.conn, NOW, "ok")
    assert [one.code for one in link_spans.since(till.conn, NOW - HOUR)] == ["hq_timeout", "ok"]


def test_spans_are_kept_for_days_and_are_bounded(till: Till) -> None:
    with transaction(till.conn):
        for number in range(SPANS_MAX + 20):
            link_spans.note(till.conn, NOW + number, ("ok", "hq_timeout")[number % 2])
    assert len(link_spans.since(till.conn, 0)) == SPANS_MAX
    with transaction(till.conn):
        link_spans.begin(till.conn, NOW + SPANS_MAX + 20 + KEPT_MS)
    assert [one.code for one in link_spans.since(till.conn, 0)] == ["started"]
