"""Control totals: each record counts once, for its own date; a difference names both figures."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from loyalty_core.control import DayFigures, Tally, count_records, declared, differing, figures
from loyalty_core.events import Claim, ControlTotal, DayClosed, DayTotal, Event
from loyalty_core.journal import Record
from loyalty_core.units import Day
from tests.core.made import FRIDAY, day, purchase, returned, visit, void

AT = 1_795_228_260_000
DAY = day(FRIDAY)
PURCHASES = ControlTotal(4, 2, 30_000, 30, 25)


def record(event: Event, claim: Claim | None = None) -> Record:
    return Record(event=event, adapter="test", monotonic_ms=1, claim=claim)


def counted(*records: Record) -> dict[tuple[Day, int], Tally]:
    return count_records(enumerate(records, start=7))


def test_events_count_by_code_with_their_net_and_what_the_till_claimed() -> None:
    one, other = purchase(net=10_000).event, purchase(net=20_000).event
    found = counted(
        record(one, Claim(1, "BRONZE", 10, 5)),
        record(visit().event, Claim(1, "BRONZE", 3, 3)),
        record(other, Claim(1, "BRONZE", 20, 20)),
        record(returned(1).event),
        record(void(1).event, Claim(1, "BRONZE", -10, -5)),
    )
    assert found == {
        (DAY, 4): Tally(7, 9, 2, 30_000, 30, 25),
        (DAY, 1): Tally(8, 8, 1, 0, 3, 3),
        (DAY, 5): Tally(10, 10, 1, 3_990, 0, 0),
        (DAY, 6): Tally(11, 11, 1, 0, -10, -5),
    }


def test_a_day_total_is_counted_and_its_sum_is_no_sale() -> None:
    assert counted(record(DayTotal(None, AT, DAY, "S1", "T1", 3, 9_000))) == {(DAY, 16): Tally(7, 7, 1)}


def test_a_day_closed_counts_nowhere() -> None:
    assert counted(record(DayClosed(None, AT, DAY, 0, 0, ()))) == {}


def test_the_figures_of_a_day_reach_from_its_first_to_its_last_record() -> None:
    assert figures([]) == DayFigures(0, 0, ())
    found = figures([(4, Tally(9, 12, 2, 30_000, 30, 25)), (1, Tally(7, 10, 2))])
    assert found == DayFigures(7, 12, (ControlTotal(1, 2, 0, 0, 0), PURCHASES))


@pytest.mark.parametrize(
    ("totals", "phrases"),
    [
        ([PURCHASES], []),
        ([], ["purchase_recorded: 2 (net 30000, 30 and 25 points) against none"]),
        (
            [ControlTotal(4, 2, 29_000, 30, 25)],
            ["purchase_recorded: 2 (net 30000, 30 and 25 points) against 2 (net 29000, 30 and 25 points)"],
        ),
        ([PURCHASES, ControlTotal(1, 1, 0, 0, 0)], ["visit_recorded: none against 1"]),
        ([PURCHASES, ControlTotal(200, 1, 0, 0, 0)], ["event 200: none against 1"]),
    ],
)
def test_a_difference_names_the_kind_and_both_figures(
    totals: Sequence[ControlTotal], phrases: list[str]
) -> None:
    said = declared(DayClosed(None, AT, DAY, 7, 9, (PURCHASES,)))
    assert differing(said, DayFigures(7, 9, tuple(totals))) == phrases


def test_other_records_are_a_difference_even_when_the_sums_agree() -> None:
    said = DayFigures(7, 9, (PURCHASES,))
    assert differing(said, DayFigures(7, 10, (PURCHASES,))) == ["records 7 to 9 against 7 to 10"]
    assert differing(said, DayFigures(6, 9, (PURCHASES,))) == ["records 7 to 9 against 6 to 9"]
