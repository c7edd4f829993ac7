"""What was printed is kept as files, whole or marked, bounded; never at the cost of what is being printed."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.printer import spool
from edge_agent.printer.aside import JOBS_MAX, Aside
from edge_agent.printer.spool import Spool, SpoolFull, is_cut_short, printer_of
from edge_agent.printer.state import FOLDER, read_state
from tests.edge.printer.room import RECEIPT, Room, fill, reset

STATUS = b"\x10\x04\x01"
AT_MS = 1_795_432_480_123


def print_one(room: Room, data: bytes = RECEIPT) -> None:
    """Print something on a connection of its own."""
    till, printer = room.pair()
    till.send(data)
    assert room.read(printer, len(data)) == data
    till.close()
    room.end_of(printer)
    printer.close()
    room.until(lambda: room.relay.tally.connections_open == 0)


# Where one ends


def test_a_connection_is_a_copy(room: Room) -> None:
    print_one(room)
    print_one(room, b"second")
    copies = room.copies()
    assert list(copies.values()) == [RECEIPT, b"second"]
    assert all(re.fullmatch(r"front-\d{8}T\d{9}Z-00000[12]\.escpos", name) for name in copies)
    assert {oct(path.stat().st_mode) for path in (room.data_dir / FOLDER).glob("*.escpos")} == {"0o100600"}
    assert oct((room.data_dir / FOLDER).stat().st_mode) == "0o40700"
    assert (room.relay.tally.copies, room.relay.tally.copies_lost) == (2, 0)


def test_silence_ends_a_copy_on_a_connection_that_stays(room: Room) -> None:
    till, printer = room.pair()
    for data in (b"first half, ", b"second half"):
        till.send(data)
        room.read(printer, len(data))
        room.go_on(1.9)
        assert room.copies() == {}
    room.go_on(0.2)
    till.send(b"another")
    room.read(printer, 7)
    till.close()
    room.end_of(printer)
    printer.close()
    room.settle()
    assert list(room.copies().values()) == [b"first half, second half", b"another"]
    assert not any(is_cut_short(name) for name in room.copies())


def test_there_is_no_silence_while_the_printer_has_not_taken_all(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(copy_bytes_max=16 * 2**20)
    till, printer = room.pair()
    sent = fill(till, room)
    room.go_on(5)
    assert room.copies() == {}
    room.read(printer, len(sent))
    room.go_on(5)
    assert b"".join(room.copies().values()) == sent


@pytest.mark.parametrize(
    "asked",
    [
        STATUS,
        b"\x10\x04\x07\x01",
        b"\x10\x05\x01",
        b"\x1dr\x01",
        b"\x1da\xff",
        b"\x1dI\x43",
        b"\x1bv\n",
        b"\x1b@",
    ],
)
def test_a_till_that_only_asks_how_the_printer_does_leaves_no_copy(room: Room, asked: bytes) -> None:
    till, printer = room.pair()
    for _ in range(5):
        till.send(asked)
        assert room.read(printer, len(asked)) == asked
        printer.send(b"\x16")
        room.read(till, 1)
        room.go_on(1)
    till.close()
    room.end_of(printer)
    printer.close()
    room.until(lambda: room.relay.tally.connections_open == 0)
    assert room.copies() == {}


def test_a_till_that_asks_each_second_does_not_lengthen_a_copy(room: Room) -> None:
    till, printer = room.pair()
    till.send(RECEIPT)
    room.read(printer, len(RECEIPT))
    for _ in range(3):
        room.go_on(1)
        till.send(STATUS)
        room.read(printer, 3)
    (copy,) = room.copies().values()
    assert copy.startswith(RECEIPT)
    assert copy.removeprefix(RECEIPT) in (STATUS, STATUS * 2)


def test_a_question_that_comes_in_pieces_is_one_all_the_same(room: Room) -> None:
    till, printer = room.pair()

    def ask() -> None:
        for place in range(len(STATUS)):
            till.send(STATUS[place : place + 1])
            room.read(printer, 1)

    ask()
    room.go_on(2.1)
    assert room.copies() == {}
    till.send(RECEIPT)
    room.read(printer, len(RECEIPT))
    for _ in range(3):
        room.go_on(1)
        ask()
    (copy,) = room.copies().values()
    assert copy.removeprefix(RECEIPT) in (STATUS, STATUS * 2)


@pytest.mark.parametrize(
    "pieces", [(b"\x1b", b"a\x01TOTAL"), (b"\x10\x04", b"\x07", b"\x01TOTAL"), (b"\x1b",)]
)
def test_what_begins_like_a_question_and_is_none_is_in_the_copy(
    room: Room, pieces: tuple[bytes, ...]
) -> None:
    till, printer = room.pair()
    for data in pieces:
        till.send(data)
        room.read(printer, len(data))
    till.close()
    room.end_of(printer)
    printer.close()
    room.until(lambda: room.relay.tally.connections_open == 0)
    assert list(room.copies().values()) == [b"".join(pieces)]


def test_what_looks_like_a_question_within_a_picture_is_kept(room: Room) -> None:
    till, printer = room.pair()
    for data in (b"\x1dv0\x00\x01\x00\x03\x00", STATUS, b"!"):
        till.send(data)
        room.read(printer, len(data))
    room.go_on(2.1)
    assert list(room.copies().values()) == [b"\x1dv0\x00\x01\x00\x03\x00" + STATUS + b"!"]


# What is not whole


def test_a_copy_is_marked_when_the_printer_went_away_in_the_middle(room: Room) -> None:
    till, printer = room.pair()
    till.send(RECEIPT[:10])
    room.read(printer, 10)
    reset(printer)
    room.end_of(till)
    ((name, data),) = room.copies().items()
    assert (data, is_cut_short(name), printer_of(name)) == (RECEIPT[:10], True, "front")
    print_one(room)
    assert [is_cut_short(name) for name in room.copies()] == [True, False]


def test_a_printer_that_breaks_off_after_the_tills_end_has_printed_all(room: Room) -> None:
    till, printer = room.pair()
    till.send(RECEIPT)
    till.close()
    assert room.end_of(printer) == (RECEIPT, "closed")
    reset(printer)
    room.until(lambda: room.relay.tally.connections_open == 0)
    assert [is_cut_short(name) for name in room.copies()] == [False]


def test_of_what_is_too_large_the_beginning_is_kept_and_marked(make_room: Callable[..., Room]) -> None:
    room = make_room(copy_bytes_max=65536)
    till, printer = room.pair()
    for _ in range(40):
        till.send(b"x" * 4096)
        room.read(printer, 4096)
    room.go_on(2.1)
    ((name, data),) = room.copies().items()
    assert (0 < len(data) <= 65536, is_cut_short(name)) == (True, True)
    assert room.relay.tally.last_lost[1] == "copy_too_large"
    till.send(RECEIPT)
    room.read(printer, len(RECEIPT))
    room.go_on(2.1)
    assert [is_cut_short(name) for name in room.copies()] == [True, False]


# What the disk does not take


def test_a_disk_that_answers_nothing_costs_copies_and_no_paper(
    make_room: Callable[..., Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room()
    monkeypatch.setattr(room.aside, "_bytes_max", 3 * len(RECEIPT))
    disk = threading.Event()
    room.hold_disk(disk)
    for _ in range(5):
        print_one(room)
    assert (room.relay.tally.copies_lost, room.relay.tally.last_lost[1]) == (2, "disk_slow")
    disk.set()
    assert len(room.copies()) == 3
    for _ in range(3):
        print_one(room)
    assert len(room.copies()) == 6


def test_no_more_waits_for_a_disk_than_is_allowed() -> None:
    aside, disk = Aside(bytes_max=10), threading.Event()
    begun = threading.Event()

    def stand_still() -> None:
        begun.set()
        disk.wait()

    aside.do(stand_still)
    assert begun.wait(30)
    assert aside.do(lambda: None, 10)
    assert not aside.do(lambda: None, 1)
    assert sum(aside.do(lambda: None) for _ in range(JOBS_MAX)) == JOBS_MAX - 2
    disk.set()
    assert aside.close(30)


def test_a_job_that_fails_is_not_the_end_of_the_others() -> None:
    aside, done = Aside(), threading.Event()
    aside.do(lambda: print(1 // 0))
    aside.do(done.set)
    assert done.wait(30)
    assert aside.close(30)


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk_full"), (errno.EROFS, "disk_read_only"), (errno.EIO, "disk_failed")],
)
def test_a_disk_that_refuses_costs_the_copy_and_leaves_nothing_behind(
    room: Room, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    room.written()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        print_one(room)
        room.written()
    assert (room.relay.tally.copies_lost, room.relay.tally.last_lost[1]) == (1, code)
    assert [path.name for path in (room.data_dir / FOLDER).iterdir()] == ["front.state"]
    print_one(room)
    assert list(room.copies().values()) == [RECEIPT]


def test_a_folder_that_somebody_removes_is_made_again(room: Room) -> None:
    print_one(room)
    room.written()
    shutil.rmtree(room.data_dir / FOLDER)
    print_one(room)
    assert len(room.copies()) == 1


def test_without_the_agents_folder_it_prints_all_the_same(tmp_path: Path) -> None:
    room = Room(tmp_path / "not there")
    print_one(room)
    room.written()
    assert (room.relay.tally.copies_lost, room.relay.tally.last_lost[1]) == (1, "disk_failed")
    room.close()


def test_a_spool_that_nobody_empties_has_an_end(tmp_path: Path) -> None:
    kept = Spool(tmp_path / FOLDER, "front", files_max=3, bytes_max=100)
    others = Spool(tmp_path / FOLDER, "front-2", files_max=3, bytes_max=100)
    others.write(b"x" * 50, AT_MS, is_whole=True)
    paths = [kept.write(b"x" * 30, AT_MS, is_whole=True) for _ in range(3)]
    with pytest.raises(SpoolFull):
        kept.write(b"x", AT_MS, is_whole=True)
    paths[0].unlink()
    with pytest.raises(SpoolFull):
        kept.write(b"x" * 41, AT_MS, is_whole=True)
    kept.write(b"x" * 40, AT_MS, is_whole=True)
    again = Spool(tmp_path / FOLDER, "front", files_max=3, bytes_max=1000)
    with pytest.raises(SpoolFull):
        again.write(b"x", AT_MS, is_whole=True)


def test_a_copy_that_the_agent_takes_while_room_is_looked_for_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Spool(tmp_path / FOLDER, "front", files_max=3, bytes_max=100)
    paths = [kept.write(b"x", AT_MS, is_whole=True) for _ in range(3)]

    def taken(name: str) -> str | None:
        for path in paths:
            path.unlink(missing_ok=True)
        return printer_of(name)

    monkeypatch.setattr(spool, "printer_of", taken)
    assert kept.write(b"y", AT_MS, is_whole=True).read_bytes() == b"y"


def test_no_copy_replaces_another_and_names_are_in_order(tmp_path: Path) -> None:
    written = []
    for start in range(2):  # Of a machine that has no clock.
        one = Spool(tmp_path / FOLDER, "front", files_max=10, bytes_max=100)
        written += [one.write(bytes([start, n]), AT_MS, is_whole=n == 0) for n in range(2)]
    assert [path.read_bytes() for path in written] == [b"\0\0", b"\0\1", b"\1\0", b"\1\1"]
    assert [path.name for path in sorted(written)] == [path.name for path in written]
    assert written[0].name == "front-20261123T111440123Z-000001.escpos"
    assert written[1].name == "front-20261123T111440123Z-000002.part.escpos"
    assert [printer_of(name) for name in ("front.state", "x.escpos", written[3].name)] == [
        None,
        None,
        "front",
    ]


# What is told


def test_the_state_tells_what_a_technician_asks(room: Room) -> None:
    print_one(room)
    room.go_on(11, step=0.5)
    room.written()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for code in ("printer_gone", "printer_unreachable"):
        room.relay.tally.failed(code)
        room.relay.tell()
        room.go_on(11, step=0.5)
        room.written()
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208
    state, runs = read_state(room.data_dir, "front")
    assert state is not None
    assert state.last_error_code == "printer_unreachable"
    assert (runs, state.copies, state.copies_lost, state.bytes_printed) == (True, 1, 0, len(RECEIPT))
    assert state.listen == f"tcp://127.0.0.1:{room.relay.port}"
    text = (room.data_dir / FOLDER / "front.state").read_text()
    assert json.loads(text)["connections"] == 1
    assert (room.data_dir / FOLDER / "front.state").stat().st_mode & 0o777 == 0o600


def test_a_process_that_has_ended_is_known_by_that(tmp_path: Path) -> None:
    assert read_state(tmp_path, "front") == (None, False)
    room = Room(tmp_path)
    room.written()
    assert read_state(tmp_path, "front")[1] is True
    room.close()
    room.relay._state.close()
    state, runs = read_state(tmp_path, "front")
    assert (state is not None, runs) == (True, False)
    (tmp_path / FOLDER / "front.state").write_text("{")
    assert read_state(tmp_path, "front") == (None, False)


def test_a_state_that_somebody_removes_is_there_again(room: Room) -> None:
    room.go_on(11, step=0.5)
    room.written()
    shutil.rmtree(room.data_dir / FOLDER)
    assert read_state(room.data_dir, "front") == (None, False)
    room.relay.tell()
    room.written()
    assert read_state(room.data_dir, "front")[1] is True
