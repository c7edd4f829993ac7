"""Every byte goes to the printer first and unchanged, its answers back, and each side sees the other end."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

import pytest

from edge_agent.printer.endpoints import Tcp
from edge_agent.printer.ends import BYTES, KERNEL_BYTES, Socket
from edge_agent.printer.loop import READABLE, Loop
from edge_agent.printer.passing import DRAIN_S, HALF_OPEN_S, Passage
from edge_agent.printer.relay import RETRY_S
from tests.edge.printer.room import RECEIPT, Room, fill, reset

ALL_BYTES = bytes(range(256))


def stingy(room: Room, monkeypatch: pytest.MonkeyPatch) -> tuple[Passage, list[int]]:
    """Let the printer of the one passage take only as many bytes as the list says from now on."""
    (passage,) = room.relay._passages
    plain, takes = passage.printer.write, [0]

    def write(data: bytes) -> int:
        count = plain(data[: takes[0]]) if takes[0] else 0
        takes[0] -= count
        return count

    monkeypatch.setattr(passage.printer, "write", write)
    monkeypatch.setattr(passage.printer, "rest_s", 0.05)
    return passage, takes


def test_bytes_go_both_ways_unchanged(room: Room) -> None:
    till, printer = room.pair()
    for turn in range(3):
        till.send(ALL_BYTES * 4 + bytes([turn]))
        assert room.read(printer, 1025) == ALL_BYTES * 4 + bytes([turn])
        printer.send(ALL_BYTES[::-1])
        assert room.read(till, 256) == ALL_BYTES[::-1]


def test_what_is_printed_waits_for_no_disk(room: Room) -> None:
    disk = threading.Event()
    room.hold_disk(disk)
    try:
        for _ in range(3):
            till, printer = room.pair()
            till.send(RECEIPT)
            assert room.read(printer, len(RECEIPT)) == RECEIPT
            till.close()
            assert room.end_of(printer) == (b"", "closed")
            printer.close()
            room.settle()
    finally:
        disk.set()
    assert list(room.copies().values()) == [RECEIPT] * 3


def test_a_till_that_has_sent_all_hears_the_printer_still(room: Room) -> None:
    till, printer = room.pair()
    till.send(RECEIPT)
    till.shutdown(socket.SHUT_WR)
    assert room.end_of(printer) == (RECEIPT, "closed")
    printer.send(b"\x16")
    assert room.read(till, 1) == b"\x16"
    printer.close()
    assert room.end_of(till) == (b"", "closed")
    assert room.relay.tally.connections_open == 0


def test_a_printer_that_has_said_all_still_prints(room: Room) -> None:
    till, printer = room.pair()
    printer.send(b"\x16")
    printer.shutdown(socket.SHUT_WR)
    assert room.end_of(till) == (b"\x16", "closed")
    till.send(RECEIPT)
    assert room.read(printer, len(RECEIPT)) == RECEIPT
    till.close()
    assert room.end_of(printer) == (b"", "closed")
    assert room.relay.tally.connections_open == 0


def test_a_printer_that_breaks_off_resets_the_till(room: Room) -> None:
    till, printer = room.pair()
    till.send(RECEIPT)
    room.read(printer, 5)
    reset(printer)
    assert room.end_of(till) == (b"", "reset")
    assert room.relay.tally.last_error[1] == "printer_gone"


def test_a_printer_that_refuses_resets_the_till_at_once(room: Room) -> None:
    room.server.close()
    till = room.till()
    assert room.end_of(till) == (b"", "reset")
    assert room.relay.tally.last_error[1] == "printer_unreachable"


def test_tills_are_refused_while_the_printer_is_away_and_not_any_more_when_it_is_back(room: Room) -> None:
    where = room.server.getsockname()
    room.server.close()
    assert room.end_of(room.till()) == (b"", "reset")
    room.go_on(RETRY_S * 3)
    with pytest.raises(ConnectionRefusedError):
        room.till()
    room.listen_again(where)
    room.go_on(RETRY_S * 1.5)
    assert room.end_of(room.printer()) == (b"", "closed"), "a look whether it is back"
    till, printer = room.pair()
    till.send(RECEIPT)
    assert room.read(printer, len(RECEIPT)) == RECEIPT


def test_a_printer_that_serves_one_till_and_refuses_another_is_not_away(room: Room) -> None:
    till, printer = room.pair()
    where = room.server.getsockname()
    room.server.close()
    assert room.end_of(room.till()) == (b"", "reset")
    till.send(RECEIPT)
    assert room.read(printer, len(RECEIPT)) == RECEIPT
    till.close()
    room.end_of(printer)
    printer.close()
    room.listen_again(where)
    room.pair()


def test_a_printer_that_does_not_answer_is_waited_for_and_takes_nothing(room: Room) -> None:
    room.server.listen(0)
    others = []
    for _ in range(4):  # More than the printer's machine lets wait.
        other = socket.socket()
        other.setblocking(False)
        other.connect_ex(room.server.getsockname())
        others.append(other)
    till = room.till()
    sent = fill(till, room)
    assert 0 < len(sent) < 8 * 2**20
    assert room.relay.tally.bytes_printed == 0
    with pytest.raises(BlockingIOError):
        till.recv(1)
    reset(till)
    room.settle()
    assert room.relay.tally.connections_open == 1
    room.go_on(DRAIN_S + 1)
    assert room.relay.tally.connections_open == 0
    for other in others:
        other.close()


def test_a_till_that_breaks_off_is_printed_to_its_last_byte_and_resets_the_printer(room: Room) -> None:
    till, printer = room.pair()
    till.send(RECEIPT)
    printer.send(b"a state that nobody reads")
    room.settle()
    till.close()  # With something unread that is a reset.
    room.settle()
    room.go_on(0.1, step=0.01)
    assert room.end_of(printer) == (RECEIPT, "reset")
    assert room.relay.tally.connections_open == 0
    assert list(room.copies().values()) == [RECEIPT]
    assert ".part." not in next(iter(room.copies()))


def test_a_till_waits_for_a_printer_that_takes_nothing_and_then_all_is_printed(room: Room) -> None:
    till, printer = room.pair()
    sent = fill(till, room)
    held = room.relay.tally.bytes_printed
    assert held <= 8 * KERNEL_BYTES
    assert room.read(printer, len(sent)) == sent
    till.send(RECEIPT)
    assert room.read(printer, len(RECEIPT)) == RECEIPT


def test_what_is_taken_from_a_till_ahead_of_its_printer_is_bounded(room: Room) -> None:
    till, _ = room.pair()
    room.settle()
    (passage,) = room.relay._passages
    for end, option in ((passage.till, socket.SO_RCVBUF), (passage.printer, socket.SO_SNDBUF)):
        assert isinstance(end, Socket)
        # The kernel counts its own needs as as much again, and lets nothing grow that was set.
        assert end._sock.getsockopt(socket.SOL_SOCKET, option) == 2 * KERNEL_BYTES
    fill(till, room)
    assert len(passage._to_printer.held) <= BYTES


def test_a_till_that_breaks_off_from_a_printer_without_paper_lets_it_go(room: Room) -> None:
    till, printer = room.pair()
    fill(till, room)
    reset(till)
    room.go_on(DRAIN_S - 0.5)
    assert room.relay.tally.connections_open == 1
    room.go_on(4 * DRAIN_S, step=0.25)  # The kernel finds room for a little more, now and then.
    assert room.relay.tally.connections_open == 0
    assert room.end_of(printer)[1] == "reset"
    assert [".part." in name for name in room.copies()] == [True]


def test_a_till_that_breaks_off_is_printed_as_long_as_the_printer_takes_some(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    till, printer = room.pair()
    room.settle()
    passage, takes = stingy(room, monkeypatch)
    data = bytes(n % 251 for n in range(2 * BYTES + 1000))
    till.send(data)
    room.until(lambda: bool(passage._to_printer.held) and not Socket(till).unsent())
    reset(till)
    found = b""
    while len(found) < len(data):
        room.go_on(DRAIN_S * 0.8, step=0.1)
        takes[0] = 8000
        found += room.read(printer, min(8000, len(data) - len(found)), step=0.01)
    assert found == data
    assert room.end_of(printer, step=0.01) == (b"", "reset")


def test_what_the_printers_machine_takes_of_what_was_sent_counts_as_well(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    till, printer = room.pair()
    till.send(RECEIPT)
    room.read(printer, len(RECEIPT))
    (passage,) = room.relay._passages
    unsent = [30]
    monkeypatch.setattr(passage.printer, "unsent", lambda: unsent[0])
    reset(till)
    for unsent[0] in (30, 20, 10):
        room.go_on(DRAIN_S * 0.8, step=0.25)
        assert room.relay.tally.connections_open == 1
    unsent[0] = 0
    assert room.end_of(printer, step=0.01) == (b"", "reset")
    assert [".part." in name for name in room.copies()] == [False]


def test_a_till_that_has_ended_waits_for_a_printer_that_has_said_all(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    till, printer = room.pair()
    printer.shutdown(socket.SHUT_WR)
    assert room.end_of(till) == (b"", "closed")
    _, takes = stingy(room, monkeypatch)
    till.send(RECEIPT)
    till.close()
    room.go_on(3 * DRAIN_S, step=0.25)
    assert room.relay.tally.connections_open == 1
    takes[0] = len(RECEIPT)
    assert room.end_of(printer, step=0.01) == (RECEIPT, "closed")
    assert [".part." in name for name in room.copies()] == [False]


def test_a_printer_that_breaks_off_while_it_takes_nothing_resets_the_till(room: Room) -> None:
    till, printer = room.pair()
    fill(till, room)
    reset(printer)
    assert room.end_of(till)[1] == "reset"


def test_a_till_that_reads_no_state_makes_the_printer_wait_and_prints_on(room: Room) -> None:
    till, printer = room.pair()
    said = fill(printer, room)
    till.send(RECEIPT)
    assert room.read(printer, len(RECEIPT)) == RECEIPT
    assert room.read(till, len(said)) == said


def test_tills_at_once_have_a_connection_each(room: Room) -> None:
    (first, one), (second, two) = room.pair(), room.pair()
    second.send(b"second")
    first.send(b"first")
    assert (room.read(one, 5), room.read(two, 6)) == (b"first", b"second")
    two.send(b"2")
    one.send(b"1")
    assert (room.read(first, 1), room.read(second, 1)) == (b"1", b"2")
    assert room.relay.tally.connections_open == 2


def test_a_connection_that_only_one_side_has_ended_does_not_stay_for_ever(room: Room) -> None:
    till, printer = room.pair()
    till.send(RECEIPT)
    till.close()
    assert room.read(printer, len(RECEIPT)) == RECEIPT
    room.settle()
    room.go_on(HALF_OPEN_S - 1, step=1)
    assert room.relay.tally.connections_open == 1
    room.go_on(HALF_OPEN_S / 5, step=1)
    assert room.relay.tally.connections_open == 0


def test_of_what_happens_at_once_the_second_is_not_told_after_the_first_has_changed_it() -> None:
    loop, told = Loop(), []
    pairs = [socket.socketpair() for _ in range(2)]
    for (own, other), (rival, _) in zip(pairs, pairs[::-1], strict=True):
        other.send(b"x")

        def heard(events: int, own: socket.socket = own, rival: socket.socket = rival) -> None:
            told.append(own)
            loop.forget(rival.fileno())

        loop.watch(own.fileno(), READABLE, heard)
    assert loop.turn(0)
    assert len(told) == 1
    for own, other in pairs:
        own.close()
        other.close()
    loop.close()


def test_an_address_that_is_taken_is_tried_again(make_room: Callable[..., Room]) -> None:
    first = make_room()
    second = make_room(listen=Tcp("127.0.0.1", first.relay.port))
    assert second.relay.tally.last_error[1] == "till_unreachable"
    where = first.relay.port
    first.relay.stop()
    second.go_on(RETRY_S * 2)
    assert second.relay.port == where


def test_connections_leave_no_descriptor_open(room: Room) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    till, printer = room.pair()
    room.written()
    before = count()
    for how in (socket.socket.close, reset):
        till, printer = room.pair()
        till.send(RECEIPT)
        room.read(printer, len(RECEIPT))
        how(till)
        room.go_on(0.1, step=0.01)
        printer.close()
        room.go_on(0.1, step=0.01)
    room.written()
    assert count() <= before
