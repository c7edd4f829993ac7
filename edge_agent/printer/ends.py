"""One end of a passage: a socket, a serial line or a device. None of them is ever waited for."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket
import stat
import struct
import termios
from contextlib import suppress
from typing import Final

from edge_agent.printer.endpoints import Device, Endpoint, Serial, Tcp

BYTES: Final = 16 * 1024
"""The most that is read at once: what one way holds at most."""
KERNEL_BYTES: Final = 64 * 1024
"""What the kernel is asked to hold each way beside that."""
KEEP_ALIVE: Final = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 6}
"""A machine that was switched off is gone after two minutes: a printer may serve one at a time."""


class End:
    """What an end can do. All but the last three raise OSError when it is gone."""

    fd: int
    rest_s = 0.0
    """How long it is left alone after it was told to be ready and was not."""

    def read(self) -> bytes | None:
        """Return what has come, b'' when no more will, None when there is nothing now."""
        raise NotImplementedError

    def write(self, data: bytes) -> int:
        """Return how many of these bytes it takes now."""
        raise NotImplementedError

    def connected(self) -> None:
        """Make sure that it is there, once it can be written for the first time."""

    def finish(self) -> bool:
        """Say that no more will come; return False where that cannot be said."""
        return False

    def unsent(self) -> int:
        """Return how many of the bytes that it took the other side has not."""
        raise NotImplementedError

    def close(self) -> None:
        """End in order."""
        raise NotImplementedError

    def reset(self) -> None:
        """End without regard to what is under way, so that the other side sees it."""
        raise NotImplementedError


class Socket(End):
    """A connection."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEP_ALIVE.items():
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        self._sock = sock
        self.fd = sock.fileno()
        self._is_finished = False

    def read(self) -> bytes | None:
        try:
            return self._sock.recv(BYTES)
        except BlockingIOError:
            return None

    def write(self, data: bytes) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    def connected(self) -> None:
        if number := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(number, os.strerror(number))

    def finish(self) -> bool:
        self._sock.shutdown(socket.SHUT_WR)
        self._is_finished = True
        return True

    def unsent(self) -> int:
        # The end of what is sent counts as one.
        return max(0, _queued(self.fd) - self._is_finished)

    def close(self) -> None:
        self._sock.close()

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


class Line(End):
    """A serial line."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def read(self) -> bytes | None:
        try:
            data = os.read(self.fd, BYTES)
        except BlockingIOError:
            return None
        if not data:
            raise OSError(errno.EIO, os.strerror(errno.EIO))  # It was pulled out.
        return data

    def write(self, data: bytes) -> int:
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0

    def unsent(self) -> int:
        return _queued(self.fd)

    def close(self) -> None:
        os.close(self.fd)

    def reset(self) -> None:
        with suppress(termios.error):  # It was pulled out.
            # To close it would wait for a printer that takes nothing.
            termios.tcflush(self.fd, termios.TCIOFLUSH)
        os.close(self.fd)


class TillLine(Line):
    """A till's serial line. It stays when a passage ends: the till knows of no connection."""

    def close(self) -> None:
        pass

    def reset(self) -> None:
        pass

    def hang_up(self) -> None:
        """Let go of it."""
        super().reset()


class UsbPrinter(Line):
    """A printer that is a device. Without paper it is said to be ready by its driver, and takes nothing."""

    rest_s = 0.05

    def read(self) -> bytes | None:
        try:
            return os.read(self.fd, BYTES) or None
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None  # It says nothing ever.
            raise

    def unsent(self) -> int:
        return 0

    def reset(self) -> None:
        os.close(self.fd)


def open_printer(where: Endpoint) -> End:
    """Return a printer's end; a connection is under way until it can be written.

    Raises:
        OSError: it is not there.
    """
    match where:
        case Tcp():
            sock = socket.socket(where.family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
            end = Socket(sock)
            number = sock.connect_ex((where.host, where.port))
            if number not in (0, errno.EINPROGRESS):
                end.close()
                raise OSError(number, os.strerror(number))
            return end
        case Serial():
            return Line(_open_serial(where, input_flow=0, output_flow=termios.IXON))
        case Device():
            return UsbPrinter(_open_device(where.path))
    raise TypeError(where)


def open_till_line(where: Serial) -> TillLine:
    """Return the end of a till that has a serial line.

    Raises:
        OSError: it is not there.
    """
    # Only what we send to it tells it to wait: such bytes of its own may be part of a picture.
    return TillLine(_open_serial(where, input_flow=termios.IXOFF, output_flow=0))


def _open_device(path: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISCHR(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return fd


def _open_serial(where: Serial, *, input_flow: int, output_flow: int) -> int:
    fd = _open_device(where.path)
    try:
        fcntl.ioctl(fd, termios.TIOCEXCL)
        speed = getattr(termios, f"B{where.baud}")
        control = termios.CREAD | termios.CLOCAL | {7: termios.CS7, 8: termios.CS8}[where.bits]
        control |= {"none": 0, "even": termios.PARENB, "odd": termios.PARENB | termios.PARODD}[where.parity]
        control |= termios.CSTOPB if where.stop == 2 else 0
        control |= termios.CRTSCTS if where.flow == "rtscts" else 0
        incoming = termios.IGNBRK | (input_flow | output_flow if where.flow == "xonxoff" else 0)
        characters = termios.tcgetattr(fd)[6]
        characters[termios.VMIN], characters[termios.VTIME] = 1, 0
        termios.tcsetattr(fd, termios.TCSANOW, [incoming, 0, control, 0, speed, speed, characters])
    except (OSError, termios.error) as error:
        os.close(fd)
        raise OSError(*error.args) from None
    return fd


def _queued(fd: int) -> int:
    """Return what the kernel has yet to send; nothing where the line was pulled out."""
    told = array.array("i", [0])
    try:
        fcntl.ioctl(fd, termios.TIOCOUTQ, told)
    except OSError:
        return 0
    return told[0]
