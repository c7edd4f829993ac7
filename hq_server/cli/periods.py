"""`period status`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from hq_server.cli.lines import table
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.house import load_house
from hq_server.periods import PeriodStatus, status


@group("period")
def period_group() -> None:
    """Qualification periods."""


@command("status")
@click.argument("period_id", required=False)
def status_command(shell: Shell, period_id: str | None) -> None:
    """Show the projected tiers, the near-misses, and what each terminal reported last."""
    with shell.reading() as tx:
        found = status(tx, load_house(tx), period_id, now_ms())
    shell.show(found, _lines(found))


period_group.add_command(status_command)
COMMANDS: Final = (period_group,)


def _lines(found: PeriodStatus) -> Iterator[str]:
    yield f"{found.id}, {found.first_day} to {found.last_day}: {found.state}"
    yield ""
    yield from table(
        ["tier", "from", "members"], [[one.tier, one.starts_at, one.members] for one in found.tiers]
    )
    yield ""
    yield f"Within {found.near_miss_points} points of the next tier: {len(found.near_misses)}"
    if found.near_misses:
        yield from table(
            ["member", "points", "next", "missing"],
            [[one.member_id, one.qualifying, one.tier, one.missing] for one in found.near_misses],
        )
    yield ""
    yield from table(
        ["terminal", "state", "last day", "seen at", "waiting"],
        [
            [one.terminal_id, one.state, one.last_day or "", one.seen_at, one.waiting]
            for one in found.terminals
        ],
    )
