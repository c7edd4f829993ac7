"""The same stick twice, files in the wrong order, and files of another till or chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.store import exported, programmes
from tests.edge.made import purchase
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.real_till import RealTill
from tests.hq.sticks import Stick
from tests.hq.usb.carrying import MakeTill, agree, sell, waiting


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
    hq.sql("UPDATE stores SET look_up_key = x'" + "00" * 32 + "'")
    assert [(took.became, took.code) for took in stick.at_hq(hq)] == [("refused", "file_damaged")]
    hq.sql("DELETE FROM terminals")
    assert [(took.became, took.code) for took in stick.at_hq(hq)] == [("refused", "terminal_unknown")]
    assert stick.files(".to-till") == []
    assert hq.sql("SELECT count(*) FROM batches") == [(0,)]
