"""A technician with a stick: what is written, what is installed, and what is said of each file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.store.journal import hash_at
from edge_agent.sync import usb, usb_replies
from edge_agent.sync.usb import export
from edge_agent.sync.usb_replies import import_replies
from loyalty_core.envelope import peek, public_of, seal
from loyalty_core.key_statements import KeyStatement, seal_statement
from loyalty_core.messages import Acknowledgement, Exchange, Incarnation, Page, Refusal, Reply
from loyalty_core.stick import close_file, open_file, parse_file
from loyalty_core.wire import pack, unpack
from loyalty_shell.stick import write_file
from tests.edge.commands.desk import Desk
from tests.edge.made import HQ_KEY, LIFE, STORE_KEY, TERMINAL, HeldClock, member, purchase

OTHER_KEY = bytes(reversed(range(32)))
HQ_TIME_MS = 1_796_400_000_000


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def asked(stick: Path) -> Exchange:
    """Return the request that lies on a stick."""
    (file,) = stick.glob("*.to-hq")
    envelope = open_file(parse_file(file.read_bytes()), STORE_KEY)
    return unpack(peek(envelope, "dangol/exchange/1")[1], Exchange)


def answer(desk: Desk, stick: Path, name: str = "reply", key: bytes = HQ_KEY, **changed: Any) -> str:
    """Write headquarters' reply to the request on the stick; return its name."""
    request = asked(stick)
    conn = desk.open()
    head_hash = hash_at(conn, 1, request.head) or b""
    conn.close()
    held = Acknowledgement(TERMINAL, 1, 0, request.head, head_hash, LIFE)
    reply = Reply(
        nonce=request.nonce,
        incarnation=LIFE,
        hq_time_ms=HQ_TIME_MS,
        receipts=(seal("dangol/receipt/1", pack(held), key),) if head_hash else (),
        refusals=(),
        pages=(),
        programmes=(),
        answers=(),
        directives=(),
        next_in_ms=1000,
    )
    envelope = seal("dangol/reply/1", pack(msgspec.structs.replace(reply, **changed)), key)
    write(stick, name, envelope)
    return f"{name}.to-till"


def write(stick: Path, name: str, envelope: bytes, terminal: str = TERMINAL, key: bytes = STORE_KEY) -> None:
    (stick / f"{name}.to-till").write_bytes(close_file(envelope, terminal, key, b"s" * 32))


def test_what_waits_is_written_and_said_where_to_carry(desk: Desk, stick: Path) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1"), purchase("2")))
    first, last = desk.ok("export", str(stick)).splitlines()
    (file,) = stick.iterdir()
    assert first == f"{file.name}: 2 records, 1.1 to 1.2, 1 KiB"
    assert last == (
        f"2 records in 1 file. At headquarters: hq-server import {stick}. "
        f"Then here again: edge-agent import {stick}"
    )
    request = asked(stick)
    assert (request.terminal_id, request.head, len(request.batches)) == (TERMINAL, 2, 1)
    assert (request.asks, request.health.waiting) == ((), 2)


def test_a_till_with_nothing_to_hand_in_may_ask(desk: Desk, stick: Path) -> None:
    first, last = desk.ok("export", str(stick)).splitlines()
    assert "no record waits; it asks for what headquarters has" in first
    assert last.startswith("0 records in 1 file.")


def test_a_dry_run_of_an_export_writes_nothing(desk: Desk, stick: Path) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1")))
    first, last = desk.ok("export", "--dry-run", str(stick)).splitlines()
    assert "1 record, 1.1 to 1.1" in first
    assert last == "1 record in 1 file: nothing was written"
    assert list(stick.iterdir()) == []


def test_more_than_one_export_takes_is_left_for_the_next(
    desk: Desk, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.path.write_text('data_dir = "data"\n[sync]\nbatch_records = 1\nbatches = 1\n', "utf-8")
    desk.ok("take", desk.write("a.jsonl", purchase("1"), purchase("2"), purchase("3")))
    monkeypatch.setattr(usb, "EXPORTED_MAX", 2)
    lines = desk.ok("export", str(stick)).splitlines()
    assert len(lines) == 4
    assert lines[-1] == "1 record more wait: export again once headquarters has answered these"


def test_a_reply_is_installed_and_said_what_it_brought(desk: Desk, stick: Path) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1")))
    desk.ok("export", str(stick))
    name = answer(desk, stick, pages=(Page(3, 0, 1, (member(),)),))
    expected = f"{name}: headquarters holds all up to 1.1, 1 member\n"
    assert desk.ok("import", "--dry-run", str(stick)) == expected
    assert "1 waiting" in desk.ok("status")
    assert desk.ok("import", str(stick)) == expected
    said = desk.ok("status")
    assert said.startswith(
        "HQ has answered by stick at 2026-12-04T16:00:00Z, and never by line. Sales are safe."
    )
    assert "Nothing waiting" in said
    assert desk.ok("import", str(stick)) == f"{name}: nothing new\n"


def test_a_name_of_no_encoding_is_told_as_text(desk: Desk, stick: Path) -> None:
    (stick / os.fsdecode(b"\xff.to-till")).write_bytes(b"x")
    done = desk.call("import", str(stick), "--json")
    assert json.loads(done.stdout)["file"] == "\ufffd.to-till"


def test_json_is_one_object_a_file(desk: Desk, stick: Path) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1")))
    told = json.loads(desk.ok("export", "--json", str(stick)))
    assert (told["first"], told["last"], told["records"], told["waiting"]) == ([1, 1], [1, 1], 1, 0)
    answer(desk, stick)
    told = json.loads(desk.ok("import", "--json", str(stick)))
    assert (told["became"], told["acknowledged"], told["terminal"]) == ("installed", [[1, 1]], TERMINAL)


def test_what_headquarters_did_not_take_is_told_and_is_no_success(desk: Desk, stick: Path) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1")))
    desk.ok("export", str(stick))
    refusal = Refusal(1, 1, "gap", "records 1 to 7 are missing", 1)
    name = answer(desk, stick, receipts=(), refusals=(refusal,))
    result = desk.call("import", str(stick))
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        f"{name}: nothing new; headquarters did not take records from 1.1: records 1 to 7 are missing (gap)\n"
    )


def test_files_of_others_are_left_and_are_no_fault(desk: Desk, stick: Path) -> None:
    write(stick, "far", b"anything", "S099-T01", b"x" * 32)
    desk.ok("export", str(stick))
    request = asked(stick)
    answer(desk, stick, "near", nonce=b"another's nonce.")
    near = (stick / "near.to-till").read_bytes()
    envelope = open_file(parse_file(near), STORE_KEY)
    write(stick, "near", envelope, "S012-T09")
    assert request.nonce != b"another's nonce."
    assert desk.ok("import", str(stick)).splitlines() == [
        "far.to-till: for S099-T01, left for it",
        "near.to-till: for S012-T09, left for it",
    ]


def test_a_reply_to_what_this_till_never_asked_is_not_taken(desk: Desk, stick: Path) -> None:
    desk.ok("export", str(stick))
    name = answer(desk, stick, nonce=b"somebody's nonce", pages=(Page(3, 0, 1, (member(),)),))
    assert desk.ok("import", str(stick)) == (
        f"{name}: to a request that this till does not know, nothing taken\n"
    )
    assert "members       0" in desk.ok("status")


@pytest.mark.parametrize(("life", "waiting"), [(LIFE, "Nothing"), (Incarnation(0, b"older"), "1")])
def test_an_acknowledgement_to_what_was_never_asked_is_taken_of_the_life_that_is_known(
    desk: Desk, stick: Path, life: Incarnation, waiting: str
) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1")))
    desk.ok("export", str(stick))
    answer(desk, stick, nonce=b"somebody's nonce", incarnation=life)
    desk.ok("import", str(stick))
    assert f"{waiting} waiting" in desk.ok("status")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda desk, stick: answer(desk, stick, key=OTHER_KEY), "hq_wrong_key"),
        (lambda desk, stick: answer(desk, stick, key=OTHER_KEY, receipts=()), "hq_wrong_key"),
        (lambda desk, stick: write(stick, "reply", b"anything"), "hq_nonsense"),
        (lambda desk, stick: write(stick, "reply", b"anything", TERMINAL, OTHER_KEY), "file_damaged"),
        (lambda desk, stick: (stick / "reply.to-till").write_bytes(b""), "file_damaged"),
        (lambda desk, stick: (stick / "reply.to-till").mkdir(), "file_not_regular"),
        (lambda desk, stick: answer(desk, stick, incarnation=Incarnation(0, b"older")), "hq_older"),
    ],
)
def test_a_reply_that_cannot_be_believed_changes_nothing(
    desk: Desk, stick: Path, spoil: Any, code: str
) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1")))
    desk.ok("export", str(stick))
    spoil(desk, stick)
    result = desk.call("import", str(stick))
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.startswith("reply.to-till: refused, ")
    assert result.stdout.endswith(f"({code})\n")
    assert "1 waiting" in desk.ok("status")


@pytest.mark.parametrize("at_once", [True, False])
def test_an_old_reply_by_a_key_that_is_believed_no_more_is_called_old(
    desk: Desk, stick: Path, at_once: bool
) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1")))
    desk.ok("export", str(stick))
    old = answer(desk, stick, "old", hq_time_ms=HQ_TIME_MS - 1)
    kept = (stick / old).read_bytes()
    if not at_once:
        (stick / old).unlink()
    statement = seal_statement(KeyStatement("server", 2, public_of(OTHER_KEY), HQ_TIME_MS), HQ_KEY, OTHER_KEY)
    answer(desk, stick, "new", receipts=(), keys=(statement,), hq_time_ms=HQ_TIME_MS + 1)
    told = desk.call("import", str(stick)).stdout
    assert "new.to-till: installed" in told
    if not at_once:
        (stick / old).write_bytes(kept)
        told = desk.call("import", str(stick)).stdout
    (line,) = [one for one in told.splitlines() if one.startswith(old)]
    assert line.startswith(
        f"{old}: refused, it is an old file, signed by a key of HQ's that this till believes no"
    )
    assert line.endswith("(hq_key_old)")
    assert "1 waiting" in desk.ok("status")


@pytest.mark.parametrize("command", ["export", "import"])
def test_a_folder_that_is_not_there_is_one_sentence(desk: Desk, command: str) -> None:
    assert "(folder_unreadable)" in desk.refused(command, str(desk.folder / "none"))
    desk.refused(command, str(desk.path))
    assert desk.call(command).exit_code == 2


def test_a_stick_without_replies_says_so(desk: Desk, stick: Path) -> None:
    assert "(nothing_to_import)" in desk.refused("import", str(stick))


@pytest.mark.parametrize("command", ["export", "import"])
def test_a_till_that_has_not_joined_has_nothing_to_carry(tmp_path: Path, stick: Path, command: str) -> None:
    desk = Desk(tmp_path)
    desk.open().close()
    (stick / "a.to-till").write_bytes(b"")
    assert "(not_enrolled)" in desk.refused(command, str(stick))


def test_a_stick_that_is_full_keeps_the_files_that_were_told_of(
    desk: Desk, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.path.write_text('data_dir = "data"\n[sync]\nbatch_records = 1\nbatches = 1\n', "utf-8")
    desk.ok("take", desk.write("a.jsonl", purchase("1"), purchase("2")))

    def full(folder: Path, name: str, data: bytes) -> None:
        if list(folder.iterdir()):
            raise OSError(28, "No space left on device", str(folder / name))
        write_file(folder, name, data)

    monkeypatch.setattr(usb, "write_file", full)
    result = desk.call("export", str(stick))
    (file,) = stick.iterdir()
    assert (result.exit_code, result.stdout) == (1, f"{file.name}: 1 record, 1.1 to 1.1, 1 KiB\n")
    assert "error (disk_full)" in result.stderr


def test_both_ways_give_way_to_the_agent_and_an_export_holds_no_lock_that_a_sale_would_wait_for(
    desk: Desk, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.path.write_text('data_dir = "data"\n[sync]\nbatch_records = 1\nbatches = 1\n', "utf-8")
    desk.ok("take", desk.write("a.jsonl", purchase("1"), purchase("2")))
    given: list[int] = []
    for module in (usb, usb_replies):
        monkeypatch.setattr(module, "give_way", lambda _: given.append(1))
    config = Desk(desk.folder, "[sync]\nbatch_records = 1\nbatches = 1\n").config
    conn = desk.open()
    conn.execute("PRAGMA busy_timeout=0")
    for _ in export(config, HeldClock(), stick, dry_run=False):
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("ROLLBACK")
    assert len(given) == 2
    for file in sorted(stick.glob("*.to-hq"))[:1]:
        file.unlink()
    answer(desk, stick)
    for _ in import_replies(config, stick, dry_run=False):
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("ROLLBACK")
    assert len(given) == 4
    conn.close()
