"""What a command says when the disk, the rights of its user or the database fail it: one sentence, one code.

Only faults of the surroundings are here; an error that is ours keeps its trace.
"""

from __future__ import annotations

from typing import Final

import click

from hq_server.store.sqlite import sqlite3
from loyalty_core.errors import LoyaltyError
from loyalty_shell.refusals import Fault, of_system

_OF_DATABASE: Final = {
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
    "SQLITE_IOERR_SHMSIZE": ("disk_full", "the disk is full: free space and try again"),
    "SQLITE_IOERR": ("disk_failed", "the disk is full or failed: free space, or look at the machine's log"),
    "SQLITE_NOTADB": ("database_damaged", "it is not a database: restore it from the backup"),
    "SQLITE_CORRUPT": ("database_damaged", "it is damaged: restore it from the backup"),
}


def refusal_of(error: Exception) -> LoyaltyError | None:
    """Return what to tell of an error, or None where it is a fault of ours."""
    if isinstance(error, LoyaltyError):
        return error
    if isinstance(error, click.Abort):
        return Fault("nothing was done", code="aborted")
    if isinstance(error, sqlite3.Error):
        return _of_database(error)
    return of_system(error) if isinstance(error, OSError) else None


def _of_database(error: sqlite3.Error) -> Fault | None:
    name = getattr(error, "sqlite_errorname", "") or ""
    for start, (code, sentence) in _OF_DATABASE.items():
        if name.startswith(start):
            return Fault(f"the database: {sentence}", code=code)
    return None
