"""`desk list | figures`: who is near the next tier, and how the desk has ruled."""

from __future__ import annotations

from typing import Final

import click

from hq_server.cli.cases import language_option
from hq_server.cli.desk_words import figures_lines, near_miss_csv, near_miss_lines
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.desk.figures import figures
from hq_server.desk.near_misses import near_misses
from hq_server.house import load_house
from loyalty_core.explain import Language


@group("desk")
def desk_group() -> None:
    """Members who are near the next tier, and how alike they were treated."""


@command("list")
@click.argument("period_id", required=False)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one line a member.")
@language_option
def list_command(shell: Shell, period_id: str | None, language: Language | None, *, as_csv: bool) -> None:
    """List who lacks little to the next tier: to invite them before the close, to rule on them after it."""
    with shell.reading() as tx:
        found = near_misses(tx, load_house(tx), period_id, now_ms())
    lines = near_miss_csv(found) if as_csv else near_miss_lines(found, language or shell.config.language)
    shell.show(found, lines)


@command("figures")
@click.argument("period_id")
@language_option
def figures_command(shell: Shell, period_id: str, language: Language | None) -> None:
    """Show what was granted and refused in a period, alike and not, by store, person and gap."""
    with shell.reading() as tx:
        found = figures(tx, load_house(tx), shell.config.grants, period_id, now_ms())
    shell.show(found, figures_lines(found, language or shell.config.language))


for _command in (list_command, figures_command):
    desk_group.add_command(_command)
COMMANDS: Final = (desk_group,)
