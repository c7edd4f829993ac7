"""Copied and set back disks whose tills have nothing but a stick, and files in another's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.store import terminal
from edge_agent.usb_words import imported_line
from hq_server import usb_requests
from loyalty_core.envelope import peek, seal
from loyalty_core.stick import close_file, open_file, parse_file
from tests.edge.made import CARD, NOW, at
from tests.hq.conftest import Hq
from tests.hq.copied_till import CopiedTill
from tests.hq.sticks import Stick

ROUNDS_MAX = 6
"""More often nobody should have to carry a stick until both agree."""


@pytest.fixture
def till(hq: Hq, tmp_path: Path) -> CopiedTill:
    hq.clock.now = at(NOW)
    hq.members(f"member_id,lookups,name,phone,home_store\nM1,{CARD},홍길동,,S012\n")
    (tmp_path / "till").mkdir()
    return CopiedTill(tmp_path / "till", hq)


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path / "stick")


def rounds(till: CopiedTill, hq: Hq, stick: Stick) -> list[str]:
    """Carry the stick until the till has nothing more to hand in and shows what headquarters holds.

    Return what its technician is told.
    """
    said = []
    for _ in range(ROUNDS_MAX):
        hq.clock.now += 1
        said += [imported_line(one) for one in stick.round(till, hq)]
        if not till.waiting and till.balance() == hq.balances()["M1"]:
            return said
    raise AssertionError("they do not agree")


def test_a_till_that_was_set_back_finds_its_new_epoch_by_stick_alone(
    hq: Hq, till: CopiedTill, stick: Stick, tmp_path: Path
) -> None:
    till.sell(1, 2, 3)
    image = till.image(tmp_path / "image")
    till.sell(4, 5)
    stick.round(till, hq)
    back = till.set_back(image, tmp_path / "back")
    back.sell(6)
    assert back.epoch == 1
    said = rounds(back, hq, stick)
    assert [
        line.endswith("set back or copied, and this till goes on in epoch 2")
        for line in said
        if "epoch" in line
    ] == [True]
    back.sell(7)
    assert "epoch" not in "".join(rounds(back, hq, stick))
    assert back.epoch == 2
    assert hq.balances() == {"M1": 7 * 12}
    assert {kind for kind, _ in hq.exceptions()} <= {"fork", "journal_behind"}
    back.close()


def test_a_copied_disk_and_its_original_hand_in_by_one_stick_and_both_show_all_of_it_once(
    hq: Hq, till: CopiedTill, stick: Stick, tmp_path: Path
) -> None:
    till.sell(1, 2, 3)
    stick.round(till, hq)
    copy = till.clone(tmp_path / "copy")
    till.sell(4, 5)
    copy.sell(6, 7, 8)
    for _ in range(ROUNDS_MAX):
        for one in (till, copy):
            stick.from_till(one)
        hq.clock.now += 1
        stick.at_hq(hq)
        for one in (till, copy):
            stick.to_till(one)
    assert (till.waiting, copy.waiting) == (0, 0)
    assert hq.balances() == {"M1": 8 * 12}
    assert (till.balance(), copy.balance()) == (8 * 12, 8 * 12)
    assert 2 in (till.epoch, copy.epoch)
    copy.close()


def test_of_more_machines_than_may_be_with_one_disk_the_first_hear_of_members_with_their_next_request(
    hq: Hq, till: CopiedTill, stick: Stick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usb_requests, "MACHINES_MAX", 2)
    machines = [till, till.clone(tmp_path / "second"), till.clone(tmp_path / "third")]
    for number, one in enumerate(machines):
        one.sell(number)
        stick.from_till(one)
    assert [took.members for took in stick.at_hq(hq)] == [0, 1, 1]
    for one in machines[1:]:
        one.close()


def test_a_till_that_writes_in_anothers_name_is_refused_by_its_signature(
    hq: Hq, till: CopiedTill, stick: Stick, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = CopiedTill(tmp_path / "other", hq)
    other.sell(1)
    (told,) = stick.from_till(other)
    written = parse_file((stick.folder / told.file).read_bytes())
    store_key = terminal.read(other.conn).store_key
    envelope = open_file(written, store_key)
    forged = seal("dangol/exchange/1", peek(envelope, "dangol/exchange/1")[1], till.key)
    data = close_file(forged, other.terminal_id, store_key, b"s" * 32)
    (stick.folder / told.file).write_bytes(data)
    (took,) = stick.at_hq(hq)
    assert (took.became, took.code) == ("refused", "terminal_unknown")
    assert hq.balances() == {}
    other.close()


def test_an_old_stick_that_comes_late_says_nothing_of_how_the_till_does(
    hq: Hq, till: CopiedTill, stick: Stick
) -> None:
    till.sell(1)
    stick.from_till(till)
    old = {file.name: file.read_bytes() for file in stick.folder.glob("*.to-hq")}
    stick.round(till, hq)
    hq.clock.now += 1
    stick.round(till, hq)
    before = hq.sql("SELECT seen_at_ms, waiting FROM terminals")
    assert before == [(hq.clock.now, 0)]
    for file in stick.folder.iterdir():
        file.unlink()
    for name, data in old.items():
        (stick.folder / name).write_bytes(data)
    hq.clock.now += 60_000
    assert [took.became for took in stick.at_hq(hq)] == ["known"]
    assert hq.sql("SELECT seen_at_ms, waiting FROM terminals") == before
