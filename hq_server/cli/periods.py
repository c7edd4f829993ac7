"""`period status | list | close`."""

from __future__ import annotations

from typing import Final

import click

from hq_server.cli.close_words import closed_lines, period_lines
from hq_server.cli.period_words import dry_run_lines, status_lines
from hq_server.cli.progress import progress
from hq_server.cli.shell import Shell, command, group, machine_user, now_ms
from hq_server.closes.closing import OVER, begin, close_next
from hq_server.closes.excluding import exclude
from hq_server.closes.states import close_under_way, closes, period_view, periods
from hq_server.decisions import said
from hq_server.dry_run import dry_run
from hq_server.house import load_house
from hq_server.periods import status
from hq_server.store.connection import Connection, reading, writing
from loyalty_core.calendar import period_named
from loyalty_core.explain import Language

_language: Final = click.option(
    "--language", type=click.Choice(["ko", "en"]), help="Of what people read. [default: the settings']"
)


@group("period")
def period_group() -> None:
    """Qualification periods."""


@command("status")
@click.argument("period_id", required=False)
@_language
def status_command(shell: Shell, period_id: str | None, language: Language | None) -> None:
    """Show the projected tiers, the near-misses, and what each terminal reported last."""
    with shell.reading() as tx:
        found = status(tx, load_house(tx), period_id, now_ms())
    shell.show(found, status_lines(found, language or shell.config.language))


@command("list")
@_language
def list_command(shell: Shell, language: Language | None) -> None:
    """List the periods since the first programme, the latest first, and which of them are closed."""
    with shell.reading() as tx:
        house = load_house(tx)
        found = periods(tx, house, house.today(now_ms()))
    shell.show(found, period_lines(found, language or shell.config.language))


@command("close")
@click.argument("period_id")
@click.option(
    "--dry-run", "is_dry", is_flag=True, help="Show who would move and at what cost; change nothing."
)
@click.option(
    "--exclude",
    "excluded",
    multiple=True,
    metavar="TERMINAL",
    help="Do not wait for a terminal that will not report; may be given several times.",
)
@click.option("--reason", help="Why; with --exclude why these are left out. Without names of people.")
@click.option(
    "--by", metavar="NAME", help="Who decides; asked for with --exclude. [default: this machine's user]"
)
@_language
def close_command(
    shell: Shell,
    period_id: str,
    *,
    is_dry: bool,
    excluded: tuple[str, ...],
    reason: str | None,
    by: str | None,
    language: Language | None,
) -> None:
    """Close a period: every member's tier for the next one. Run again, it goes on where it was cut off."""
    language = language or shell.config.language
    if is_dry:
        with shell.reading() as tx, progress("members", shown=not shell.as_json) as advance:
            tried = dry_run(tx, load_house(tx), period_id, now_ms(), advance)
        shell.show(tried, dry_run_lines(tried, language))
        return
    if excluded and reason is None:
        raise click.UsageError("--exclude asks for --reason")
    decides = said((by or "") if excluded else (by or machine_user()), reason or OVER)
    with shell.database() as connection:
        with writing(connection) as tx:
            house = load_house(tx)
            period = period_named(period_id, house.newest.period_months)
            for terminal_id in excluded:
                exclude(tx, house, period, terminal_id, decides, now_ms())
            begin(tx, house, period, decides, now_ms())
        with progress("buckets", shown=not shell.as_json) as advance:
            while _closed_one(connection, period_id):
                advance(1)
        with reading(connection) as tx:
            found = period_view(tx, load_house(tx), period, closes(tx)[period_id])
    shell.show(found, closed_lines(found, language))


def _closed_one(connection: Connection, period_id: str) -> bool:
    """Close one more bucket of a period; returns whether there was any."""
    with writing(connection) as tx:
        under_way = close_under_way(tx)
        if under_way is None or under_way.period_id != period_id:
            return False
        return close_next(tx, load_house(tx), now_ms())


for _command in (status_command, list_command, close_command):
    period_group.add_command(_command)
COMMANDS: Final = (period_group,)
