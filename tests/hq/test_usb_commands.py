"""A clerk at headquarters with a stick: what is typed, what is read, and how it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hq_server.usb import PAUSE_S
from tests.edge.made import CARD, NOW, at, purchase
from tests.hq.conftest import Hq, database_line
from tests.hq.real_till import RealTill
from tests.hq.sticks import Stick
from tests.hq.test_cli import Shell, shell

__all__ = ["shell"]


@pytest.fixture
def stick(hq: Hq, tmp_path: Path) -> Stick:
    """A stick with two sales of a till."""
    hq.clock.now = at(NOW)
    hq.members(f"member_id,lookups,name,phone,home_store\nM1,{CARD},홍길동,,S012\n")
    (tmp_path / "till").mkdir()
    till, stick = RealTill(tmp_path / "till", hq), Stick(tmp_path / "stick")
    till.record(purchase("1"))
    till.record(purchase("2"))
    stick.from_till(till)
    till.close()
    return stick


def in_english(hq: Hq) -> None:
    hq.config_path.write_text(f'data_dir = "data"\nlanguage = "en"\n{database_line(hq.url)}', "utf-8")


def test_a_clerk_reads_whose_a_file_is_what_was_new_and_where_to_carry_the_stick(
    hq: Hq, shell: Shell, stick: Stick
) -> None:
    in_english(hq)
    (file,) = stick.files()
    folder = str(stick.folder)
    status, out, err = shell.run("import", "--dry-run", folder)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"{file.name}: S012-T01 1.1-1.2: 2 records would be new",
        "1 file, 2 records new: a dry run, nothing was changed.",
    ]
    assert hq.balances() == {}
    status, out, err = shell.run("import", folder)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"{file.name}: S012-T01 1.1-1.2: 2 records new, answered in 1 file (1 member)",
        "1 file, 2 records new.",
        f"Next, at each till: edge-agent import {folder}",
    ]
    assert hq.balances() == {"M1": 24}
    assert shell.run("import", folder)[1].splitlines()[0] == (
        f"{file.name}: S012-T01 1.1-1.2: known already, answered in 1 file (1 member)"
    )


def test_in_korean(shell: Shell, stick: Stick) -> None:
    (file,) = stick.files()
    assert shell.run("import", str(stick.folder))[1].splitlines() == [
        f"{file.name}: S012-T01 1.1-1.2: 새 기록 2건, 답장 1개(회원 1명)",
        "파일 1개, 새 기록 2건을 받았습니다.",
        f"다음: 매장에서 edge-agent import {stick.folder}",
    ]


def test_a_name_of_no_encoding_is_told_as_text(hq: Hq, shell: Shell, stick: Stick) -> None:
    (file,) = stick.files()
    file.rename(stick.folder / os.fsdecode(b"\xff\xfe.to-hq"))
    told = shell.json("import", str(stick.folder))
    assert [(one["file"], one["replies"]) for one in told["files"]] == [
        ("\ufffd\ufffd.to-hq", ["\ufffd\ufffd.to-till"])
    ]
    assert hq.balances() == {"M1": 24}


def test_json_is_one_value(shell: Shell, stick: Stick) -> None:
    told = shell.json("import", str(stick.folder))
    assert (told["new"], told["refused"]) == (2, 0)
    (file,) = told["files"]
    assert (file["became"], file["first"], file["last"], file["members"]) == ("kept", [1, 1], [1, 2], 1)


def test_what_was_not_taken_is_no_success_and_the_rest_is_taken(hq: Hq, shell: Shell, stick: Stick) -> None:
    in_english(hq)
    (stick.folder / "a\x1b[2J.to-hq").write_bytes(b"nonsense")
    status, out, err = shell.run("import", str(stick.folder))
    assert (status, hq.balances()) == (1, {"M1": 24})
    assert out.splitlines()[0] == (
        "a?[2J.to-hq: refused, it is cut short, changed, or of another chain: have it written again "
        "(file_damaged)"
    )
    assert err.startswith("error (files_refused): 1 of 2 files were not taken whole")
    told = shell.run("import", "--json", str(stick.folder))
    assert told[0] == 1


@pytest.mark.parametrize(("place", "code"), [("none", "folder_unreadable"), ("", "nothing_to_import")])
def test_a_folder_without_files_is_one_sentence(shell: Shell, tmp_path: Path, place: str, code: str) -> None:
    assert shell.refused("import", str(tmp_path / place)) == code


def test_a_folder_must_be_named(shell: Shell) -> None:
    assert shell.run("import")[0] == 2


@pytest.mark.parametrize("serves", [True, False])
def test_a_server_that_runs_is_let_have_its_turn(
    hq: Hq, shell: Shell, stick: Stick, monkeypatch: pytest.MonkeyPatch, serves: bool
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("hq_server.usb.asyncio.sleep", pause)
    if serves:
        hq.config.address_path.write_text("http://127.0.0.1:1\n")
    shell.json("import", str(stick.folder))
    assert max(pauses) == (PAUSE_S if serves else 0)
