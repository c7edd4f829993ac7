"""What the bench says of its runs: medians, ratios, verdicts, as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from bench.figures import Figure, Goal, Report, as_json, figure
from bench.tables import BEGIN, END, as_markdown, cells, put_into
from bench.turns import in_turns

TAKEN = {"now": [9.0, 3.0, 6.0], "before": [12.0, 11.0, 40.0], "floor": [2.0, 4.0, 3.0]}


def report(*figures: Figure) -> Report:
    return Report(
        machine={"cores": "2"},
        commit="abc1234",
        against="",
        made_on="2026-11-21",
        versions={"Python": "3.11"},
        sizes={"events": 20_000},
        figures=figures,
    )


def test_a_ratio_is_one_of_medians_to_the_floor_and_to_the_other_revision() -> None:
    one = figure("a thing", "us", TAKEN, floor_what="nothing")
    assert one.ratio == 2.0
    assert one.change == 0.5


def test_what_has_no_floor_and_no_other_revision_has_no_ratio() -> None:
    one = figure("a thing", "us", {"now": [1.0]})
    assert (one.ratio, one.change, one.met) == (None, None, None)


@pytest.mark.parametrize(
    ("goal", "met", "text"),
    [
        (Goal(limit=6), True, "<= 6 us"),
        (Goal(limit=5.9), False, "<= 5.9 us"),
        (Goal(limit=6, least=True), True, ">= 6 us"),
        (Goal(limit=6000, least=True), False, ">= 6,000 us"),
        (Goal(limit=2, of="ratio"), True, "<= 2 x floor"),
        (Goal(limit=1.9, of="ratio"), False, "<= 1.9 x floor"),
        (Goal(limit=0.5, of="ratio", least=True), True, ">= 0.5 x floor"),
        (Goal(limit=3, of="excess"), True, "<= floor + 3 us"),
        (Goal(limit=2.9, of="excess"), False, "<= floor + 2.9 us"),
    ],
)
def test_a_goal_is_met_by_the_median_and_said_in_the_unit_of_its_figure(
    goal: Goal, met: bool, text: str
) -> None:
    assert figure("a thing", "us", TAKEN, goal=goal).met is met
    assert goal.text("us") == text


def test_a_goal_about_a_floor_that_was_not_measured_is_neither_met_nor_missed() -> None:
    assert Figure(what="a thing", unit="us", values=(1.0,), goal=Goal(limit=3, of="ratio")).met is None
    assert Figure(what="a thing", unit="us", missing="no disk", goal=Goal(limit=3)).met is None


def test_the_json_holds_every_value_and_what_follows_from_them() -> None:
    told = json.loads(as_json(report(figure("a thing", "us", TAKEN, goal=Goal(limit=5)))))
    assert told["commit"] == "abc1234"
    assert told["machine"] == {"cores": "2"}
    (one,) = told["figures"]
    assert one["values"] == TAKEN["now"]
    assert one["before"] == TAKEN["before"]
    assert (one["median"], one["ratio"], one["change"], one["met"]) == (6.0, 2.0, 0.5, False)


def test_the_table_shows_another_revision_only_where_one_was_measured() -> None:
    alone = figure("a thing", "us", {"now": [1.0]})
    assert "before" not in cells([alone])[0]
    heading, rows = cells([alone, figure("another", "us", TAKEN, floor_what="nothing")])
    assert heading == ["what", "measured", "before", "change", "floor", "ratio", "goal", ""]
    assert rows == [
        ["a thing", "1.00 us", "", "", "", "", "", ""],
        [
            "another",
            "6.00 us (3.00 to 9.00)",
            "12.0 us (11.0 to 40.0)",
            "0.50 x",
            "3.00 us (2.00 to 4.00): nothing",
            "2.00 x",
            "",
            "",
        ],
    ]


def test_what_was_not_measured_says_why() -> None:
    page = as_markdown(report(Figure(what="a peer", unit="/s", missing="npm is not installed")))
    assert "| a peer | not measured: npm is not installed |" in page


def test_the_page_names_the_machine_the_code_and_the_sizes_before_a_table_of_even_rows() -> None:
    one = figure("a|thing", "us", TAKEN, goal=Goal(limit=9))
    page = as_markdown(report(msgspec.structs.replace(one, part="http")))
    said, empty, part, again, *table = page.splitlines()
    assert said == ("Measured on 2026-11-21 at abc1234; cores 2; Python 3.11. Sizes: events 20,000.")
    assert (empty, part, again) == ("", "### http", "")
    assert table[0].startswith("| what | measured |")
    assert "| a/thing |" in table[2]
    assert table[2].endswith("| <= 9 us | met |")
    assert len({line.count("|") for line in table}) == 1


def test_every_part_has_a_table_of_its_own_in_the_order_of_measuring() -> None:
    ones = [Figure(part=part, what=what, unit="us") for part, what in (("b", "x"), ("a", "y"), ("b", "z"))]
    page = as_markdown(report(*ones))
    assert [line[:5] for line in page.splitlines() if line[:3] in ("###", "| x", "| y", "| z")] == [
        "### b",
        "| x |",
        "| z |",
        "### a",
        "| y |",
    ]


def test_a_page_keeps_what_is_around_its_tables() -> None:
    page = f"# Speed\n\n{BEGIN}\nold\n{END}\nMore.\n"
    first = put_into(page, "new\n")
    assert first == f"# Speed\n\n{BEGIN}\n\nnew\n\n{END}\nMore.\n"
    assert put_into(first, "newer\n") == first.replace("new", "newer")
    assert put_into("no marks", "new\n") == "new\n"


def test_every_run_has_its_turn_in_every_round_and_each_round_begins_with_another() -> None:
    order: list[tuple[int, str]] = []

    def noted(name: str) -> Callable[[int], int]:
        def run(turn: int) -> int:
            order.append((turn, name))
            return turn * 10

        return run

    taken = in_turns(2, {name: noted(name) for name in ("a", "b", "c")})
    assert taken == {"a": [0, 10], "b": [0, 10], "c": [0, 10]}
    assert order == [(0, "a"), (0, "b"), (0, "c"), (1, "b"), (1, "c"), (1, "a")]
