"""Serial lines and devices, played by pseudo-terminals: bytes go through as they are; a line comes back."""

from __future__ import annotations

import array
import fcntl
import os
import pty
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge_agent.printer.endpoints import Device, Serial
from edge_agent.printer.ends import UsbPrinter
from edge_agent.printer.relay import RETRY_S
from tests.edge.printer.room import RECEIPT, Room

ALL_BYTES = bytes(range(256)) * 3
NEARLY_ALL = bytes(byte for byte in range(256) if byte not in (0x11, 0x13))
TIOCGEXCL = 0x80045440
XOFF, XON = b"\x13", b"\x11"


class Wire:
    """A line with the test at its other end."""

    def __init__(self) -> None:
        self.far, self.near = pty.openpty()
        self.path = os.ttyname(self.near)
        tty.setraw(self.near)
        os.set_blocking(self.far, False)

    def read(self, room: Room, count: int) -> bytes:
        """Return so many bytes that come."""
        found = b""

        def came() -> bool:
            nonlocal found
            with suppress(BlockingIOError):
                found += os.read(self.far, count - len(found))
            return len(found) >= count

        room.until(came)
        return found

    def is_silent(self, room: Room) -> bool:
        """Tell whether nothing comes."""
        room.settle()
        try:
            return not os.read(self.far, 1)
        except BlockingIOError:
            return True

    def write(self, room: Room, data: bytes) -> None:
        """Send bytes, as fast as they are taken."""

        def sent() -> bool:
            nonlocal data
            with suppress(BlockingIOError):
                data = data[os.write(self.far, data) :]
            return not data

        room.until(sent)

    def pull_out(self) -> None:
        """Take the adapter out of the machine."""
        os.close(self.far)
        self.far = -1

    def close(self) -> None:
        if self.far >= 0:
            os.close(self.far)
        os.close(self.near)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Return a line."""
    made = Wire()
    yield made
    made.close()


@pytest.fixture
def other_wire() -> Iterator[Wire]:
    """Return another one."""
    made = Wire()
    yield made
    made.close()


@pytest.mark.parametrize("flow", ["none", "rtscts"])
def test_a_serial_printer_gets_every_byte_and_answers(
    make_room: Callable[..., Room], wire: Wire, flow: str
) -> None:
    room = make_room(printer=Serial(wire.path, baud=19200, flow=flow))
    till = room.till()
    till.send(ALL_BYTES)
    assert wire.read(room, len(ALL_BYTES)) == ALL_BYTES
    wire.write(room, ALL_BYTES)
    assert room.read(till, len(ALL_BYTES)) == ALL_BYTES
    till.close()
    room.go_on(0.3, step=0.01)
    assert list(room.copies().values()) == [ALL_BYTES]
    assert room.relay.tally.connections_open == 0


def test_a_serial_till_prints_on_the_network(make_room: Callable[..., Room], wire: Wire) -> None:
    room = make_room(listen=Serial(wire.path))
    printer = room.printer()
    wire.write(room, ALL_BYTES)
    assert room.read(printer, len(ALL_BYTES)) == ALL_BYTES
    printer.send(ALL_BYTES)
    assert wire.read(room, len(ALL_BYTES)) == ALL_BYTES
    room.go_on(2.1)
    assert list(room.copies().values()) == [ALL_BYTES]


def test_a_serial_till_prints_on_a_serial_printer(
    make_room: Callable[..., Room], wire: Wire, other_wire: Wire
) -> None:
    room = make_room(listen=Serial(wire.path), printer=Serial(other_wire.path, baud=115200))
    wire.write(room, ALL_BYTES)
    assert other_wire.read(room, len(ALL_BYTES)) == ALL_BYTES
    other_wire.write(room, b"\x16")
    assert wire.read(room, 1) == b"\x16"


def test_what_a_till_waits_for_by_xoff_is_its_printer(
    make_room: Callable[..., Room], wire: Wire, other_wire: Wire
) -> None:
    room = make_room(
        listen=Serial(wire.path, flow="xonxoff"), printer=Serial(other_wire.path, flow="xonxoff")
    )
    wire.write(room, ALL_BYTES)
    assert other_wire.read(room, len(ALL_BYTES)) == ALL_BYTES, "a picture may hold XON and XOFF"
    other_wire.write(room, XOFF)
    room.settle()
    wire.write(room, RECEIPT)
    assert other_wire.is_silent(room)
    other_wire.write(room, XON)
    assert other_wire.read(room, len(RECEIPT)) == RECEIPT
    other_wire.write(room, NEARLY_ALL)
    assert wire.read(room, len(NEARLY_ALL)) == NEARLY_ALL
    assert termios.tcgetattr(wire.near)[0] & (termios.IXON | termios.IXOFF) == termios.IXOFF
    assert termios.tcgetattr(other_wire.near)[0] & (termios.IXON | termios.IXOFF) == termios.IXON


def test_a_line_is_set_as_the_settings_say(make_room: Callable[..., Room], wire: Wire) -> None:
    room = make_room(printer=Serial(wire.path, baud=1200, parity="odd", stop=2, flow="rtscts"))
    room.till()
    room.settle()
    _, output, control, local, speed, _, _ = termios.tcgetattr(wire.near)
    assert speed == termios.B1200
    for flag in (termios.PARODD, termios.CSTOPB, termios.CRTSCTS):
        assert control & flag
    assert not control & termios.HUPCL, "some printers take that for a reset"
    is_exclusive = array.array("i", [0])
    fcntl.ioctl(wire.near, TIOCGEXCL, is_exclusive)
    assert is_exclusive[0]
    assert (output & termios.OPOST, local & (termios.ECHO | termios.ICANON)) == (0, 0)


def test_tills_print_on_a_device_one_after_the_other(make_room: Callable[..., Room], wire: Wire) -> None:
    room = make_room(printer=Device(wire.path))
    first, second = room.till(), room.till()
    second.send(b"second")
    second.close()
    first.send(b"first")
    assert wire.read(room, 5) == b"first"
    wire.write(room, b"\x16")
    assert room.read(first, 1) == b"\x16"
    assert wire.is_silent(room)
    first.close()
    room.go_on(0.3, step=0.01)
    assert wire.read(room, 6) == b"second"
    room.go_on(0.3, step=0.01)
    assert list(room.copies().values()) == [b"first", b"second"]


def test_a_till_waits_for_a_device_without_paper(make_room: Callable[..., Room], wire: Wire) -> None:
    room = make_room(printer=Device(wire.path))
    till = room.till()
    data = ALL_BYTES * 100
    till.send(data)
    room.go_on(1)
    taken = room.relay.tally.bytes_printed
    assert 0 < taken < len(data), "a pseudo-terminal holds some kilobytes"
    found = b""
    while len(found) < len(data):
        found += wire.read(room, min(4096, len(data) - len(found)))
        room.go_on(0.1)
    assert found == data


@pytest.mark.parametrize("kind", ["nothing", "file", "pipe"])
def test_a_device_that_is_not_there_resets_the_till_at_once(
    make_room: Callable[..., Room], kind: str, tmp_path: Path
) -> None:
    path = str(tmp_path / kind)
    if kind == "file":
        Path(path).touch()
    elif kind == "pipe":
        os.mkfifo(path)
    for printer in (Device(path), Serial(path)):
        room = make_room(printer=printer)
        assert room.end_of(room.till()) == (b"", "reset")
        assert room.relay.tally.last_error[1] == "printer_unreachable"
        room.go_on(RETRY_S * 2)
        with pytest.raises(ConnectionRefusedError):
            room.till()
        room.relay.stop()


def test_a_device_that_is_ready_and_is_not_is_left_alone_for_a_while(
    make_room: Callable[..., Room], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    room = make_room(printer=Device(wire.path))
    monkeypatch.setattr(UsbPrinter, "read", lambda _: asked.append(room.time))
    till = room.till()
    os.write(wire.far, b"x")
    for _ in range(20):
        room.loop.turn(0.001)
    assert len(asked) == 1
    room.go_on(0.5)
    assert 5 <= len(asked) <= 11
    till.send(RECEIPT)
    room.go_on(0.1)
    assert wire.read(room, len(RECEIPT)) == RECEIPT


def test_what_a_serial_till_prints_when_its_printer_has_hung_up_waits_for_the_next_connection(
    make_room: Callable[..., Room], wire: Wire
) -> None:
    room = make_room(listen=Serial(wire.path))
    room.printer().close()  # As many do that were idle for a while.
    room.settle()
    wire.write(room, RECEIPT)
    room.go_on(RETRY_S * 2)
    assert room.read(room.printer(), len(RECEIPT)) == RECEIPT


def test_a_device_that_comes_is_used(make_room: Callable[..., Room], wire: Wire, tmp_path: Path) -> None:
    device = tmp_path / "lp0"
    room = make_room(printer=Device(str(device)))
    room.end_of(room.till())
    device.symlink_to(wire.path)
    room.go_on(RETRY_S * 2)
    room.till().send(RECEIPT)
    assert wire.read(room, len(RECEIPT)) == RECEIPT


def test_a_printer_whose_cable_is_pulled_resets_the_till(make_room: Callable[..., Room], wire: Wire) -> None:
    room = make_room(printer=Serial(wire.path))
    till = room.till()
    till.send(RECEIPT)
    wire.read(room, len(RECEIPT))
    wire.pull_out()
    assert room.end_of(till) == (b"", "reset")
    assert [".part." in name for name in room.copies()] == [True]


def test_a_serial_till_whose_printer_is_away_is_printed_when_it_is_back(
    make_room: Callable[..., Room], wire: Wire
) -> None:
    room = make_room(listen=Serial(wire.path))
    first = room.printer()
    where = room.server.getsockname()
    room.server.close()
    first.close()
    room.go_on(RETRY_S * 3)
    assert room.relay.tally.last_error[1] == "printer_unreachable"
    wire.write(room, RECEIPT)
    room.go_on(RETRY_S * 2)
    room.listen_again(where)
    room.go_on(RETRY_S * 2)
    assert room.read(room.printer(), len(RECEIPT)) == RECEIPT


def test_a_tills_line_that_comes_back_is_used_again(
    make_room: Callable[..., Room], wire: Wire, other_wire: Wire, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter"
    adapter.symlink_to(wire.path)
    room = make_room(listen=Serial(str(adapter)))
    first = room.printer()
    wire.pull_out()
    assert room.end_of(first) == (b"", "reset")
    room.go_on(RETRY_S * 2)
    assert room.relay.tally.last_error[1] == "till_unreachable"
    adapter.unlink()
    room.go_on(RETRY_S * 2)
    adapter.symlink_to(other_wire.path)
    room.go_on(RETRY_S * 2)
    other_wire.write(room, RECEIPT)
    assert room.read(room.printer(), len(RECEIPT)) == RECEIPT
