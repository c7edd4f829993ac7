"""One printer: each connection of a till has one of its own to it; on a line one comes after the other."""

from __future__ import annotations

import errno
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from edge_agent.config import Printer
from edge_agent.printer.aside import Aside
from edge_agent.printer.copying import Copying
from edge_agent.printer.endpoints import Serial, Tcp
from edge_agent.printer.ends import KERNEL_BYTES, End, Socket, TillLine, open_printer, open_till_line
from edge_agent.printer.loop import BROKEN, READABLE, WRITABLE, Loop, Timer
from edge_agent.printer.passing import Passage
from edge_agent.printer.spool import Spool, SpoolFull, make_folder
from edge_agent.printer.state import FOLDER, StateFile, Tally
from edge_agent.version import VERSION

PASSAGES_MAX: Final = 32
"""Connections to one printer at once; a line takes one. Others wait until it is their turn."""
RETRY_S: Final = 1.0
"""After this what could not be opened is tried again."""
PROBE_S: Final = 5.0
"""How long a printer that was away is waited for each time."""
STATE_S: Final = 10.0
"""How often the state is written at most."""
_DISK: Final = {errno.ENOSPC: "disk_full", errno.EDQUOT: "disk_full", errno.EROFS: "disk_read_only"}

log = logging.getLogger(__name__)


class Relay:
    """One printer of the settings, from `start` to `stop`."""

    def __init__(self, loop: Loop, aside: Aside, data_dir: Path, settings: Printer) -> None:
        self.tally = Tally()
        self._loop, self._aside, self._settings = loop, aside, settings
        self._spool = Spool(
            data_dir / FOLDER,
            settings.name,
            files_max=settings.spool_files_max,
            bytes_max=settings.spool_bytes_max,
        )
        self._folder = data_dir / FOLDER
        self._state = StateFile(self._folder, settings.name)
        self._is_told = False
        self._passages: set[Passage] = set()
        self._passages_max = PASSAGES_MAX if isinstance(settings.printer, Tcp) else 1
        self._listen_at = settings.listen
        self._listener: socket.socket | None = None
        self._line: TillLine | None = None
        self._is_stopped = False

    @property
    def port(self) -> int:
        """Where a till finds it."""
        assert isinstance(self._listen_at, Tcp)
        return self._listen_at.port

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is being printed."""
        return all(passage.is_at_rest for passage in self._passages)

    def start(self) -> None:
        """Let the till come; what cannot be opened is tried again and again."""
        if self._is_stopped:
            return
        try:
            match self._listen_at:
                case Tcp() as where:
                    self._listen(where)
                case Serial() as where:
                    self._line = self._line or open_till_line(where)
                    self._pass(self._line)
        except OSError as error:
            self._note("till_unreachable", error)
            self._loop.after(RETRY_S, self.start)
        self.tell()

    def stop_listening(self) -> None:
        """Let no other till come."""
        self._is_stopped = True
        self._refuse()

    def stop(self) -> None:
        """End what goes on, and leave the last state."""
        self.stop_listening()
        for passage in list(self._passages):
            passage.stop()
        if self._line is not None:
            self._line.hang_up()
        self._aside.do(self._write_state)

    # The till

    def _listen(self, where: Tcp) -> None:
        listener = socket.socket(where.family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Connections have it from here.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
            listener.bind((where.host, where.port))
            listener.listen()
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self._listen_at = Tcp(where.host, listener.getsockname()[1])
        self._accept_while_there_is_room()

    def _accept_while_there_is_room(self) -> None:
        if self._listener is None:
            return
        if len(self._passages) < self._passages_max:
            self._loop.watch(self._listener.fileno(), READABLE, self._accept)
        else:
            self._loop.forget(self._listener.fileno())

    def _accept(self, _: int) -> None:
        assert self._listener is not None
        try:
            connection, _address = self._listener.accept()
            till = Socket(connection)
        except BlockingIOError:
            return
        except OSError as error:
            self._note("till_unreachable", error)
            self._loop.forget(self._listener.fileno())
            self._loop.after(RETRY_S, self._accept_while_there_is_room)
            return
        self._pass(till)
        self._accept_while_there_is_room()

    def _pass(self, till: Socket | TillLine) -> None:
        """Connect a till with the printer, first thing: it learns at once where there is none."""
        self.tally.connections += 1
        try:
            printer = open_printer(self._settings.printer)
        except OSError as error:
            till.reset()
            self._not_there(error)
            self._go_on(till)
            return
        passage = Passage(self._loop, till, printer, copying=self._copying, over=self._over)
        self._passages.add(passage)
        self.tally.connections_open = len(self._passages)
        passage.start()

    def _over(self, passage: Passage) -> None:
        self._passages.discard(passage)
        self.tally.connections_open = len(self._passages)
        if passage.broke is not None and passage.is_connecting:
            self._not_there(passage.broke)
        elif passage.broke is not None:
            self._note("printer_gone", passage.broke)
        if self._line is not None and passage.till_broke is not None:
            self._note("till_unreachable", passage.till_broke)
            self._line.hang_up()
            self._line = None
        self._go_on(passage.till)
        self.tell()

    def _go_on(self, till: object) -> None:
        """Let the next till come: on a line it is the same again."""
        if isinstance(till, TillLine):
            self._loop.after(RETRY_S, self.start)
        else:
            self._accept_while_there_is_room()

    # A printer that is away

    def _not_there(self, error: OSError) -> None:
        """Refuse tills while the printer is away, or they take for printed what they send and leave behind.

        One that serves another till is not away: it takes one at a time.
        """
        self._note("printer_unreachable", error)
        serves = any(not one.is_connecting for one in self._passages)
        if self._listener is not None and not serves:
            self._refuse()
            self._loop.after(RETRY_S, self._probe)

    def _refuse(self) -> None:
        if self._listener is not None:
            self._loop.forget(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def _probe(self) -> None:
        """Look whether the printer is back."""
        if self._is_stopped:
            return
        try:
            printer = open_printer(self._settings.printer)
        except OSError:
            self._loop.after(RETRY_S, self._probe)
            return
        late = self._loop.after(PROBE_S, lambda: self._probed(printer, late, 0))
        try:
            self._loop.watch(printer.fd, WRITABLE, lambda events: self._probed(printer, late, events))
        except OSError:  # It is no printer.
            self._probed(printer, late, 0)

    def _probed(self, printer: End, late: Timer, events: int) -> None:
        late.cancel()
        self._loop.forget(printer.fd)
        is_there = bool(events & WRITABLE) and not events & BROKEN
        printer.close()
        if is_there:
            self.start()
        else:
            self._loop.after(RETRY_S, self._probe)

    # The copies

    def _copying(self, waits: Callable[[], bool]) -> Copying:
        return Copying(
            self._loop,
            self.tally,
            silence_s=self._settings.silence_ms / 1000,
            bytes_max=self._settings.copy_bytes_max,
            waits=waits,
            keep=self._keep,
            lost=self._lost,
        )

    def _keep(self, data: bytes, is_whole: bool) -> None:
        """Have a copy written."""
        write = partial(self._write, data, int(time.time() * 1000), is_whole)
        if not self._aside.do(write, len(data)):
            self._lost("disk_slow")
        self.tell()

    def _write(self, data: bytes, at_ms: int, is_whole: bool) -> None:
        try:
            self._spool.write(data, at_ms, is_whole=is_whole)
        except SpoolFull:
            self._lost("spool_full")
        except OSError as error:
            self._lost(_DISK.get(error.errno or 0, "disk_failed"))
        else:
            self.tally.kept()

    def _lost(self, code: str) -> None:
        self.tally.lost(code)
        name = self._settings.name
        self._aside.do(lambda: log.error("copy_lost", extra={"printer": name, "code": code}))

    # What is told

    def _note(self, code: str, error: OSError) -> None:
        """Say that a side is not there, or is not any more."""
        self.tally.failed(code)
        why = errno.errorcode.get(error.errno or 0, type(error).__name__)
        name = self._settings.name
        self._aside.do(
            lambda: log.warning("printer_failed", extra={"printer": name, "code": code, "error": why})
        )
        self.tell()

    def tell(self) -> None:
        """Have the state written, now or soon."""
        if not self._is_told:
            self._is_told = True
            self._aside.do(self._write_state)
            self._loop.after(STATE_S, self._tell_again)

    def _tell_again(self) -> None:
        self._is_told = False
        self._aside.do(self._write_state)

    def _write_state(self) -> None:
        # Whoever asks sees the one before, and the disk is told of elsewhere.
        with suppress(OSError):
            make_folder(self._folder)
            self._state.write(
                self.tally.told(
                    name=self._settings.name,
                    version=VERSION,
                    listen=str(self._listen_at),
                    printer=str(self._settings.printer),
                )
            )
