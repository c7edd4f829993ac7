"""Sales that go to headquarters on a stick and come back as points: real tills and headquarters, no line."""

from __future__ import annotations

import errno
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.config import Sync
from edge_agent.store import exported, outbox, programmes, terminal
from edge_agent.store.database import transaction
from edge_agent.sync.install import install, open_reply
from edge_agent.sync.usb import export
from hq_server import usb
from hq_server.backups import back_up, restore
from hq_server.config import Limits
from hq_server.usb_requests import Part, part
from loyalty_core.events import ClockStepped
from loyalty_shell.stick import StickError
from tests.edge.made import CARD, NOW, OTHER_CARD, at, day, purchase
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.real_till import RealTill
from tests.hq.sticks import Stick

MEMBERS = f"member_id,lookups,name,phone,home_store\nM1,{CARD},홍길동,,S012\nM2,{OTHER_CARD},김철수,,S012\n"
MakeTill = Callable[..., RealTill]


@pytest.fixture
def make_till(hq: Hq, tmp_path: Path) -> MakeTill:
    """Make tills that have joined; each request of theirs carries a few records."""
    hq.clock.now = at(NOW)
    hq.members(MEMBERS)
    made: list[RealTill] = []

    def make(store_id: str = "S012") -> RealTill:
        folder = tmp_path / f"till{len(made)}"
        folder.mkdir()
        till = RealTill(folder, hq, store_id)
        till.config = msgspec.structs.replace(till.config, sync=Sync(batch_records=5, batches=2))
        made.append(till)
        return till

    return make


@pytest.fixture
def till(make_till: MakeTill) -> RealTill:
    return make_till()


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path / "stick")


def sell(till: RealTill, first: int, count: int) -> None:
    for number in range(first, first + count):
        till.record(purchase(str(number)))


def waiting(till: RealTill) -> int:
    return outbox.waiting(till.conn)[0]


def agree(till: RealTill, hq: Hq) -> bool:
    """Tell whether the till shows what headquarters holds, with nothing left to hand in."""
    held = hq.balances()
    shown = {"M1": till.balance(CARD), "M2": till.balance(OTHER_CARD)}
    return waiting(till) == 0 and shown == {"M1": 0, "M2": 0} | held


# There and back


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


def test_weeks_by_line_go_in_bounded_chunks(hq: Hq, long_away: RealTill) -> None:
    heads = []
    while waiting(long_away):
        long_away.exchange_once()
        heads.append(hq.sql("SELECT seq FROM heads")[0][0])
    assert heads == [8_000, 16_000, WEEKS]
    assert agree(long_away, hq)


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


# Twice, in the wrong order, of somebody else


def test_the_same_stick_twice_on_both_sides_moves_nothing(hq: Hq, till: RealTill, stick: Stick) -> None:
    sell(till, 0, 12)
    stick.round(till, hq)
    before = hq.balances(), till.balance()
    assert [took.became for took in stick.at_hq(hq)] == ["known", "known"]
    assert {back.became for back in stick.to_till(till)} == {"known"}
    assert (hq.balances(), till.balance()) == before
    assert hq.exceptions() == []


def test_one_file_under_two_names_is_taken_once(hq: Hq, till: RealTill, stick: Stick) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    (file,) = stick.files()
    (stick.folder / "the same again.to-hq").write_bytes(file.read_bytes())
    assert sorted(took.became for took in stick.at_hq(hq)) == ["kept", "repeated"]
    (reply,) = stick.files(".to-till")
    (stick.folder / "the same again.to-till").write_bytes(reply.read_bytes())
    assert sorted(back.became for back in stick.to_till(till)) == ["installed", "known"]
    assert agree(till, hq)


def test_exporting_again_before_headquarters_has_answered_doubles_nothing(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 7)
    stick.from_till(till)
    sell(till, 7, 7)
    stick.from_till(till)
    assert sum(took.new for took in stick.at_hq(hq)) == 14
    stick.to_till(till)
    assert agree(till, hq)


def test_a_file_that_was_lost_on_the_way_leaves_a_gap_that_the_next_export_fills(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 25)
    stick.from_till(till)
    stick.files()[0].unlink()
    assert [(took.became, took.code) for took in stick.at_hq(hq)] == [("refused", "gap")] * 2
    backs = stick.to_till(till)
    assert "records 1 to 20 are missing (gap)" in backs[0].refusals[0]
    assert waiting(till) == 25
    stick.round(till, hq)
    assert agree(till, hq)
    told = waiting(till), till.balance()
    assert all(not back.refusals for back in stick.to_till(till)), "a refusal of before is none any more"
    assert (waiting(till), till.balance()) == told


def test_tills_share_a_stick_and_each_takes_its_own(hq: Hq, make_till: MakeTill, stick: Stick) -> None:
    tills = [make_till(), make_till(), make_till("S013")]
    for number, till in enumerate(tills):
        store = "S013" if number == 2 else "S012"
        receipt = {"store": store, "till": "T01", "business_date": "2026-11-20", "number": str(number)}
        till.record(purchase(receipt=receipt))
        stick.from_till(till)
    assert [took.became for took in stick.at_hq(hq)] == ["kept"] * 3
    for till in tills:
        backs = {back.terminal: back.became for back in stick.to_till(till)}
        own = backs.pop(till.terminal_id)
        assert (own, set(backs.values())) == ("installed", {"left"})
        assert waiting(till) == 0
    assert hq.balances() == {"M1": 36}


def test_another_tills_reply_brings_the_rules_that_follow_those_known_and_no_members(
    hq: Hq, make_till: MakeTill, stick: Stick
) -> None:
    till, other = make_till(), make_till()
    hq.members("member_id,lookups,name,phone,home_store\nM9,2000123456805,새회원,,S012\n")
    hq.publish(PROGRAMME.replace("version = 1", "version = 2"))
    stick.round(other, hq)
    (back,) = stick.to_till(till)
    assert (back.became, back.programmes, back.members) == ("installed", 1, 0)
    assert programmes.highest(till.conn) == 2
    hq.publish(PROGRAMME.replace("version = 1", "version = 4"))
    stick.round(other, hq)
    stick.to_till(till)
    assert programmes.highest(till.conn) == 2, "version 3 may lie between, and would never be asked for"
    stick.round(till, hq)
    assert programmes.highest(till.conn) == 4


def test_an_acknowledgement_is_valid_by_any_road_once_the_request_is_forgotten(
    hq: Hq, till: RealTill, stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    stick.at_hq(hq)
    monkeypatch.setattr(exported, "KEPT", 1)
    stick.from_till(till)
    assert till.conn.execute("SELECT count(*) FROM exported").fetchone() == (1,)
    (back,) = stick.to_till(till)
    assert (back.became, back.acknowledged, back.members) == ("installed", ((1, 3),), 0)
    assert waiting(till) == 0
    (back,) = stick.to_till(till)
    assert back.became == "unasked"


def test_a_file_of_another_chain_is_refused_and_writes_nothing(
    hq: Hq, till: RealTill, stick: Stick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    hq.sql("UPDATE stores SET look_up_key = zeroblob(32)")
    assert [(took.became, took.code) for took in stick.at_hq(hq)] == [("refused", "file_damaged")]
    hq.sql("DELETE FROM terminals")
    assert [(took.became, took.code) for took in stick.at_hq(hq)] == [("refused", "terminal_unknown")]
    assert stick.files(".to-till") == []
    assert hq.sql("SELECT count(*) FROM batches") == [(0,)]


# Shut out, restored, on line again


@pytest.mark.parametrize("state", ["terminal_revoked", "terminal_pending"])
def test_a_till_that_headquarters_does_not_talk_to_is_not_taken(
    hq: Hq, till: RealTill, stick: Stick, state: str
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    if state == "terminal_revoked":
        hq.set_state(till.terminal_id, "revoked", "stolen")
    else:
        hq.sql("UPDATE terminals SET state = 'pending'")
    (took,) = stick.at_hq(hq)
    assert (took.became, took.code, took.terminal) == ("refused", state, till.terminal_id)
    assert hq.balances() == {}
    hq.sql("UPDATE terminals SET state = 'approved'")
    stick.at_hq(hq)
    stick.to_till(till)
    assert agree(till, hq)


def test_a_reply_of_before_headquarters_was_restored_is_refused_and_the_till_hands_in_again(
    hq: Hq, till: RealTill, stick: Stick, tmp_path: Path
) -> None:
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    sell(till, 0, 3)
    stick.from_till(till)
    stick.at_hq(hq)
    restore(hq.config, tmp_path / "backup.db", replace=True, random=b"another!", now_ms=hq.clock())
    till.exchange()
    hq.clock.now += 1
    assert agree(till, hq)
    (back,) = stick.to_till(till)
    assert (back.became, back.code) == ("refused", "hq_older")
    assert agree(till, hq)


def test_a_reply_of_before_a_restore_does_not_keep_a_till_from_handing_in_again(
    hq: Hq, till: RealTill, stick: Stick, tmp_path: Path
) -> None:
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    sell(till, 0, 3)
    stick.round(till, hq)
    restore(hq.config, tmp_path / "backup.db", replace=True, random=b"another!", now_ms=hq.clock())
    hq.clock.now += 1
    sell(till, 3, 1)
    stick.round(till, hq)
    stick.round(till, hq)
    assert agree(till, hq)
    assert hq.balances() == {"M1": 48}


def test_after_a_restore_a_stick_that_is_never_emptied_brings_the_members_back(
    hq: Hq, till: RealTill, make_till: MakeTill, stick: Stick, tmp_path: Path
) -> None:
    sell(till, 0, 3)
    stick.round(till, hq)
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    hq.clock.now += 1
    sell(till, 3, 1)
    stick.round(till, hq)
    restore(hq.config, tmp_path / "backup.db", replace=True, random=b"another!", now_ms=hq.clock())
    sell(till, 4, 1)
    for _ in range(3):
        hq.clock.now += 1
        stick.round(till, hq)
        assert agree(till, hq), "also while HQ has not told of everybody yet"
    other = make_till()
    sell(other, 5, 1)
    other.exchange()
    hq.clock.now += 1
    stick.round(till, hq)
    assert agree(till, hq)


def test_a_part_of_an_answer_after_a_restore_has_nobody_forgotten(
    hq: Hq, till: RealTill, stick: Stick, tmp_path: Path
) -> None:
    rows = "".join(f"N{n},{3_000_000 + n},이름,,S012\n" for n in range(25))
    hq.members("member_id,lookups,name,phone,home_store\n" + rows)
    hq.config = msgspec.structs.replace(hq.config, limits=Limits(snapshot_rows_max=10))
    stick.round(till, hq)
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    restore(hq.config, tmp_path / "backup.db", replace=True, random=b"another!", now_ms=hq.clock())
    hq.clock.now += 1
    stick.round(till, hq)
    hq.clock.now += 1
    stick.from_till(till)
    (took,) = [took for took in stick.at_hq(hq) if len(took.replies) > 1]
    (stick.folder / took.replies[0]).unlink()
    stick.to_till(till)
    assert {till.standing(str(3_000_000 + n)).member_id for n in range(25)} == {f"N{n}" for n in range(25)}


def test_a_line_that_comes_back_before_headquarters_reads_the_stick_doubles_nothing_and_alarms_nobody(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    sell(till, 3, 3)
    till.exchange()
    hq.clock.now += 1
    (took,) = stick.at_hq(hq)
    assert (took.became, took.code) == ("known", "")
    assert hq.exceptions() == []
    (back,) = stick.to_till(till)
    assert (back.became, back.refusals) == ("known", ())
    assert agree(till, hq)
    assert hq.balances() == {"M1": 72}


def test_a_reply_older_than_what_came_by_line_takes_nothing_back(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    stick.at_hq(hq)
    hq.clock.now += 1
    sell(till, 3, 3)
    till.exchange()
    (back,) = stick.to_till(till)
    assert (back.became, back.members) == ("known", 0)
    assert agree(till, hq)


def test_an_older_reply_that_wants_records_again_is_passed_over(hq: Hq, till: RealTill, stick: Stick) -> None:
    sell(till, 0, 25)
    stick.from_till(till)
    first, *_ = stick.files()
    kept = first.read_bytes()
    first.unlink()
    stick.at_hq(hq)
    old = {file.name: file.read_bytes() for file in stick.files(".to-till")}
    first.write_bytes(kept)
    hq.clock.now += 1
    stick.at_hq(hq)
    stick.to_till(till)
    assert waiting(till) == 0
    for name, data in old.items():
        (stick.folder / name).write_bytes(data)
    stick.to_till(till)
    assert waiting(till) == 0


def test_a_reply_that_wants_records_again_is_passed_over_where_a_line_has_brought_them(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 25)
    stick.from_till(till)
    stick.files()[0].unlink()
    stick.at_hq(hq)
    hq.clock.now += 1
    till.exchange()
    with transaction(till.conn):
        link = outbox.link(till.conn)
        outbox.set_link(till.conn, msgspec.structs.replace(link, hq_time_ms=hq.clock()))
    assert not any(back.refusals for back in stick.to_till(till))
    assert agree(till, hq)


@pytest.mark.parametrize("known", [6, 12])
def test_a_stick_that_is_read_while_the_line_is_answered_has_no_sale_counted_twice(
    hq: Hq, till: RealTill, stick: Stick, known: int
) -> None:
    sell(till, 0, known)
    till.config = msgspec.structs.replace(till.config, sync=Sync(batch_records=6, batches=1))
    nonce, identity = b"n" * 16, terminal.read(till.conn)
    body, brought = till.request(nonce)
    assert brought == 6
    sell(till, known, 12 - known)
    stick.from_till(till)
    reply = open_reply(till.say(body, lambda: stick.at_hq(hq)), identity, nonce)
    with transaction(till.conn):
        install(till.conn, reply)
    assert till.balance(CARD) == 12 * 12
    till.exchange()
    assert agree(till, hq)


def test_a_line_that_brings_more_before_a_stick_is_answered_has_no_sale_counted_twice(
    hq: Hq, till: RealTill, stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    sell(till, 3, 3)
    body, _ = till.request(b"n" * 16)

    def late(*args: Any, **named: Any) -> Part:
        till.say(body)
        return part(*args, **named)

    monkeypatch.setattr("hq_server.usb.part", late)
    stick.at_hq(hq)
    stick.to_till(till)
    assert till.balance(CARD) == 6 * 12
    till.exchange()
    assert agree(till, hq)


# A stick is what it is


def test_what_else_lies_on_a_stick_is_told_of_and_stops_nothing(hq: Hq, till: RealTill, stick: Stick) -> None:
    sell(till, 0, 13)
    stick.from_till(till)
    one, other = stick.files()
    (stick.folder / "cut.to-hq").write_bytes(other.read_bytes()[:-7])
    (stick.folder / "empty.to-hq").write_bytes(b"")
    (stick.folder / "link.to-hq").symlink_to(one)
    (stick.folder / "folder.to-hq").mkdir()
    os.mkfifo(stick.folder / "pipe.to-hq")
    (stick.folder / "huge.to-hq").write_bytes(b"")
    os.truncate(stick.folder / "huge.to-hq", 10**11)
    (stick.folder / "photo.jpg").write_bytes(b"x")
    codes = {took.file: took.code for took in stick.at_hq(hq)}
    assert codes == {
        one.name: "",
        other.name: "",
        "cut.to-hq": "file_damaged",
        "empty.to-hq": "file_damaged",
        "link.to-hq": "file_not_regular",
        "folder.to-hq": "file_not_regular",
        "pipe.to-hq": "file_not_regular",
        "huge.to-hq": "file_too_large",
    }
    replies = stick.files(".to-till")
    (stick.folder / "cut.to-till").write_bytes(replies[0].read_bytes()[:-7])
    os.mkfifo(stick.folder / "pipe.to-till")
    codes = {back.file: back.code for back in stick.to_till(till)}
    assert codes == {
        replies[0].name: "",
        replies[1].name: "",
        "cut.to-till": "file_damaged",
        "pipe.to-till": "file_not_regular",
    }
    assert agree(till, hq)


def test_a_stick_that_takes_no_reply_loses_no_record_and_says_so(
    hq: Hq, till: RealTill, stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, name: str, _: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / name))

    sell(till, 0, 13)
    stick.from_till(till)
    with monkeypatch.context() as patch:
        patch.setattr(usb, "write_file", full)
        took = stick.at_hq(hq)
    assert [(one.became, one.code, one.replies) for one in took] == [("kept", "disk_full", ())] * 2
    assert hq.balances() == {"M1": 156}
    assert [one.became for one in stick.at_hq(hq)] == ["known", "known"]
    stick.to_till(till)
    assert agree(till, hq)


def test_a_stick_that_is_pulled_while_headquarters_reads_can_be_plugged_in_again(
    hq: Hq, till: RealTill, stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(till, 0, 21)
    stick.from_till(till)
    pulled = stick.folder.with_name("pulled")

    def pull(*_: object, **__: object) -> None:
        stick.folder.rename(pulled)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(usb, "write_file", pull)
        with pytest.raises(StickError) as gone:
            stick.at_hq(hq)
    assert gone.value.code == "stick_gone"
    pulled.rename(stick.folder)
    assert [one.became for one in stick.at_hq(hq)] == ["known", "known", "kept"]
    stick.to_till(till)
    assert agree(till, hq)


def test_a_dry_run_tells_the_same_and_changes_nothing(hq: Hq, till: RealTill, stick: Stick) -> None:
    sell(till, 0, 13)
    out = stick.from_till(till, dry_run=True)
    assert [one.records for one in out] == [10, 3]
    assert stick.files() == []
    stick.from_till(till)
    tried = [(took.file, took.became, took.new) for took in stick.at_hq(hq, dry_run=True)]
    assert (hq.balances(), stick.files(".to-till")) == ({}, [])
    assert [(took.file, took.became, took.new) for took in stick.at_hq(hq)] == tried
    backs = stick.to_till(till, dry_run=True)
    assert waiting(till) == 13
    assert stick.to_till(till) == backs
    assert [took.became for took in stick.at_hq(hq, dry_run=True)] == ["known", "known"]


def test_a_dry_run_names_the_gap(hq: Hq, till: RealTill, stick: Stick) -> None:
    sell(till, 0, 13)
    stick.from_till(till)
    stick.files()[0].unlink()
    assert [(took.became, took.code) for took in stick.at_hq(hq, dry_run=True)] == [("refused", "gap")]


def test_what_became_of_files_is_counted(hq: Hq, till: RealTill, stick: Stick) -> None:
    sell(till, 0, 13)
    stick.from_till(till)
    (stick.folder / "empty.to-hq").write_bytes(b"")
    stick.at_hq(hq)
    stick.at_hq(hq)
    assert hq.all("house.imported") == [("file_damaged", 2), ("kept", 2), ("known", 2)]
    (stick.folder / "empty.to-till").write_bytes(b"")
    stick.to_till(till)
    stick.to_till(till)
    assert exported.counted(till.conn) == [("file_damaged", 2), ("installed", 1), ("known", 3)]
