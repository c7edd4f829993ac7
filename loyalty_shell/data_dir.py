"""Whose a program's data is, and when a file of it is on the disk."""

from __future__ import annotations

import errno
import os
import pwd
from contextlib import suppress
from pathlib import Path

from loyalty_core.errors import BadInput


def check_user(data_dir: Path) -> None:
    """Refuse root where another user owns the folder: what is made there must be that user's.

    Commands that make no file need no such check: SQLite gives its own to whoever owns the database.

    Raises:
        BadInput: `wrong_user`.
    """
    if os.geteuid() != 0 or not data_dir.exists() or (owner := data_dir.stat().st_uid) == 0:
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"#{owner}"
    raise BadInput(
        f"{data_dir} belongs to {name}, not to root: run this as that user (sudo -u {name} ...)",
        code="wrong_user",
    )


def make_durable(path: Path) -> None:
    """Return once a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_anew(database: Path) -> None:
    """Have the kernel forget what it holds of a database that nobody in this process has open.

    After a write that failed it may show what never came to the disk. What it has yet to write it keeps.
    """
    for file in (database, database.with_name(database.name + "-wal")):
        with suppress(OSError):
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def is_read_only(folder: Path) -> bool:
    """Tell whether the disk takes no writes at all: that is how the system keeps a faulty one from harm."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        probe.unlink()
    except OSError as error:
        return error.errno == errno.EROFS
    return False


def free_bytes(path: Path | str) -> int:
    """Return how many bytes a program may still write on the disk of a path; `shutil` takes 4 ms to load."""
    about = os.statvfs(path)
    return about.f_bavail * about.f_frsize
