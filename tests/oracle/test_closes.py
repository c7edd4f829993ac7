"""The oracle on what comes after the close of a period: the fine print of `design/domain.md`."""

from __future__ import annotations

from loyalty_core.events import EventId
from loyalty_core.programme import When
from loyalty_core.units import MinorUnits
from tests.oracle.tale import VISIT, Tale, bonus, day, earn, programme

A_WON = programme(earns=(earn(1, per=MinorUnits(1)),), weights=())
JUNE = "2026-06-15"


def closed(net: int = 100, *, adjusted: int = 0) -> Tale:
    """Return a tale of one purchase in June, whose half-year is closed."""
    tale = Tale(A_WON)
    tale.buy(f"{JUNE} 10:00", net)
    if adjusted:
        tale.adjust(JUNE, 0, adjusted)
    tale.close("2026-H1")
    return tale


def back(tale: Tale, when: str, net: int, number: str = "R1") -> EventId:
    """Tell of a return by amount."""
    return tale.bring_back(when, tale.key("0001", JUNE), net, number=number)


def movements(tale: Tale, event: EventId) -> dict[str, tuple[int, int]]:
    """Return period -> (redeemable, qualifying) of what an event moved."""
    return {one.period: points for one, points in tale.account().entries.items() if one.event == event}


def test_a_late_earn_counts_after_the_close() -> None:
    tale = closed()
    tale.buy(f"{JUNE} 11:00", 30, number="0002")
    assert tale.account().qualifying == {"2026-H1": 130}


def test_a_late_clawback_lowers_the_period_of_its_own_date_once_after_close_is_empty() -> None:
    tale = closed()
    event = back(tale, "2026-07-10 10:00", 40)
    assert movements(tale, event) == {"2026-H1": (-40, 0), "2026-H2": (0, -40)}
    assert tale.account().qualifying == {"2026-H1": 100, "2026-H2": -40}
    assert tale.account().balance == 60


def test_a_late_clawback_empties_after_close_first() -> None:
    tale = closed()
    tale.buy(f"{JUNE} 11:00", 30, number="0002")
    event = back(tale, "2026-07-10 10:00", 40)
    assert movements(tale, event) == {"2026-H1": (-40, -30), "2026-H2": (0, -10)}
    assert tale.account().qualifying == {"2026-H1": 100, "2026-H2": -10}


def test_later_gains_count_before_late_clawbacks_whatever_came_first() -> None:
    tale = closed()
    first = back(tale, "2026-07-10 10:00", 20)
    second = back(tale, "2026-07-09 10:00", 20, "R2")
    tale.adjust(JUNE, 0, 30)
    assert movements(tale, second) == {"2026-H1": (-20, -20)}
    assert movements(tale, first) == {"2026-H1": (-20, -10), "2026-H2": (0, -10)}


def test_a_clawback_that_was_posted_before_the_close_stays_what_it_was() -> None:
    tale = Tale(A_WON)
    tale.buy(f"{JUNE} 10:00", 100)
    event = back(tale, "2026-07-10 10:00", 40)
    tale.close("2026-H1")
    assert movements(tale, event) == {"2026-H1": (-40, -40)}
    assert tale.account().qualifying == {"2026-H1": 60}


def test_a_late_clawback_goes_to_the_next_open_period_where_that_of_its_date_is_closed() -> None:
    tale = closed()
    tale.close("2026-H2")
    event = back(tale, "2026-07-10 10:00", 40)
    assert movements(tale, event) == {"2026-H1": (-40, 0), "2027-H1": (0, -40)}
    inside = closed()
    event = back(inside, "2026-06-20 10:00", 40)
    assert movements(inside, event) == {"2026-H1": (-40, 0), "2026-H2": (0, -40)}


def test_a_late_clawback_goes_to_no_period_before_the_one_it_takes_from() -> None:
    tale = closed()
    event = back(tale, "2025-12-10 10:00", 40)
    assert movements(tale, event) == {"2026-H1": (-40, 0), "2026-H2": (0, -40)}


def test_the_rest_of_a_clawback_stays_in_the_period_where_it_was_posted_when_that_closes_too() -> None:
    tale = closed()
    event = back(tale, "2026-07-10 10:00", 40)
    tale.close("2026-H2")
    assert movements(tale, event) == {"2026-H1": (-40, 0), "2026-H2": (0, -40)}
    assert tale.account().qualifying == {"2026-H1": 100, "2026-H2": -40}


def test_late_voids_count_as_clawbacks() -> None:
    tale = Tale(programme(earns=(earn(10, when=When(on=VISIT)),), weights=()))
    visit = tale.visit(f"{JUNE} 10:00")
    tale.close("2026-H1")
    void = tale.unvisit("2026-07-01 10:00", visit)
    assert movements(tale, void) == {"2026-H1": (-10, 0), "2026-H2": (0, -10)}


def test_what_a_closed_total_lost_otherwise_stays_in_it() -> None:
    tale = Tale(programme(earns=(), bonuses=(bonus(50, per="period", nth=2, when=When(on=VISIT)),)))
    first = tale.visit(f"{JUNE} 10:00")
    tale.visit(f"{JUNE} 11:00")
    tale.close("2026-H1")
    tale.unvisit(f"{JUNE} 12:00", first)
    kept = ("adjustment", None, "closed-total", day("2026-06-30"), "2026-H1")
    assert (tale.account().entries, tale.account().qualifying) == ({kept: (0, 50)}, {"2026-H1": 50})


def test_a_loss_is_made_up_before_gains_count_after_the_close() -> None:
    tale = closed(adjusted=20)
    tale.adjust(JUNE, 0, -50)
    assert tale.account().qualifying == {"2026-H1": 120}
    tale.adjust(JUNE, 0, 60)
    assert tale.account().qualifying == {"2026-H1": 130}


def test_a_late_clawback_takes_its_turn_never_before_its_item() -> None:
    tale = closed()
    tale.buy("2026-06-14 10:00", 100, number="0002")
    tale.close("2026-H1")
    early = back(tale, "2026-06-01 10:00", 30)
    other = tale.bring_back("2026-06-14 11:00", tale.key("0002", "2026-06-14"), 30, number="R2")
    tale.adjust(JUNE, 0, 30)
    assert movements(tale, other) == {"2026-H1": (-30, -30)}
    assert movements(tale, early) == {"2026-H1": (-30, 0), "2026-H2": (0, -30)}
