"""Records of a later release: kept and told when they come, taken when a release that knows them starts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import hypothesis.strategies as st
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings

from hq_server import read_later, spread
from hq_server.accept import Terminal
from hq_server.app import build_app
from hq_server.audit import Difference
from hq_server.config import CLOCK_TOLERANCE_MS
from hq_server.house import House
from hq_server.read_later import Looked
from hq_server.spread import Spread
from hq_server.store.connection import Transaction
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import (
    EVENT_TYPES,
    DayClosed,
    Event,
    EventId,
    PurchaseRecorded,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.journal import Record
from loyalty_core.units import EpochMs
from tests.hq.accounts import DAY_MS, MEMBERS
from tests.hq.behind import Guarded
from tests.hq.conftest import Hq, Tills
from tests.hq.desk import Desk
from tests.hq.events import DAY, back, purchase, spent, visit, visit_void, void
from tests.hq.test_audit import run_audit
from tests.hq.test_branches_in_any_order import stories, told
from tests.hq.test_closings import close, watermark
from tests.hq.test_merging import again
from tests.hq.till import NOW_MS, Till

Late = tuple[EventId, bytes, Record]
LEDGER = (
    "SELECT member_id, coalesce(corrects, kind), earned_day, business_day, period_id, rule, "
    "sum(redeemable), sum(qualifying) FROM entries GROUP BY 1, 2, 3, 4, 5, 6 "
    "HAVING sum(redeemable) <> 0 OR sum(qualifying) <> 0 ORDER BY 1, 2, 3, 4, 5, 6"
)


@contextmanager
def without(*kinds: type[Event]) -> Iterator[None]:
    """Be a release that does not know these kinds of events yet."""
    known = {code: of for code, of in EVENT_TYPES.items() if of not in kinds}
    with patch.dict(EVENT_TYPES, known, clear=True):
        yield


def read_again(desk: Desk) -> int:
    """Do what a server does when it starts; returns how many records were taken."""
    now, taken = desk.hq.clock(), 0
    looked = Looked(now)
    while looked.kind is not None:
        further, takable = desk.read(partial(_look, looked=looked, now=now))
        if takable:
            taken += desk.write(partial(_take, looked=looked, now=now))
        looked = further
    return taken


def _look(tx: Transaction, _: House, *, looked: Looked, now: EpochMs) -> tuple[Looked, bool]:
    return read_later.look(tx, looked, now)


def _take(tx: Transaction, _: House, *, looked: Looked, now: EpochMs) -> int:
    return read_later.take(tx, looked, now, CLOCK_TOLERANCE_MS)


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.members(MEMBERS)
    return Desk(hq)


def stamps(till: Till, desk: Desk) -> dict[str, int]:
    """Return how far the till is told that its events have been posted, member by member."""
    till.cursors = []
    desk.exchange(till)
    return {name: row.stamp.seq for name, row in till.members.items() if row.stamp is not None}


def test_a_record_that_can_be_read_later_counts_as_if_it_had_been_read_at_once(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    with without(PurchaseRecorded):
        (event,) = desk.send(till, purchase())
        assert read_again(desk) == 0
        assert hq.exceptions() == [("record_unreadable", str(event))]
        run_audit(hq)
    assert read_again(desk) == 1
    assert (hq.balances(), hq.exceptions()) == ({"M1": 12}, [])
    assert stamps(till, desk) == {"M1": 1}
    run_audit(hq)
    assert read_again(desk) == 0


async def test_a_server_reads_again_when_it_starts(hq: Hq, desk: Desk) -> None:
    with without(PurchaseRecorded):
        desk.send(desk.till(), *(purchase(str(number)) for number in range(5)))
    with patch.object(read_later, "LOOKED_AT_ONCE", 2):
        async with TestClient(TestServer(build_app(hq.config, hq.clock))) as client:
            await Tills(hq, client).until(lambda: not hq.exceptions())
    assert (hq.balances(), hq.exceptions()) == ({"M1": 60}, [])
    run_audit(hq)


@contextmanager
def failing_on(number: str) -> Iterator[None]:
    """Be a release with a fault: it can read this purchase, and cannot take it."""

    def spread_again(
        tx: Transaction, house: House, terminal: Terminal, records: list[Late], came: EpochMs, now: EpochMs
    ) -> Spread:
        for _, _, record in records:
            if isinstance(record.event, PurchaseRecorded) and record.event.receipt.number == number:
                raise KeyError(number)
        return spread.spread_again(tx, house, terminal, records, came, now)

    with patch.object(read_later, "spread_again", spread_again):
        yield


async def test_a_record_on_which_a_release_fails_is_told_and_holds_up_no_other(hq: Hq, desk: Desk) -> None:
    with without(PurchaseRecorded):
        events = desk.send(desk.till(), *(purchase(str(number)) for number in range(5)))
    told = "SELECT subject FROM arrival_exceptions WHERE detail LIKE '%fails on it (KeyError)%'"
    for _ in range(2):
        with failing_on("2"):
            async with TestClient(TestServer(build_app(hq.config, hq.clock))) as client:
                await Tills(hq, client).until(lambda: len(hq.exceptions()) == 1 and bool(hq.sql(told)))
        assert hq.sql(told) == [(str(events[2]),)]
        assert hq.balances() == {"M1": 48}
    with pytest.raises(LoyaltyError, match="can be read now and is not taken yet"):
        run_audit(hq)
    assert read_again(desk) == 1
    assert (hq.balances(), hq.exceptions()) == ({"M1": 60}, [])
    run_audit(hq)


def test_the_void_of_a_visit_that_could_not_be_read_is_taken_with_it(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    with without(VisitRecorded):
        _, event = desk.send(till, visit(), visit_void(1, at=NOW_MS + 1))
        assert hq.exceptions() == [("original_missing", str(event)), ("record_unreadable", "S012-T01.1.1")]
    assert read_again(desk) == 2
    assert (hq.balances().get("M1", 0), hq.exceptions()) == (0, [])
    assert stamps(till, desk) == {"M1": 2}
    run_audit(hq)


def test_a_visit_and_its_void_that_could_both_not_be_read_are_taken(hq: Hq, desk: Desk) -> None:
    with without(VisitRecorded, VisitVoided), patch.object(read_later, "LOOKED_AT_ONCE", 1):
        till = desk.till()
        desk.send(till, *(purchase(str(number), member=None) for number in range(9)), visit_void(11))
        desk.send(till, visit(), visit_void(11, at=NOW_MS + 1))
    with patch.object(read_later, "LOOKED_AT_ONCE", 1):
        assert read_again(desk) == 3
    assert hq.balances().get("M1", 0) == 0
    assert [kind for kind, _ in hq.exceptions()] == ["original_missing"]
    run_audit(hq)


def test_what_stays_unreadable_or_is_not_believed_stays_set_aside(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    with without(PurchaseRecorded):
        till.records.append(b"\x93\x09\x09\x09")
        desk.send(till)
        desk.exchange(till, till.batch(1))
        desk.send(till, purchase(store="S099"), purchase())
    assert read_again(desk) == 2
    assert hq.exceptions() == [
        ("receipt_other_store", "S012-T01.1.2"),
        ("record_unreadable", "S012-T01.1.1"),
    ]
    assert hq.balances() == {"M1": 12}
    run_audit(hq)


def test_the_till_is_told_of_a_void_that_came_before_its_purchase_could_be_read(hq: Hq, desk: Desk) -> None:
    """Above its stamp a till adds its own entries: those of the void would count twice."""
    till = desk.till()
    with without(PurchaseRecorded):
        desk.send(till, purchase(), void())
    read_again(desk)
    assert hq.balances().get("M1", 0) == 0
    assert stamps(till, desk) == {"M1": 2}
    run_audit(hq)


def test_the_days_of_the_till_agree_once_its_records_are_read(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    hq.clock.now += DAY_MS
    for event in (purchase("1"), visit(), purchase("2", member=None)):
        till.record(event)
    close(till, DAY)
    with without(PurchaseRecorded):
        desk.exchange(till, till.batch())
        assert "day_closed_differs" in dict(hq.exceptions())
    read_again(desk)
    assert hq.exceptions() == []
    assert watermark(hq, till) == (20778, 20778)
    run_audit(hq)


def test_days_whose_declaration_could_not_be_read_are_closed_from_the_beginning(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, purchase(member=None))
    hq.clock.now += 3 * DAY_MS
    close(till, DAY, DAY + 1, DAY + 2)
    with without(DayClosed):
        desk.exchange(till, till.batch(2, 2))
    desk.exchange(till, till.batch(3))
    assert watermark(hq, till) == (DAY + 1, DAY + 2)
    read_again(desk)
    assert watermark(hq, till) == (DAY, DAY + 2)
    assert hq.exceptions() == []
    run_audit(hq)


def test_a_branch_that_shares_a_record_counts_it_too(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    hq.clock.now += 3 * DAY_MS
    till.record(purchase("1", member=None))
    close(till, DAY - 1)
    twin = till.copied()
    till.record(visit())
    twin.record(visit(at=NOW_MS + 5))
    close(twin, DAY)
    with without(PurchaseRecorded, DayClosed):
        desk.exchange(till, till.batch())
    desk.exchange(twin, twin.batch())
    assert "day_closed_differs" in dict(hq.exceptions())
    read_again(desk)
    assert [kind for kind, _ in hq.exceptions()] == ["fork"]
    rows = hq.sql("SELECT branch, first_day, last_day FROM closings ORDER BY branch")
    assert rows == [(0, DAY - 1, DAY - 1), (1, DAY - 1, DAY)]
    run_audit(hq)


def test_the_audit_waits_for_what_can_be_read_by_now_and_names_what_was_set_aside_by_hand(
    hq: Hq, desk: Desk
) -> None:
    with without(PurchaseRecorded):
        desk.send(desk.till(), purchase())
    with pytest.raises(LoyaltyError) as caught:
        run_audit(hq)
    assert caught.value.code == "records_pending"
    read_again(desk)
    hq.tamper("UPDATE events SET state = 'unreadable', code = 0, receipt_key = NULL, record = NULL")
    with pytest.raises(Difference):
        run_audit(hq)


def test_the_audit_waits_for_a_void_that_is_taken_after_its_visit(hq: Hq, desk: Desk) -> None:
    """A server that ends between the two has done nothing wrong."""
    with without(VisitRecorded):
        desk.send(desk.till(), visit(), visit_void(1, at=NOW_MS + 1))
    assert desk.write(partial(_take, looked=Looked(hq.clock()), now=hq.clock())) == 1
    with pytest.raises(LoyaltyError, match=r"S012-T01\.1\.2 can be read now"):
        run_audit(hq)
    assert read_again(desk) == 1
    run_audit(hq)


@pytest.mark.parametrize(
    "change",
    [
        "state = 'unreadable'",
        "code = 5 WHERE state = 'set_aside'",
        "business_day = 1 WHERE state = 'set_aside'",
        "seq = 9 WHERE state = 'unreadable'",
        "record = x'00' WHERE state = 'taken'",
    ],
)
def test_nothing_else_of_an_event_is_ever_changed(hq: Hq, desk: Desk, change: str) -> None:
    till = desk.till()
    till.record(purchase())
    till.record(purchase("2", store="S099"))
    till.records.append(b"\x93\x09\x09\x09")
    desk.exchange(till, till.batch())
    with pytest.raises(Guarded, match="an event is never changed"):
        hq.sql(f"UPDATE events SET {change}")  # noqa: S608


KINDS = [type(one) for one in (purchase(), visit(), visit_void(1), void(), back(), spent(1))]


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_the_ledger_is_that_of_a_headquarters_that_could_read_all_at_once(
    tmp_path: Path, hq: Hq, seed: int
) -> None:
    """Three machines with one disk's data, of whose events some kinds are read when half of all has come."""

    def ledger(folder: Path, unknown: tuple[type[Event], ...]) -> object:
        chance = random.Random(seed)
        fresh = again(hq, folder)
        fresh.members("member_id\nM1\nM2\n")
        desk = Desk(fresh)
        first = told(desk.till(), stories(chance, 0, chance.randrange(4)))
        first.record(visit(at=NOW_MS))
        first.record(visit_void(len(first.records), at=NOW_MS + 1))
        tills = [told(first.copied(), stories(chance, 10 * n, 1 + chance.randrange(5))) for n in (1, 2, 3)]
        with without(*unknown):
            for till in tills:
                desk.exchange(till, till.batch(1, len(first.records) + 1))
        read_again(desk)
        for till in tills:
            desk.exchange(till, till.batch(len(first.records) + 1))
        run_audit(fresh)
        for till in tills:
            till.cursors = []
            desk.exchange(till)
            row = till.members.get("M1")
            assert row is None or row.balance == fresh.balances().get("M1", 0)
        stamps_told = [{name: row.stamp for name, row in till.members.items()} for till in tills]
        counts = fresh.sql("SELECT * FROM day_counts ORDER BY 1, 2, 3, 4, 5, 6")
        return fresh.sql(LEDGER), stamps_told, counts, fresh.exceptions()

    unknown = tuple(random.Random(seed).sample(KINDS, 2))
    assert ledger(tmp_path, unknown) == ledger(tmp_path, ())


def test_what_was_dated_ahead_when_it_came_is_told_however_late_it_is_read(hq: Hq, desk: Desk) -> None:
    with without(PurchaseRecorded):
        (event,) = desk.send(desk.till(), purchase(day=DAY + 5))
    hq.clock.now += 9 * DAY_MS
    read_again(desk)
    assert hq.exceptions() == [("dated_ahead", str(event))]


def test_an_older_declaration_stands_behind_a_newer_one_and_says_nothing_of_the_clock_now(
    hq: Hq, desk: Desk
) -> None:
    till = desk.till()
    till.record(purchase("1", member=None))
    hq.clock.now += DAY_MS
    close(till, DAY)
    with without(DayClosed):
        desk.exchange(till, till.batch())
    desk.send(till, purchase("2", member=None))
    close(till, DAY, DAY + 9)
    desk.exchange(till, till.batch(4))
    declared = hq.sql("SELECT business_day, seq FROM closed_days")
    assert declared == [(DAY, 4)]
    read_again(desk)
    assert hq.sql("SELECT business_day, seq FROM closed_days") == declared
    assert [kind for kind, _ in hq.exceptions()] == ["clock_ahead"]
    run_audit(hq)
