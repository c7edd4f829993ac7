"""A stick is what it is: full, pulled, with other things on it; dry runs, and what is counted."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edge_agent.store import exported
from hq_server import usb
from loyalty_shell.stick import StickError
from tests.hq.conftest import Hq
from tests.hq.real_till import RealTill
from tests.hq.sticks import Stick
from tests.hq.usb.carrying import agree, sell, waiting


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
