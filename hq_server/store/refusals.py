"""What a database refuses, and why: one sentence, one code each. Only faults of the surroundings are here."""

from __future__ import annotations

from typing import Final

from loyalty_core.errors import LoyaltyError

MAY_PASS: Final = frozenset(
    {"database_busy", "disk_full", "read_only", "database_unreachable", "commit_unknown"}
)
"""Refusals that end by themselves, or when somebody makes room, or starts a database again."""


class Busy(LoyaltyError):
    """Another process holds the database."""

    code = "database_busy"


class Refused(LoyaltyError):
    """The surroundings refuse the database. Nothing of the transaction was kept."""

    code = "disk_unreadable"


class CommitUnknown(Refused):
    """The line to the database broke while it was committing: nobody here knows whether it did."""

    code = "commit_unknown"

    def __init__(self) -> None:
        super().__init__(
            "the line to the database broke while it was committing: look whether it was done before it is "
            "done again; what tills send they send again by themselves"
        )


class NotKept(LoyaltyError):
    """The disk may lack what the kernel still shows: nothing is trusted until it is read anew.

    To ask it again to keep the same would be answered with yes, though it is lost.
    """

    code = "disk_failed"

    def __init__(self) -> None:
        super().__init__(
            "the database: the disk did not keep what was written: the server begins anew and reads what is "
            "there; try again, and look at the machine's log"
        )


class DatabaseMissing(LoyaltyError):
    """There is no database where the settings say."""

    code = "database_missing"


class InUse(LoyaltyError):
    """The database cannot be replaced under those who have it open."""

    code = "database_in_use"


class WrongDatabase(LoyaltyError):
    """A database that this release must not touch."""

    code = "database_newer"
