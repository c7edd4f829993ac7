"""How PostgreSQL, or the way to it, refuses: one sentence, one code each.

Only faults of the surroundings are here; an error that is ours keeps its trace.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from hq_server.store.refusals import Busy, DatabaseMissing, Refused
from loyalty_core.errors import LoyaltyError

_ENDED: Final = ("57P", "25P03")
"""What PostgreSQL says itself when it ends a line: it stops, starts, or waited too long for us."""
_AGAIN: Final = frozenset({"40001", "40P01"})
"""Two transactions were in each other's way; one of them is to begin again."""
_OF_CLASS: Final = {
    "28": (
        "permission_denied",
        "PostgreSQL does not let this user in: look at the URL in the settings, PGPASSFILE and pg_hba.conf",
    ),
    "42501": (
        "permission_denied",
        "PostgreSQL does not let this user do that: the database should belong to it",
    ),
    "25006": ("read_only", "it can only be read: give the address of the server that is no standby"),
    "53300": ("database_busy", "PostgreSQL has no connection left: raise max_connections"),
    "53": ("disk_full", "PostgreSQL has no room: free space on its disk and try again"),
    "58": ("disk_unreadable", "PostgreSQL cannot use its disk: look at its log"),
    "XX001": ("database_damaged", "PostgreSQL says that it is damaged: restore it from the backup"),
    "XX002": ("database_damaged", "PostgreSQL says that it is damaged: restore it from the backup"),
}


def is_broken(error: BaseException) -> bool:
    """Tell whether the line was cut, by whichever end."""
    if isinstance(error, asyncpg.PostgresError) and str(error.sqlstate or "").startswith(_ENDED):
        return True
    # Of the driver's own words: that a line is closed is no mistake of who uses it, nor that it was closed
    # between two of the driver's own steps.
    return isinstance(error, (OSError, asyncpg.PostgresConnectionError, asyncpg.InternalClientError)) or (
        isinstance(error, asyncpg.InterfaceError) and "closed" in str(error)
    )


def is_in_the_way(error: BaseException) -> bool:
    """Tell whether the same transaction, begun again, may come through."""
    return isinstance(error, asyncpg.PostgresError) and error.sqlstate in _AGAIN


def unreachable(where: str, error: BaseException) -> Refused:
    """Return what is told where nothing answers."""
    return Refused(
        f"PostgreSQL at {where} does not answer ({type(error).__name__}): see that it runs and can be "
        "reached; tills go on selling meanwhile",
        code="database_unreachable",
    )


def refused(where: str, error: BaseException) -> LoyaltyError | None:
    """Return what to tell of an error of PostgreSQL, None where it is a fault of ours."""
    if is_broken(error):
        return unreachable(where, error)
    if isinstance(error, asyncpg.ClientConfigurationError):
        said = str(error).partition("\n")[0]
        return Refused(
            f"PostgreSQL at {where} cannot be asked: {said}: look at its URL", code="config_invalid"
        )
    if not isinstance(error, asyncpg.PostgresError):
        return None
    state = str(error.sqlstate or "")
    if state == "3D000":
        return DatabaseMissing(
            f"PostgreSQL has no database {where}: make one with createdb, then run hq-server init"
        )
    if state == "55P03" or is_in_the_way(error):
        return Busy("the database is busy with another command: try again in a moment")
    for start, (code, sentence) in _OF_CLASS.items():
        if state.startswith(start):
            return Refused(f"the database: {sentence}", code=code)
    return None
