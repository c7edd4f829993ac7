"""A copy -> a durable file of `data_dir/printed`, from which the agent takes it. Bounded.

`NAME-20261123T111440123Z-000001.escpos` is what the printer NAME has printed, by the time of its end and in
order. `...-000001.part.escpos` is cut short: the printer went away before it had all, or it was too much.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from loyalty_shell.data_dir import make_durable

ENDING: Final = ".escpos"
PART: Final = ".part"
_NAME: Final = re.compile(r"(?P<printer>.+)-\d{8}T\d{9}Z-\d{6,}(?P<part>\.part)?\.escpos")


class SpoolFull(Exception):
    """As many copies lie there as may: the agent takes none."""


class Spool:
    """The copies of one printer."""

    def __init__(self, folder: Path, printer: str, *, files_max: int, bytes_max: int) -> None:
        self._folder, self._printer = folder, printer
        self._files_max, self._bytes_max = files_max, bytes_max
        self._counter = 0
        self._files = self._bytes = 0
        self._is_counted = False

    def write(self, data: bytes, at_ms: int, *, is_whole: bool) -> Path:
        """Return the file of a copy, once it is on the disk.

        Raises:
            SpoolFull: there is no room for it by the settings.
            OSError: the disk does not take it; nothing of it is left.
        """
        make_folder(self._folder)
        self._make_room(len(data))
        path = self._free_name(at_ms, is_whole=is_whole)
        temporary = self._folder / f".{self._printer}{ENDING}.tmp"
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        make_durable(self._folder)
        self._files, self._bytes = self._files + 1, self._bytes + len(data)
        return path

    def _make_room(self, size: int) -> None:
        """Make sure that one more may be there; what the agent has taken is looked for when it must be."""
        if not self._is_counted or not self._has_room(size):
            sizes = self._sizes()
            self._files, self._bytes, self._is_counted = len(sizes), sum(sizes), True
        if not self._has_room(size):
            raise SpoolFull

    def _sizes(self) -> list[int]:
        """Return the sizes of the copies that lie there; the agent may take one while it is looked for."""
        sizes = []
        with os.scandir(self._folder) as entries:
            for found in entries:
                if printer_of(found.name) == self._printer:
                    with suppress(FileNotFoundError):
                        sizes.append(found.stat(follow_symlinks=False).st_size)
        return sizes

    def _has_room(self, size: int) -> bool:
        return self._files < self._files_max and self._bytes + size <= self._bytes_max

    def _free_name(self, at_ms: int, *, is_whole: bool) -> Path:
        instant = datetime.fromtimestamp(at_ms // 1000, UTC)
        when = f"{instant:%Y%m%dT%H%M%S}{at_ms % 1000:03}Z"
        while True:
            self._counter += 1
            stem = f"{self._printer}-{when}-{self._counter:06}"
            if not any((self._folder / f"{stem}{part}{ENDING}").exists() for part in ("", PART)):
                return self._folder / f"{stem}{'' if is_whole else PART}{ENDING}"


def make_folder(folder: Path) -> None:
    """Make the spool's folder where it is not there; the one above it must be."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
        make_durable(folder.parent)


def printer_of(file_name: str) -> str | None:
    """Return of which printer a file is, None for what is no copy."""
    found = _NAME.fullmatch(file_name)
    return found and found["printer"]


def is_cut_short(file_name: str) -> bool:
    """Tell whether a copy lacks its end: only a receipt with its paper cut behind it is whole in there."""
    found = _NAME.fullmatch(file_name)
    return found is not None and found["part"] is not None
