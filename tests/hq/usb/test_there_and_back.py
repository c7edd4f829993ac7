"""Sales that go to headquarters on a stick and come back as points: real tills, no line."""

from __future__ import annotations

import random
import tracemalloc

import msgspec
import pytest

from edge_agent.config import Sync
from edge_agent.store.database import transaction
from edge_agent.sync.usb import export
from hq_server import usb
from hq_server.config import Limits
from loyalty_core.events import ClockStepped
from tests.edge.made import at, day
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.real_till import RealTill
from tests.hq.sticks import Stick
from tests.hq.usb.carrying import agree, sell, waiting


def test_what_a_till_without_a_line_sold_comes_to_headquarters_and_its_points_back(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 3)
    (out,) = stick.from_till(till)
    assert (out.first, out.last, out.records, out.waiting) == ((1, 1), (1, 3), 3, 0)
    assert out.file.startswith("dangol_S012-T01_1.000001-1.000003_")
    (took,) = stick.at_hq(hq)
    assert (took.became, took.terminal, took.first, took.last, took.new) == (
        "kept",
        "S012-T01",
        (1, 1),
        (1, 3),
        3,
    )
    assert (took.members, took.replies) == (1, (out.file.replace(".to-hq", ".to-till"),))
    (back,) = stick.to_till(till)
    assert (back.became, back.acknowledged, back.members) == ("installed", ((1, 3),), 1)
    assert agree(till, hq)
    assert hq.balances() == {"M1": 36}


def test_a_till_that_has_sold_nothing_hears_of_members_and_rules(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    hq.members("member_id,lookups,name,phone,home_store\nM9,2000123456805,새회원,,S012\n")
    hq.publish(PROGRAMME.replace("version = 1", "version = 2"))
    (out,) = stick.from_till(till)
    assert (out.records, out.first) == (0, None)
    assert [took.became for took in stick.at_hq(hq)] == ["asked"]
    (back,) = stick.to_till(till)
    assert (back.became, back.members, back.programmes) == ("installed", 1, 1)
    assert till.standing("2000123456805").member_id == "M9"


def test_weeks_without_a_line_go_in_files_of_bounded_size_and_in_any_order_of_their_names(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 57)
    out = stick.from_till(till)
    assert [one.records for one in out] == [10, 10, 10, 10, 10, 7]
    assert [one.waiting for one in out] == [47, 37, 27, 17, 7, 0]
    names = random.Random(5).sample("qwerty", 6)
    for file, letter in zip(stick.files(), names, strict=True):
        file.rename(stick.folder / f"{letter}.to-hq")
    assert [took.new for took in stick.at_hq(hq)] == [10, 10, 10, 10, 10, 7]
    assert len(stick.to_till(till)) == 6
    assert agree(till, hq)


def test_sales_go_on_while_what_waited_is_written(hq: Hq, till: RealTill, stick: Stick) -> None:
    sell(till, 0, 20)
    written = 0
    for number, _ in enumerate(export(till.config, till.clock, stick.folder, dry_run=False)):
        sell(till, 100 + number, 1)
        written += 1
    assert written == 2, "it does not run after sales for ever"
    stick.at_hq(hq)
    stick.to_till(till)
    assert waiting(till) == 2
    stick.round(till, hq)
    assert agree(till, hq)


def test_members_that_do_not_fit_into_one_reply_come_in_several(
    hq: Hq, till: RealTill, stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"N{n},{3_000_000 + n},이름,,S012\n" for n in range(25))
    hq.members("member_id,lookups,name,phone,home_store\n" + rows)
    hq.config = msgspec.structs.replace(hq.config, limits=Limits(snapshot_rows_max=10))
    sell(till, 0, 13)
    stick.from_till(till)
    first, last = stick.at_hq(hq)
    assert (first.members, len(first.replies)) == (0, 1), "what came with it would not fit to what follows"
    assert (last.members, len(last.replies), last.more) == (26, 3, False)
    backs = stick.to_till(till)
    assert sum(back.members for back in backs) == 26
    assert till.standing("3000024").member_id == "N24"
    monkeypatch.setattr(usb, "PARTS_MAX", 2)
    rows = "".join(f"P{n},{4_000_000 + n},이름,,S012\n" for n in range(25))
    hq.members("member_id,lookups,name,phone,home_store\n" + rows)
    stick.from_till(till)
    assert [took.more for took in stick.at_hq(hq)] == [False, False, True]
    stick.to_till(till)
    stick.round(till, hq)
    assert {till.standing(str(4_000_000 + n)).member_id for n in range(25)} == {f"P{n}" for n in range(25)}


WEEKS = 20_000
"""Records of a till that had no line for some weeks."""


@pytest.fixture
def long_away(till: RealTill) -> RealTill:
    """A till that sends as much as one may in each request."""
    till.config = msgspec.structs.replace(till.config, sync=Sync())
    with transaction(till.conn):
        books = till.books()
        for number in range(WEEKS - 1):
            stepped = ClockStepped(None, at("2026-11-20 10:00"), day("2026-11-20"), number)
            till.recorder.append(till.conn, books, stepped)
    sell(till, 0, 1)
    return till


@pytest.mark.sqlite("long, and what it looks at is the till")
def test_weeks_by_line_go_in_bounded_chunks(hq: Hq, long_away: RealTill) -> None:
    heads = []
    while waiting(long_away):
        long_away.exchange_once()
        heads.append(hq.sql("SELECT seq FROM heads")[0][0])
    assert heads == [8_000, 16_000, WEEKS]
    assert agree(long_away, hq)


@pytest.mark.sqlite("long, and what it looks at is the till")
def test_weeks_by_stick_go_in_bounded_chunks(hq: Hq, long_away: RealTill, stick: Stick) -> None:
    assert [one.records for one in stick.from_till(long_away)] == [8_000, 8_000, 4_000]
    assert [took.new for took in stick.at_hq(hq)] == [8_000, 8_000, 4_000]
    stick.to_till(long_away)
    assert agree(long_away, hq)


def test_a_long_export_takes_no_more_memory_than_a_short_one(long_away: RealTill, stick: Stick) -> None:
    long_away.config = msgspec.structs.replace(long_away.config, sync=Sync(batch_records=200))
    files = export(long_away.config, long_away.clock, stick.folder, dry_run=False)
    tracemalloc.start()
    try:
        peaks = [tracemalloc.get_traced_memory()[1] for _ in files]
    finally:
        tracemalloc.stop()
    assert len(peaks) == 13
    assert peaks[-1] < 1.2 * peaks[2]
