"""What tills' software says it sold against the receipts that stand at headquarters for the till and day."""

from __future__ import annotations

import pytest

from hq_server.day_totals import SETTLE_MS, Sold, settle_total, sold_at, totals_to_compare
from hq_server.store.connection import reading, writing
from loyalty_core.events import DayTotal, ReturnRecorded
from loyalty_core.units import Day, EpochMs
from tests.hq.conftest import Hq, Tills
from tests.hq.events import DAY, key, purchase, visit, void
from tests.hq.test_closings import detail
from tests.hq.till import NOW_MS

SUBJECT = ("day_total_differs", "S012/T01/2026-11-21")


def total(count: int, net: int, *, at: int = NOW_MS, store: str = "S012", till: str = "T01") -> DayTotal:
    return DayTotal(None, at, DAY, store, till, count, net)


def returned(
    number: str, net: int, *, at: int = NOW_MS, of: str | None = "1", day: int = DAY
) -> ReturnRecorded:
    """Return a return with a receipt of its own at till T01."""
    original = None if of is None else key(of)
    return ReturnRecorded(None, at, day, key(number, day=day), original, net, 0, (), ())


def sold(hq: Hq, till: str = "T01", store: str = "S012", day: int = DAY) -> tuple[int, int]:
    """Return what stands at headquarters: receipts and their net."""
    with hq.reading() as tx:
        found = sold_at(tx, store, Day(day), till)
    return found.receipts, found.net_minor


async def compared(hq: Hq, tills: Tills) -> list[tuple[str, str]]:
    """Let nothing come for a while, wait for the chore, and return the differences."""
    hq.clock.now += SETTLE_MS
    await tills.until(lambda: hq.sql("SELECT 1 FROM day_totals WHERE touched_at_ms IS NOT NULL") == [])
    return [one for one in hq.exceptions() if one[0] == "day_total_differs"]


async def test_purchases_less_returns_stand_without_what_was_voided_and_copies_once(
    hq: Hq, tills: Tills
) -> None:
    one, other = await tills.join(), await tills.join()
    for event in (
        *(
            purchase("1", 10_000),
            purchase("2", 5_000),
            purchase("3", 7_000),
            void("3"),
            returned("R1", 4_000),
        ),
        *(
            returned("R2", 500, of=None),
            visit(),
            purchase("4", 900, day=DAY - 1),
            returned("R3", 1, day=DAY - 1),
        ),
    ):
        one.record(event)
    await tills.send(one)
    other.record(purchase("1", 10_000))
    other.record(purchase("2", 99_000, at=NOW_MS + 1))
    other.record(returned("R1", 4_000))
    await tills.send(other)
    assert sold(hq) == (4, 10_500)
    assert sold(hq, day=DAY - 1) == (2, 899)
    assert (sold(hq, till="T0"), sold(hq, till="T011"), sold(hq, store="S1")) == ((0, 0), (0, 0), (0, 0))


async def test_of_several_contents_of_a_return_the_first_in_canonical_order_counts(
    hq: Hq, tills: Tills
) -> None:
    till = await tills.join()
    till.record(returned("R1", 400, at=NOW_MS + 5))
    till.record(returned("R1", 300, at=NOW_MS))
    till.record(returned("R1", 200, at=NOW_MS + 9))
    await tills.send(till)
    assert sold(hq) == (1, -300)


async def test_a_void_from_another_store_takes_a_receipt_out(hq: Hq, tills: Tills) -> None:
    here, there = await tills.join(), await tills.join("S2")
    here.record(purchase("1", 10_000))
    await tills.send(here)
    here.record(total(1, 10_000))
    await tills.send(here)
    assert await compared(hq, tills) == []
    there.record(void("1", of_store="S012", store="S2"))
    await tills.send(there)
    assert await compared(hq, tills) == [SUBJECT]
    assert sold(hq) == (0, 0)


@pytest.mark.parametrize(
    ("count", "net", "differs"), [(2, 15_000, False), (3, 15_000, True), (2, 15_001, True)]
)
async def test_a_total_is_compared_with_what_stands(
    hq: Hq, tills: Tills, count: int, net: int, differs: bool
) -> None:
    till = await tills.join()
    till.record(purchase("1", 10_000))
    till.record(purchase("2", 5_000))
    till.record(total(count, net))
    await tills.send(till)
    assert await compared(hq, tills) == ([SUBJECT] if differs else [])
    if differs:
        said = detail(hq, "day_total_differs")
        assert f"sold {count} receipts of {net} net" in said
        assert "holds 2 receipts of 15000 net" in said
        assert "edge-agent quarantine" in said


async def test_a_difference_ends_when_the_missing_receipt_comes(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(total(1, 10_000))
    await tills.send(till)
    assert await compared(hq, tills) == [SUBJECT]
    till.record(purchase("1", 10_000))
    await tills.send(till)
    assert await compared(hq, tills) == []


async def test_the_last_total_in_canonical_order_stands(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase("1", 10_000))
    till.record(total(1, 10_000, at=NOW_MS + 5))
    till.record(total(9, 90_000, at=NOW_MS + 4))
    await tills.send(till)
    assert await compared(hq, tills) == []
    till.record(total(2, 20_000, at=NOW_MS + 5))
    await tills.send(till)
    assert await compared(hq, tills) == [SUBJECT]


async def test_a_total_waits_until_nothing_has_come_for_a_while(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(total(1, 10_000))
    await tills.send(till)
    hq.clock.now += SETTLE_MS - 1
    till.record(purchase("1", 10_000))
    await tills.send(till)
    with hq.reading() as tx:
        assert totals_to_compare(tx, EpochMs(hq.clock.now + SETTLE_MS - 1)) == []
        (waiting,) = totals_to_compare(tx, EpochMs(hq.clock.now + SETTLE_MS))
    assert waiting.touched_at_ms == hq.clock.now
    assert await compared(hq, tills) == []
    assert hq.sql("SELECT closed_at_ms FROM arrival_exceptions WHERE kind = 'day_total_differs'") == []


async def test_what_was_compared_before_something_came_is_not_believed(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(total(1, 10_000))
    await tills.send(till)
    with hq.opened() as connection:
        with reading(connection) as tx:
            (waiting,) = totals_to_compare(tx, EpochMs(hq.clock.now + SETTLE_MS))
        hq.clock.now += 1
        till.record(purchase("1", 10_000))
        await tills.send(till)
        with writing(connection) as tx:
            settle_total(tx, waiting, Sold(0, 0), hq.clock())
    assert [one for one in hq.exceptions() if one == SUBJECT] == []
    assert hq.sql("SELECT touched_at_ms FROM day_totals") == [(hq.clock.now,)]


async def test_a_return_that_names_another_store_counts_nowhere(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(ReturnRecorded(None, NOW_MS, DAY, key("R1", store="S2"), None, 500, 0, (), ()))
    await tills.send(till)
    assert (sold(hq), sold(hq, store="S2")) == ((0, 0), (0, 0))


async def test_an_explained_difference_is_explained_only_while_it_says_the_same(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(total(2, 20_000))
    await tills.send(till)
    await compared(hq, tills)
    hq.sql("UPDATE arrival_exceptions SET cause = 'two receipts on paper', explained_by = 'kim'")
    till.record(purchase("1", 10_000, day=DAY - 1))
    await tills.send(till)
    till.record(total(2, 20_000, at=NOW_MS + 1))
    await tills.send(till)
    await compared(hq, tills)
    assert hq.sql("SELECT cause FROM arrival_exceptions WHERE kind = 'day_total_differs'") == [
        ("two receipts on paper",)
    ]
    till.record(purchase("1", 10_000))
    await tills.send(till)
    await compared(hq, tills)
    assert hq.sql("SELECT cause FROM arrival_exceptions WHERE kind = 'day_total_differs'") == [("",)]


async def test_a_total_of_another_store_or_of_no_till_is_told_and_not_kept(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(total(1, 1, store="S2"))
    till.record(total(1, 1, till="T/1"))
    await tills.send(till)
    assert hq.exceptions() == [
        ("receipt_other_store", "S012-T01.1.1"),
        ("receipt_other_store", "S012-T01.1.2"),
    ]
    assert hq.sql("SELECT 1 FROM day_totals") == []


async def test_the_same_batch_again_changes_no_total(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase("1", 10_000))
    till.record(total(1, 10_000))
    for _ in range(2):
        await tills.send(till)
        assert await compared(hq, tills) == []
    assert sold(hq) == (1, 10_000)
