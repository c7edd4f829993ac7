"""Whose a program's data is, and when a file of it is on the disk."""

from __future__ import annotations

import os
import pwd
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


def free_bytes(path: Path | str) -> int:
    """Return how many bytes a program may still write on the disk of a path; `shutil` takes 4 ms to load."""
    about = os.statvfs(path)
    return about.f_bavail * about.f_frsize
