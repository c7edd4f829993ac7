"""Figures as Prometheus reads them, and counting that stays within its bound."""

from __future__ import annotations

import pytest

from loyalty_shell.exposition import OTHER, SERIES_MAX, Counter, Histogram, expose, gauge, gauges, info, total
from tests.prometheus import parsed


def test_figures_are_read_as_they_were_meant() -> None:
    text = expose(
        [
            gauge("queue_records", "Records that wait.", 3),
            gauge("age_seconds", "Age.", 0.25),
            gauge("ahead_seconds", "Ahead.", -1.5),
            total("records_total", "Records in the journal.", 10**15),
            gauges("tills", "Tills.", "state", [("approved", 2), ("revoked", 0)]),
            info("build_info", "Version.", version="1.2", python="3.11"),
        ]
    )
    assert text.startswith(
        "# HELP queue_records Records that wait.\n# TYPE queue_records gauge\nqueue_records 3\n"
    )
    read = parsed(text)
    assert [
        read[name].of() for name in ("queue_records", "age_seconds", "ahead_seconds", "records_total")
    ] == [
        3,
        0.25,
        -1.5,
        10**15,
    ]
    assert (read["tills"].of(state="approved"), read["tills"].of(state="revoked")) == (2, 0)
    assert read["build_info"].of(version="1.2", python="3.11") == 1


def test_no_label_breaks_its_line() -> None:
    hostile = 'a"b\\c\nd'
    text = expose([gauges("tills", "One \\ and\ntwo.", "state", [(hostile, 1)])])
    assert len(text.splitlines()) == 3
    assert parsed(text)["tills"].of(state=hostile) == 1


def test_a_counter_counts_each_combination_and_begins_at_zero_without_labels() -> None:
    steps, ends = Counter("steps_total", "Steps."), Counter("ends_total", "Ends.", "code", "source")
    assert parsed(expose([steps.family()]))["steps_total"].of() == 0
    assert parsed(expose([ends.family()]))["ends_total"].figures == {}
    steps.add()
    steps.add(by=2)
    for code in ("b", "a", "b"):
        ends.add(code, "http")
    read = parsed(expose([steps.family(), ends.family()]))
    assert read["steps_total"].of() == 3
    assert (
        read["ends_total"].of(code="a", source="http"),
        read["ends_total"].of(code="b", source="http"),
    ) == (
        1,
        2,
    )


def test_a_histogram_counts_up_to_each_bound() -> None:
    taken = Histogram("answer_seconds", "Answers.", (0.01, 0.1, 1), "route")
    for seconds in (0.001, 0.01, 0.05, 5):
        taken.observe(seconds, "/a")
    taken.observe(0.5, "/b")
    read = parsed(expose([taken.family()]))["answer_seconds"]
    assert [read.part("_bucket", route="/a", le=bound) for bound in ("0.01", "0.1", "1", "+Inf")] == [
        2,
        3,
        3,
        4,
    ]
    assert read.part("_count", route="/a") == 4
    assert read.part("_sum", route="/a") == pytest.approx(5.061)
    assert read.part("_count", route="/b") == 1


def test_a_histogram_without_labels_begins_empty() -> None:
    empty = Histogram("post_seconds", "Posting.", (1,))
    assert parsed(expose([empty.family()]))["post_seconds"].part("_count") == 0
    empty.observe(2)
    assert parsed(expose([empty.family()]))["post_seconds"].part("_sum") == 2


def test_what_goes_beyond_the_bound_is_counted_together() -> None:
    codes, taken = Counter("ends_total", "Ends.", "code"), Histogram("all_seconds", "All.", (1,), "code")
    for number in range(SERIES_MAX + 5):
        codes.add(f"code{number}")
        taken.observe(1, f"code{number}")
    codes.add("code0")
    read = parsed(expose([codes.family(), taken.family()]))
    assert len(read["ends_total"].figures) == SERIES_MAX + 1
    assert (read["ends_total"].of(code=OTHER), read["ends_total"].of(code="code0")) == (5, 2)
    assert read["all_seconds"].part("_count", code=OTHER) == 5


@pytest.mark.parametrize(
    "text",
    [
        "a 1",
        "a 1\n",
        "# HELP a All.\n# TYPE a gauge\nb 1\n",
        "# HELP a All.\n# TYPE a gauge\na 1\na 2\n",
        "# HELP a All.\n# TYPE a gauge\na one\n",
        "# HELP a All.\n# TYPE a counter\na 1\n",
        "# HELP a_total All.\n# TYPE a_total gauge\na_total 1\n",
        '# HELP a All.\n# TYPE a gauge\na{b="c"d} 1\n',
        '# HELP a All.\n# TYPE a gauge\na{b="c",b="d"} 1\n',
        "# HELP a All.\na 1\n",
        "# HELP a_ms All.\n# TYPE a_ms gauge\na_ms 1\n",
        "# HELP a All.\n# TYPE a gauge\n# HELP a All.\n# TYPE a gauge\n",
        '# HELP a_s A.\n# TYPE a_s histogram\na_s_bucket{le="+Inf"} 1\na_s_sum 1\na_s_count 1\n',
        "# HELP a_seconds A.\n# TYPE a_seconds histogram\na_seconds_sum 1\na_seconds_count 2\n",
    ],
)
def test_the_reader_refuses_what_is_not_in_form(text: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        parsed(text)
