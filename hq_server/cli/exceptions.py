"""`exceptions list | explain` and `reconcile`: what does not fit, since when, whose it is, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import click
import msgspec

from hq_server.cli.lines import table, to_minute
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.day_totals import Sold
from hq_server.day_view import Recorded, TerminalDay, terminal_days
from hq_server.house import load_house
from hq_server.reconcile import HOURS_MAX, KindCount, Wanted, by_kind, explain, open_exceptions
from loyalty_core.calendar import date_of, day_written
from loyalty_core.units import Day

_HOUR_MS: Final = 3_600_000


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What is not closed, by kind, how much of it is explained, and one day terminal by terminal."""

    kinds: Sequence[KindCount]
    differences: int
    explained: int
    day: str
    terminals: Sequence[TerminalDay]


class _Listing(click.Group):
    """Lists where no other command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = any(arg in self.commands for arg in args) or "--help" in args
        return super().parse_args(ctx, args if named else ["list", *args])


@group("exceptions", _Listing)
def exceptions_group() -> None:
    """What does not add up; `list` where nothing else is said."""


@command("list")
@click.option("--kind", default="", help="Of this kind only.")
@click.option("--state", type=click.Choice(["open", "explained", "closed"]), help="[default: all but closed]")
@click.option("--cause", default="", help="Whose cause has this in it.")
@click.option(
    "--older-than", type=click.IntRange(0, HOURS_MAX), default=0, metavar="HOURS", help="At least this old."
)
def list_command(
    shell: Shell,
    kind: str,
    state: Literal["open", "explained", "closed"] | None,
    cause: str,
    older_than: int,
) -> None:
    """List the exceptions, the oldest first."""
    wanted = Wanted(kind=kind, state=state or "", cause=cause, older_than_ms=older_than * _HOUR_MS)
    with shell.reading() as tx:
        found = open_exceptions(tx, now_ms(), wanted)
    heads = ["opened (UTC)", "kind", "subject", "owner", "state", "what", "cause"]
    rows = [
        [
            *(
                to_minute(one.opened_at),
                one.kind,
                one.subject,
                one.store_id if one.owner == "store" else one.owner,
            ),
            *(one.state, one.detail, f"{one.cause} ({one.explained_by})" if one.cause else ""),
        ]
        for one in found
    ]
    shell.show(found, table(heads, rows) if rows else ["Nothing is open."])


@command("explain")
@click.argument("kind")
@click.argument("subject")
@click.option("--cause", required=True, help="Why it is as it is; this is kept.")
@click.option("--by", "name", required=True, help="Who says so.")
def explain_command(shell: Shell, kind: str, subject: str, cause: str, name: str) -> None:
    """Say why an exception is as it is. It stays listed until the difference is no more."""
    with shell.writing() as tx:
        explain(tx, kind, subject, cause, name, now_ms())
    shell.show(
        {"kind": kind, "subject": subject, "state": "explained"}, [f"{kind} of {subject} is explained."]
    )


@command("reconcile")
@click.option("--day", "text", metavar="DATE", help="The business day to show. [default: yesterday]")
def reconcile(shell: Shell, text: str | None) -> None:
    """Count what is open by kind and age, and set the totals of one day beside each other."""
    now = now_ms()
    with shell.reading() as tx:
        day = Day(load_house(tx).today(now) - 1) if text is None else day_written(text)
        kinds, terminals = by_kind(tx, now), terminal_days(tx, day)
    found = Reconciled(
        kinds=kinds,
        differences=sum(one.count for one in kinds),
        explained=sum(one.explained for one in kinds),
        day=date_of(day).isoformat(),
        terminals=terminals,
    )
    shell.show(found, _lines(found))


for _command in (list_command, explain_command):
    exceptions_group.add_command(_command)
COMMANDS: Final = (exceptions_group, reconcile)


def _lines(found: Reconciled) -> Iterator[str]:
    yield f"{found.day}, receipts and net"
    heads = [
        "terminal",
        "closed (UTC)",
        "till's software",
        "standing here",
        "journal",
        "held here",
        "awards that differ",
        "differs",
    ]
    rows = [
        [
            *(one.terminal_id, to_minute(one.closed_at) if one.closed_at else "open"),
            *(_sales(one.software), _sales(one.standing), _sales(one.journal), _sales(one.held)),
            ", ".join(f"{count} {cause}" for cause, count in one.awards.items()),
            " ".join(one.differs),
        ]
        for one in found.terminals
    ]
    yield from table(heads, rows)
    yield ""
    if not found.kinds:
        yield "Nothing is open."
        return
    counts = [
        [one.kind, one.owner, one.count, one.explained, one.last_day, one.oldest_ms // _HOUR_MS]
        for one in found.kinds
    ]
    yield from table(["kind", "owner", "open", "explained", "last 24 hours", "oldest (hours)"], counts)
    share = 100 * found.explained // found.differences
    yield f"{found.explained} of {found.differences} differences have a cause ({share} %)."


def _sales(said: Sold | Recorded | None) -> str:
    return "" if said is None else f"{said.receipts} / {said.net_minor}"
