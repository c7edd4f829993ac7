"""What a command says when the disk, its user's rights or the database fail it: one sentence, one code."""

from __future__ import annotations

import click

from hq_server.store.sqlite import sqlite3
from hq_server.store.sqlite.disk import refused
from loyalty_core.errors import LoyaltyError
from loyalty_shell.refusals import Fault, of_system


def refusal_of(error: Exception) -> LoyaltyError | None:
    """Return what to tell of an error, or None where it is a fault of ours."""
    if isinstance(error, LoyaltyError):
        return error
    if isinstance(error, click.Abort):
        return Fault("nothing was done", code="aborted")
    if isinstance(error, sqlite3.Error):
        return refused(error)
    return of_system(error) if isinstance(error, OSError) else None
