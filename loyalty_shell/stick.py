"""A folder on a stick: what lies there is found and read with care, what is ours is written whole.

Anybody may have put anything there, so no name is believed: no link is followed, only regular files are
opened, their number and size are bounded. A stick has no modes and no links, and is pulled at any moment.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from loyalty_core.errors import LoyaltyError
from loyalty_shell.data_dir import make_durable

FILES_MAX: Final = 10_000
"""The most files of one kind that one run takes."""
NAMES_MAX: Final = 200_000
"""The most names of any kind that a folder may hold."""
_UNFINISHED: Final = ".part"


class StickError(LoyaltyError):
    """A folder or a file of it that cannot be used."""

    code = "file_unreadable"


def check_folder(folder: Path) -> None:
    """Raise StickError (`folder_unreadable`) unless this is a folder."""
    if not folder.is_dir():
        raise StickError(
            f"{folder} is no folder: is the stick plugged in, and is this where it is mounted?",
            code="folder_unreadable",
        )


def find_files(folder: Path, ending: str) -> list[str]:
    """Return in order the names in a folder that end so, in capitals or not.

    Raises:
        StickError: `folder_unreadable`, `folder_too_full`, or `nothing_to_import` where there is none.
    """
    found: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries, start=1):
                if entry.name.lower().endswith(ending):
                    found.append(entry.name)
                if number > NAMES_MAX or len(found) > FILES_MAX:
                    raise StickError(
                        f"{folder} holds more than {FILES_MAX:,} files to import, or {NAMES_MAX:,} in all: "
                        "move some into another folder, and import that, too",
                        code="folder_too_full",
                    )
    except OSError as error:
        raise StickError(
            f"{folder} cannot be read ({error.strerror}): is the stick plugged in, and is this its folder?",
            code="folder_unreadable",
        ) from None
    if not found:
        raise StickError(
            f'{folder} holds nothing to import: files for here end in "{ending}"', code="nothing_to_import"
        )
    return sorted(found)


def read_file(folder: Path, name: str, bytes_max: int) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        StickError: `file_not_regular`, `file_too_large`, `file_unreadable`, or `stick_gone` where the whole
            folder is.
    """
    try:
        if not stat.S_ISREG((folder / name).lstat().st_mode):
            raise _not_regular()
        # What was looked at may be another thing by now: nothing is followed or waited for.
        file = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as opened:
            about = os.fstat(file)
            if not stat.S_ISREG(about.st_mode):
                raise _not_regular()
            data = opened.read(bytes_max + 1) if about.st_size <= bytes_max else b""
    except OSError as error:
        if not folder.is_dir():
            raise StickError(
                f"{folder} is gone: was the stick pulled? What was told of so far is done; plug it in and "
                "run this again",
                code="stick_gone",
            ) from None
        raise StickError(f"it cannot be read ({error.strerror})") from None
    if about.st_size > bytes_max or len(data) > bytes_max:
        raise StickError(f"it is larger than {bytes_max:,} bytes, as none of ours is", code="file_too_large")
    return data


def as_text(name: str) -> str:
    """Return a name from a stick, or a sentence with one, as text: its bytes may be of no encoding."""
    return os.fsencode(name).decode("utf-8", "replace")


def write_file(folder: Path, name: str, data: bytes) -> None:
    """Write a file whole or not at all, in place of one of that name; it is on the stick when this returns.

    Raises:
        OSError: the stick is full, can only be read, or is gone.
    """
    fresh = folder / (name + _UNFINISHED)
    try:
        fresh.unlink(missing_ok=True)
        # Who carries the stick need not be who wrote it, and what is written can be read by nobody else.
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(file)
        fresh.replace(folder / name)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        error.filename = str(folder / name)
        raise
    try:
        make_durable(folder)
    except OSError as error:
        # Some file systems of sticks know no fsync of a folder; what they do know was done.
        if error.errno != errno.EINVAL:
            raise


def _not_regular() -> StickError:
    return StickError("it is a link, a folder or a device, and is left alone", code="file_not_regular")
