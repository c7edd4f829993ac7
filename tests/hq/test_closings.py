"""Control totals at headquarters: what a till declares of a day against what is held, and watermarks."""

from __future__ import annotations

import msgspec
import pytest

from hq_server import closings
from hq_server.accept import Terminal
from hq_server.day_figures import held_of
from hq_server.reconcile import Wanted, open_exceptions
from loyalty_core.control import count_records, figures
from loyalty_core.events import ControlTotal, DayClosed
from loyalty_core.journal import unpack_record
from tests.hq.conftest import Hq, Tills
from tests.hq.events import DAY, purchase, visit, void
from tests.hq.till import NOW_MS, Till

DAY_MS = 86_400_000


def day_closed(till: Till, day: int = DAY, *, at: int = NOW_MS + DAY_MS, **changed: object) -> DayClosed:
    """Return what this till's agent would declare of a day now."""
    read = [unpack_record(record) for record in till.records]
    tallies = count_records(enumerate(read, start=1))
    held = figures((code, tally) for (of_day, code), tally in tallies.items() if of_day == day)
    event = DayClosed(None, at, day, held.first_seq, held.last_seq, held.totals)
    return msgspec.structs.replace(event, **changed)


def close(till: Till, *days: int) -> None:
    for day in days:
        till.record(day_closed(till, day))


def changed(event: DayClosed, code: int, **fields: object) -> DayClosed:
    """Return a declaration with other figures for one kind of event."""
    totals = tuple(msgspec.structs.replace(t, **fields) if t.code == code else t for t in event.totals)
    return msgspec.structs.replace(event, totals=totals)


def detail(hq: Hq, kind: str) -> str:
    """Return what the one exception of a kind says."""
    with hq.reading() as tx:
        (found,) = open_exceptions(tx, hq.clock(), Wanted(kind=kind))
    return found.detail


def watermark(hq: Hq, till: Till, epoch: int = 1) -> tuple[int | None, int | None]:
    """Return the first and the last business day that a journal has closed without a gap."""
    terminal = Terminal(till.store_id, till.terminal_id, "", "", b"", epoch)
    with hq.reading() as tx:
        state = closings.closing_of(tx, terminal, epoch, 0)
    return state.first_day, state.last_day


async def test_a_day_that_was_declared_as_it_is_held_is_no_difference(hq: Hq, tills: Tills) -> None:
    hq.members("member_id\nM1\n")
    till = await tills.join()
    for event in (purchase("1"), purchase("2"), visit(), void("2")):
        till.record(event)
    hq.clock.now += DAY_MS
    close(till, DAY)
    await tills.send(till)
    assert hq.exceptions() == []
    assert watermark(hq, till) == (DAY, DAY)


@pytest.mark.parametrize(
    ("fields", "phrase"),
    [
        ({"count": 3}, "purchase_recorded: 3 (net 25980) against 2 (net 25980)"),
        ({"net_minor": 25_979}, "purchase_recorded: 2 (net 25979) against 2 (net 25980)"),
        ({"redeemable": 12}, "2 (net 25980, 12 and 0 points) against 2 (net 25980)"),
        ({"qualifying": 12}, "2 (net 25980, 0 and 12 points) against 2 (net 25980)"),
    ],
)
async def test_a_difference_says_both_figures_and_ends_when_they_agree(
    hq: Hq, tills: Tills, fields: dict[str, int], phrase: str
) -> None:
    hq.members("member_id\nM1\n")
    till = await tills.join()
    till.record(purchase("1"))
    till.record(purchase("2"))
    hq.clock.now += DAY_MS
    till.record(changed(day_closed(till), 4, **fields))
    await tills.send(till)
    assert hq.exceptions() == [("day_closed_differs", "S012-T01.1/2026-11-21")]
    assert phrase in detail(hq, "day_closed_differs")
    assert "hq-server exceptions explain" in detail(hq, "day_closed_differs")
    close(till, DAY)
    await tills.send(till)
    assert hq.exceptions() == []


async def test_records_that_are_missing_or_of_a_kind_that_nobody_knows_are_a_difference(
    hq: Hq, tills: Tills
) -> None:
    till = await tills.join()
    till.record(purchase(member=None))
    hq.clock.now += DAY_MS
    declared = day_closed(till)
    till.record(msgspec.structs.replace(declared, totals=(*declared.totals, ControlTotal(40, 1, 0, 0, 0))))
    await tills.send(till)
    assert "event 40: 1 against none" in detail(hq, "day_closed_differs")


async def test_a_record_that_cannot_be_read_here_is_missed_by_the_totals(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase(member=None))
    till.record(visit())
    hq.clock.now += DAY_MS
    declared = day_closed(till)
    till.records[1] = b"\x93\x01\x02\x03"
    till.record(declared)
    await tills.send(till)
    kinds = [kind for kind, _ in hq.exceptions()]
    assert kinds == ["day_closed_differs", "record_unreadable"]


async def test_late_events_are_no_difference_while_the_till_has_not_said_the_day_again(
    hq: Hq, tills: Tills
) -> None:
    till = await tills.join()
    till.record(purchase("1", member=None))
    hq.clock.now += DAY_MS
    close(till, DAY)
    await tills.send(till)
    till.record(purchase("2", member=None))
    await tills.send(till)
    assert hq.exceptions() == []
    close(till, DAY)
    await tills.send(till)
    assert hq.exceptions() == []
    ((seq,),) = hq.sql("SELECT seq FROM closed_days")
    assert seq == 4


async def test_a_day_without_trade_is_closed_and_one_with_events_that_says_none_differs(
    hq: Hq, tills: Tills
) -> None:
    till = await tills.join()
    till.record(purchase("1", member=None))
    hq.clock.now += 3 * DAY_MS
    close(till, DAY + 1)
    till.record(day_closed(till, totals=(), first_seq=0, last_seq=0))
    await tills.send(till)
    assert hq.exceptions() == [("day_closed_differs", "S012-T01.1/2026-11-21")]


async def test_what_is_counted_in_pieces_is_what_all_records_come_to(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    for number in range(6):
        till.record(purchase(str(number), member=None, day=DAY + number % 2))
        await tills.send(till, till.batch(number + 1))
    await tills.send(till)
    tallies = count_records(enumerate([unpack_record(record) for record in till.records], start=1))
    terminal = Terminal(till.store_id, till.terminal_id, "", "", b"", 1)
    with hq.reading() as tx:
        held = held_of(tx, terminal, 1, 0, [DAY, DAY + 1])
    assert held == {
        day: figures((code, tally) for (of_day, code), tally in tallies.items() if of_day == day)
        for day in (DAY, DAY + 1)
    }


async def test_the_watermark_is_the_last_day_before_the_first_gap(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(visit())
    hq.clock.now += 10 * DAY_MS
    close(till, DAY, DAY + 1, DAY + 3)
    await tills.send(till)
    assert watermark(hq, till) == (DAY, DAY + 1)
    close(till, DAY + 4, DAY)
    await tills.send(till)
    assert watermark(hq, till) == (DAY, DAY + 1)
    close(till, DAY + 2)
    await tills.send(till)
    assert watermark(hq, till) == (DAY, DAY + 4)


async def test_a_day_that_is_not_over_is_not_closed_and_the_clock_is_named(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase(member=None))
    close(till, DAY)
    await tills.send(till)
    assert hq.exceptions() == [("clock_ahead", "S012-T01")]
    assert "2026-11-21, which is not over" in detail(hq, "clock_ahead")
    assert watermark(hq, till) == (None, None)
    hq.clock.now += DAY_MS
    close(till, DAY)
    await tills.send(till)
    assert hq.exceptions() == []
    assert watermark(hq, till) == (DAY, DAY)


async def test_a_till_that_is_heard_from_and_leaves_its_days_open_is_named(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase(member=None))
    await tills.send(till)
    hq.clock.now += 3 * DAY_MS
    await tills.exchange(till)
    assert hq.exceptions() == [], "it was silent, and may close its days now"
    hq.clock.now += 60_000
    await tills.exchange(till)
    assert hq.exceptions() == [("day_open", "S012-T01")]
    assert "has not closed 2026-11-21" in detail(hq, "day_open")
    close(till, DAY, DAY + 1, DAY + 2)
    await tills.send(till)
    assert hq.exceptions() == []
    await tills.exchange(till)
    assert hq.exceptions() == []


@pytest.mark.parametrize(("days", "named"), [(2, False), (3, True)])
async def test_a_day_may_be_open_for_two_days_after_its_own(
    hq: Hq, tills: Tills, days: int, named: bool
) -> None:
    till = await tills.join()
    till.record(purchase(member=None))
    hq.clock.now += days * DAY_MS
    await tills.send(till)
    await tills.exchange(till)
    assert (("day_open", "S012-T01") in hq.exceptions()) is named


async def test_a_till_that_has_more_to_send_is_not_named(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase("1", member=None))
    till.record(purchase("2", member=None))
    hq.clock.now += 5 * DAY_MS
    for _ in range(3):
        await tills.send(till, till.batch(1, 1))
    assert hq.exceptions() == []


async def test_a_till_that_never_wrote_a_record_has_no_days(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    hq.clock.now += 5 * DAY_MS
    for _ in range(3):
        await tills.exchange(till)
    assert hq.exceptions() == []


async def test_days_between_two_journals_of_a_till_are_named(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase(member=None))
    hq.clock.now += 10 * DAY_MS
    close(till, DAY, DAY + 1)
    await tills.send(till)
    hq.sql("UPDATE terminals SET epoch = 2")
    again = Till(till.key, till.terminal_id, till.store_id, till.store_key, till.hq_key, epoch=2)
    close(again, *range(DAY + 5, DAY + 10))
    await tills.send(again)
    assert hq.exceptions() == [("day_open", "S012-T01.1")]
    assert "from 2026-11-23 to 2026-11-25" in detail(hq, "day_open")
    assert (watermark(hq, till), watermark(hq, till, 2)) == ((DAY, DAY + 1), (DAY + 5, DAY + 9))


@pytest.mark.parametrize("first", [DAY + 1, DAY + 2])
async def test_a_journal_that_goes_on_where_the_one_before_ended_leaves_no_day_out(
    hq: Hq, tills: Tills, first: int
) -> None:
    till = await tills.join()
    till.record(purchase(member=None))
    hq.clock.now += 3 * DAY_MS
    close(till, DAY, DAY + 1)
    await tills.send(till)
    hq.sql("UPDATE terminals SET epoch = 2")
    again = Till(till.key, till.terminal_id, till.store_id, till.store_key, till.hq_key, epoch=2)
    close(again, first)
    await tills.send(again)
    assert hq.exceptions() == []


async def test_days_before_a_till_joined_are_not_its_own(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase(member=None, day=DAY - 30))
    for _ in range(3):
        await tills.send(till)
    assert hq.exceptions() == []


async def test_what_was_kept_before_it_was_counted_is_counted_once_by_a_chore(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    for number in range(4):
        till.record(purchase(str(number), member=None))
        await tills.send(till, till.batch(1))
    as_migrated(hq)
    hq.clock.now += DAY_MS
    close(till, DAY)
    await tills.send(till, till.batch(5))
    await tills.until(lambda: hq.sql("SELECT behind FROM closings") == [(0,)])
    assert hq.sql("SELECT counted FROM closings") == [(5,)]
    assert hq.sql("SELECT events, first_seq, last_seq FROM day_counts") == [(4, 1, 4)]
    assert (hq.exceptions(), watermark(hq, till)) == ([], (DAY, DAY))


def as_migrated(hq: Hq) -> None:
    """Leave the tables as the migration makes them for journals that it finds."""
    hq.sql("DELETE FROM day_counts")
    hq.sql("UPDATE closings SET counted = 0, behind = 1, first_day = NULL, last_day = NULL")


async def test_a_journal_without_a_batch_to_count_is_not_behind(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(visit())
    await tills.send(till)
    hq.sql("UPDATE closings SET behind = 1")
    with hq.writing() as tx:
        closings.count_earlier(tx)
        assert not closings.count_earlier(tx)
