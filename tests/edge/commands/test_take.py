"""Receipts that are handed in by hand: what each became, beside the agent and on trial."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from edge_agent import take
from edge_agent.store.database import StoreError, wal_bytes
from edge_agent.store.turn import give_way
from edge_agent.take import take_file
from tests.edge.commands.desk import Desk
from tests.edge.made import HeldClock, purchase


def test_take_shows_what_each_receipt_became(desk: Desk) -> None:
    file = desk.write("a.jsonl", purchase("1"), purchase("1"), purchase("2", net_minor=-1))
    result = desk.call("take", file)
    assert result.exit_code == 1, "something was refused"
    first, second, third = result.stdout.splitlines()
    assert first == "a.jsonl line 1: recorded as S012-T03.1.1, 12 points"
    assert second == "a.jsonl line 2: repeated as S012-T03.1.1, 12 points"
    assert third.startswith("a.jsonl line 3: refused, net_minor -1 is impossible")
    assert third.endswith("(amount_impossible)")
    assert desk.count() == 1
    assert "1 set aside" in desk.ok("status")


def test_take_in_json_is_one_object_a_receipt(desk: Desk) -> None:
    lines = desk.ok("take", "--json", desk.write("a.jsonl", purchase("1"), purchase("2"))).splitlines()
    assert [json.loads(line)["became"] for line in lines] == ["recorded", "recorded"]
    assert json.loads(lines[0])["points"] == {"redeemable": 12, "qualifying": 12}


def test_a_dry_run_shows_the_same_and_records_nothing(desk: Desk) -> None:
    file = desk.write("a.jsonl", purchase("1"), purchase("1"), purchase("2", net_minor=-1))
    dry = desk.call("take", "--dry-run", file)
    assert desk.count() == 0
    assert "quarantine    empty" in desk.ok("status")
    wet = desk.call("take", file)
    plain = [line.partition(" (purchase ")[0] for line in dry.stdout.splitlines()]
    assert (plain, dry.exit_code) == (wet.stdout.splitlines(), wet.exit_code)


def test_a_dry_run_shows_what_each_row_is_read_as_to_check_a_mapping_by(desk: Desk) -> None:
    first = desk.ok("take", "--dry-run", desk.write("a.jsonl", purchase("1"))).splitlines()[0]
    assert first == (
        "a.jsonl line 1: recorded as S012-T03.1.1, 12 points (purchase S012/T03/2026-11-20/1,"
        " 2026-11-20T10:31:00+09:00, member ...82, 12990 KRW, 0 lines)"
    )
    table = desk.folder / "a.csv"
    table.write_bytes(
        "제목\nstore;till;number;occurred_at;net_minor\nS012;T03;2;2026-11-20;x\n".encode("cp949")
    )
    how, refused = desk.call("take", "--dry-run", str(table)).stdout.splitlines()
    assert how == 'a.csv line 2: passed over: header, read as cp949, parted by ";", with the header in line 2'
    assert refused.startswith("a.csv line 3: refused")


@pytest.mark.parametrize(
    ("name", "code"), [("none.jsonl", "file_unreadable"), ("a.xlsx", "file_kind_unknown")]
)
def test_a_file_that_cannot_be_taken_is_one_sentence(desk: Desk, name: str, code: str) -> None:
    assert f"({code})" in desk.refused("take", str(desk.folder / name))


def test_of_several_files_the_others_are_taken_where_one_cannot_be_read(desk: Desk) -> None:
    wrong = desk.folder / "a.xml"
    wrong.write_text("<a/>")
    result = desk.call("take", str(wrong), desk.write("b.jsonl", purchase("1")))
    assert result.exit_code == 1
    assert result.stdout.startswith("b.jsonl line 1: recorded")
    assert result.stderr.startswith("error (poslog_missing): a.xml: there is no transaction in it")


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_pipe_is_no_receipt_file_and_is_not_waited_for(desk: Desk, words: tuple[str, ...]) -> None:
    os.mkfifo(desk.folder / "a.jsonl")
    # A writer that never writes: opening the pipe to read it would not block, reading would.
    writer = os.open(desk.folder / "a.jsonl", os.O_RDWR)
    try:
        sentence = desk.refused("take", *words, str(desk.folder / "a.jsonl"))
    finally:
        os.close(writer)
    assert "(file_unreadable)" in sentence
    assert "no regular file" in sentence


def test_a_long_file_that_is_handed_in_does_not_grow_the_log_of_writes_without_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take, "CHECKPOINT_BYTES", 500_000)
    file = Path(desk.write("a.jsonl", *[purchase(str(n), member=f"8801{n:012}") for n in range(600)]))
    longest = max(
        wal_bytes(desk.config.database) for _ in take_file(desk.config, HeldClock(), file, dry_run=False)
    )
    assert desk.count() == 600
    assert longest < 1_000_000


def test_control_codes_of_a_receipt_do_not_reach_the_terminal(desk: Desk) -> None:
    file = desk.folder / "a\x1b\x07.jsonl"
    file.write_text(json.dumps(purchase(occurred_at="\x1b[2J\x07")) + "\nraw \x1b[2J\n")
    desk.call("take", str(file))
    for printed in (desk.call("take", str(file)).stdout, desk.ok("quarantine")):
        assert "\x1b" not in printed
        assert "\x07" not in printed


def test_a_dry_run_holds_no_lock_that_a_sale_would_wait_for(desk: Desk) -> None:
    file = Path(desk.write("a.jsonl", *[purchase(str(n), member=f"M{n}") for n in range(120)]))
    conn = desk.open()
    conn.execute("PRAGMA busy_timeout=0")
    became = take_file(desk.config, HeldClock(), file, dry_run=True)
    for n in range(120):
        assert next(became)["event"] == f"S012-T03.1.{n + 1}"
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("ROLLBACK")
    assert list(became) == []
    conn.close()
    assert sorted(path.name for path in desk.config.data_dir.iterdir() if path.is_dir()) == []


def test_a_dry_run_does_not_fill_the_disk(desk: Desk) -> None:
    config = msgspec.structs.replace(desk.config, disk_free_bytes_min=2**62)
    file = Path(desk.write("a.jsonl", purchase()))
    with pytest.raises(StoreError) as refused:
        list(take_file(config, HeldClock(), file, dry_run=True))
    assert refused.value.code == "disk_low"


def test_taking_by_hand_gives_way_to_the_agent_before_each_chunk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr("edge_agent.take.give_way", lambda database: given.append(desk.count()))
    file = Path(desk.write("a.jsonl", *[purchase(str(n), member=f"M{n}") for n in range(120)]))
    assert len(list(take_file(desk.config, HeldClock(), file, dry_run=False))) == 120
    assert given == [0, 50, 100]


def test_taking_by_hand_waits_for_no_agent_where_none_has_run(desk: Desk) -> None:
    give_way(desk.config.database)
    assert not [path for path in desk.config.data_dir.iterdir() if path.name.endswith("-turn")]
