"""What a void takes back, and what it leaves to the other items of its day."""

from __future__ import annotations

import msgspec
import pytest

from loyalty_core.accrual import _Day, derive_day
from loyalty_core.entries import Step
from loyalty_core.programme import When
from loyalty_core.resolved import Item
from tests.core.days import bought, rules, standing, taken_back, total, visited
from tests.core.made import FRIDAY, day, event_id
from tests.core.programmes import BEEN_THERE, SPEND, VISIT, bonus, cap, moonlight, programme


def test_a_void_takes_back_what_was_earned_and_dates_it_on_its_own_day() -> None:
    item = bought(12_990)
    entries = derive_day(rules(moonlight()), [taken_back(item, "2026-11-22 09:00", seq=2)])
    assert [(entry.kind, entry.redeemable, entry.qualifying) for entry in entries] == [
        ("earn", 12, 12),
        ("clawback", -12, -12),
    ]
    assert entries[1].event == event_id(2)
    assert (entries[1].earned_day, entries[1].business_day) == (day(FRIDAY), day("2026-11-22"))
    assert entries[1].steps == (Step("void", "clawback", "0", 12, 0),)


def test_a_voided_visit_leaves_the_days_limit_to_the_next_one() -> None:
    first, second = visited(f"{FRIDAY} 10:00", seq=1), visited(f"{FRIDAY} 12:00", seq=3)
    entries = derive_day(rules(moonlight()), [taken_back(first, f"{FRIDAY} 11:00", seq=2), *standing(second)])
    assert [(entry.event.seq, entry.redeemable) for entry in entries] == [(1, 10), (2, -10), (3, 10)]


def test_a_visit_voided_after_the_next_one_takes_nothing_because_that_one_is_now_the_first() -> None:
    first, second = visited(f"{FRIDAY} 10:00", seq=1), visited(f"{FRIDAY} 11:00", seq=2)
    entries = derive_day(rules(moonlight()), [taken_back(first, f"{FRIDAY} 12:00", seq=3), *standing(second)])
    assert [(entry.event.seq, entry.redeemable) for entry in entries] == [(1, 10), (2, 0), (3, 0)]
    assert entries[2].steps == (Step("void", "clawback", "0", 10, 10),)


def test_a_voided_purchase_leaves_bonuses_and_caps() -> None:
    rule = programme(earns=[SPEND], bonuses=[bonus(5, per="day")], caps=[cap(20)])
    first, second = bought(15_000), bought(9_000, seq=2, when=f"{FRIDAY} 11:00")
    entries = derive_day(rules(rule), [taken_back(first, f"{FRIDAY} 12:00", seq=3), *standing(second)])
    assert [entry.redeemable for entry in entries] == [20, 0, -6]
    assert total(entries) == (14, 14)


def test_of_an_item_that_is_void_already_a_second_void_takes_nothing() -> None:
    (once,) = [taken_back(visited(), f"{FRIDAY} 11:00", seq=2)]
    again = msgspec.structs.replace(once.takebacks[0], id=event_id(3))
    twice = msgspec.structs.replace(once, takebacks=(*once.takebacks, again))
    entries = derive_day(rules(moonlight()), [twice])
    assert [(entry.event.seq, entry.redeemable) for entry in entries] == [(1, 10), (2, -10), (3, 0)]


def test_voids_of_a_long_day_look_again_at_those_items_alone_that_they_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or a till that sells all day to one card, and takes much back, would hold up others."""
    third = bonus(5, per="day", nth=3, when=When(on=VISIT))
    rule = programme(earns=[SPEND, BEEN_THERE], bonuses=[third], caps=[cap(16)])
    visits = [visited(f"{FRIDAY} 10:00", seq=seq) for seq in range(1, 101)]
    sales = [bought(1_000, seq=seq, when=f"{FRIDAY} 10:00") for seq in range(101, 201)]
    facts = [
        taken_back(item, f"{FRIDAY} 11:00", seq=200 + number)
        for number, item in enumerate((*visits[:98], *sales), start=1)
    ]
    looked_at = 0
    take = _Day.take

    def counted(self: _Day, item: Item) -> object:
        nonlocal looked_at
        looked_at += 1
        return take(self, item)

    monkeypatch.setattr(_Day, "take", counted)
    entries = derive_day(rules(rule), [*facts, *standing(*visits[98:])])
    assert total(entries) == total(derive_day(rules(rule), standing(*visits[98:]))) == (10, 10)
    assert looked_at < 2_000
