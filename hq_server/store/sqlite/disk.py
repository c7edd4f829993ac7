"""How the disk or the rights of a user refuse the database: one sentence, one code each.

Only faults of the surroundings are here; an error that is ours keeps its trace.
"""

from __future__ import annotations

from typing import Final

from hq_server.store.refusals import Refused
from hq_server.store.sqlite import sqlite3

_OF_SQLITE: Final = {
    "SQLITE_PERM": ("permission_denied", "this user may not use it: run this as the user who owns it"),
    "SQLITE_AUTH": ("permission_denied", "this user may not use it: run this as the user who owns it"),
    "SQLITE_CANTOPEN": (
        "permission_denied",
        "it cannot be opened: run this as the user who owns it, in a folder that this user may write",
    ),
    "SQLITE_READONLY": (
        "read_only",
        "it cannot be written: run this as the user who owns it, with its disk and folder writable",
    ),
    "SQLITE_FULL": ("disk_full", "the disk is full: free space and try again"),
    "SQLITE_BUSY": ("database_busy", "another command is using it: try again in a moment"),
    "SQLITE_LOCKED": ("database_busy", "another command is using it: try again in a moment"),
    # What readers share lies in a file too, and this is how SQLite says that there was no room for it.
    "SQLITE_IOERR": (
        "disk_unreadable",
        "the disk is full, or does not give back what is on it: free space, or look at the machine's log",
    ),
    "SQLITE_NOTADB": ("database_damaged", "it is not a database: restore it from the backup"),
    "SQLITE_CORRUPT": ("database_damaged", "it is damaged: restore it from the backup"),
}


def refused(error: sqlite3.Error) -> Refused | None:
    """Return what to tell of an error of the database, None where it is a fault of ours."""
    name = getattr(error, "sqlite_errorname", "") or ""
    for start, (code, sentence) in _OF_SQLITE.items():
        if name.startswith(start):
            return Refused(f"the database: {sentence}", code=code)
    return None


def cannot_be_written() -> Refused:
    """Return what is said of a disk that takes no writes at all."""
    code, sentence = _OF_SQLITE["SQLITE_READONLY"]
    return Refused(f"the database: {sentence}", code=code)


def is_io(error: sqlite3.Error) -> bool:
    """Tell whether the system refused a read or a write; which of them is not told by every SQLite."""
    return (getattr(error, "sqlite_errorname", "") or "").startswith("SQLITE_IOERR")
