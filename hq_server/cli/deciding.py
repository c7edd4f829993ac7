"""What all decisions on the command line share: who decides and why, dates, and how a decision is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import click

from hq_server.cli.shell import Shell
from hq_server.decisions import Decision, decision, decision_view
from hq_server.store.connection import Transaction
from loyalty_core.errors import BadInput

by: Final = click.option("--by", required=True, metavar="NAME", help="Who decides.")
reason: Final = click.option(
    "--reason", required=True, help="Why, without names of people: it is kept for good."
)


def instant_named(text: str) -> int:
    """Return the epoch milliseconds of an instant with its offset.

    Raises:
        BadInput: `instant_malformed`.
    """
    try:
        at: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadInput("an instant is written like 2026-11-21T10:31:00+09:00", code="instant_malformed")
    return int(at.timestamp()) * 1000


def show_decision(shell: Shell, tx: Transaction, number: int, sentence: str) -> None:
    """Show a decision that was just made."""
    shell.show(decision_view(decision(tx, number)), [f"Decision {number}: {sentence}"])


def verdict_lines(one: Decision) -> Iterator[str]:
    """Return what became of a proposal."""
    yield f"Decision {one.number} of {one.made_by} is {one.state} by {one.given_by}."
