"""`period status | close`."""

from __future__ import annotations

from typing import Final

import click

from hq_server.cli.period_words import dry_run_lines, status_lines
from hq_server.cli.progress import progress
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.dry_run import dry_run
from hq_server.house import load_house
from hq_server.periods import status
from loyalty_core.errors import BadInput
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


@command("close")
@click.argument("period_id")
@click.option(
    "--dry-run", "is_dry", is_flag=True, help="Show who would move and at what cost; change nothing."
)
@_language
def close_command(shell: Shell, period_id: str, *, is_dry: bool, language: Language | None) -> None:
    """Try the close of a period: who would move between tiers, and what it would cost."""
    if not is_dry:
        raise BadInput(
            "closing a period is not in this release yet: --dry-run shows what a close would do",
            code="close_not_yet",
        )
    with shell.reading() as tx, progress("members", shown=not shell.as_json) as advance:
        found = dry_run(tx, load_house(tx), period_id, now_ms(), advance)
    shell.show(found, dry_run_lines(found, language or shell.config.language))


for _command in (status_command, close_command):
    period_group.add_command(_command)
COMMANDS: Final = (period_group,)
