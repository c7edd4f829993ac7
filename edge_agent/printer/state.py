"""How the process of the printers does: `data_dir/printed/NAME.state`, which it alone writes.

The file that is there is locked for as long as its writer lives, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

FOLDER: Final = "printed"
_READS_MAX: Final = 10


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says. Instants are ISO 8601 in UTC; errors are codes."""

    name: str
    version: str
    since: str
    listen: str
    printer: str
    connections: int
    connections_open: int
    bytes_printed: int
    bytes_answered: int
    copies: int
    copies_lost: int
    last_copy: str | None
    last_lost: str | None
    last_lost_code: str | None
    last_error: str | None
    last_error_code: str | None


class PrinterStatus(msgspec.Struct, frozen=True):
    """A printer of the settings as `status` shows it."""

    name: str
    state: State | None
    runs: bool

    @property
    def trouble(self) -> str:
        """What is wrong and what to do, in a sentence; '' where nothing is."""
        if not self.runs:
            return (
                f"The process of printer {self.name} does not run, so nothing is printed through it: "
                "systemctl enable --now dangol-printer."
            )
        if self.state is not None and self.state.copies_lost:
            return (
                f"Copies of what printer {self.name} printed are lost ({self.state.copies_lost}, the last at "
                f"{self.state.last_lost}: {self.state.last_lost_code}), and the receipts in them."
            )
        return ""

    @property
    def line(self) -> str:
        """How it does, on a line."""
        if self.state is None:
            return f"{self.name}: nothing known"
        told = self.state
        since = f"since {told.since}" if self.runs else "STOPPED"
        lost = f"{told.copies_lost} LOST" if told.copies_lost else "none lost"
        error = f"; {told.last_error_code} at {told.last_error}" if told.last_error else ""
        return f"{self.name}: {since}, {told.copies} copies, last {told.last_copy or 'never'}, {lost}{error}"


class Tally:
    """What was counted of one printer since the process was started. The thread of the disk counts, too."""

    def __init__(self) -> None:
        self.since = _now()
        self.connections = self.connections_open = 0
        self.bytes_printed = self.bytes_answered = 0
        self.copies = self.copies_lost = 0
        self.last_copy: str | None = None
        self.last_lost: tuple[str | None, str | None] = None, None
        self.last_error: tuple[str | None, str | None] = None, None
        self._lock = threading.Lock()

    def kept(self) -> None:
        """Count a copy."""
        self.copies += 1
        self.last_copy = _now()

    def lost(self, code: str) -> None:
        """Count a copy, or the rest of one, that there will not be."""
        with self._lock:
            self.copies_lost += 1
            self.last_lost = _now(), code

    def failed(self, code: str) -> None:
        """Note what went wrong last."""
        self.last_error = _now(), code

    def told(self, *, name: str, version: str, listen: str, printer: str) -> State:
        """Return how it is now."""
        return State(
            name=name,
            version=version,
            since=self.since,
            listen=listen,
            printer=printer,
            connections=self.connections,
            connections_open=self.connections_open,
            bytes_printed=self.bytes_printed,
            bytes_answered=self.bytes_answered,
            copies=self.copies,
            copies_lost=self.copies_lost,
            last_copy=self.last_copy,
            last_lost=self.last_lost[0],
            last_lost_code=self.last_lost[1],
            last_error=self.last_error[0],
            last_error_code=self.last_error[1],
        )


class StateFile:
    """The file of one printer, as its writer has it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.state"
        self._fd: int | None = None
        self._written: State | None = None

    def write(self, state: State) -> None:
        """Put it there as a whole, where it does not lie there already.

        Raises:
            OSError: the disk does not take it; the one before stays.
        """
        if state == self._written and self._path.exists():
            return
        temporary = self._path.with_name(f".{self._path.name}.tmp")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(fd, msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n")
            temporary.rename(self._path)
        except OSError:
            os.close(fd)
            raise
        self.close()
        self._fd, self._written = fd, state

    def close(self) -> None:
        """Let it be known that nobody writes it any more."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def read_state(data_dir: Path, name: str) -> tuple[State | None, bool]:
    """Return what the file of a printer says, and whether its writer lives."""
    path = data_dir / FOLDER / f"{name}.state"
    for _ in range(_READS_MAX):
        try:
            with path.open("rb") as file:
                runs = _is_locked(file.fileno())
                if not runs and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                    continue  # Another has just taken its place.
                return msgspec.json.decode(file.read(), type=State), runs
        except (OSError, msgspec.MsgspecError):
            break
    return None, False


def _is_locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _now() -> str:
    return datetime.fromtimestamp(int(time.time()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
