"""`run` and `status`: the service, and how it does."""

from __future__ import annotations

import sys

import click

from edge_agent.cli.shell import (
    DISK_REFUSES,
    config_of,
    echo_json,
    inert,
    with_config,
)
from edge_agent.clock import MachineClock


@click.command()
@with_config
@click.pass_context
def run(ctx: click.Context) -> None:
    """Run the service until it is told to stop."""
    import asyncio

    from edge_agent.service import serve
    from loyalty_shell.logs import start_logging

    start_logging()
    asyncio.run(serve(config_of(ctx)))


@click.command()
@with_config
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show one screen: link, queue, oldest unsent, quarantine, disk, clock, versions.

    Exits 3 where the disk takes no sales: the first sentence says why, and what to do.
    """
    from edge_agent import disk_state
    from edge_agent import status as screen
    from edge_agent.store.migrations import open_to_read

    config = config_of(ctx)
    conn = open_to_read(config.database)
    told = screen.status(conn, config, MachineClock(), disk_state.refusal(config.data_dir))
    conn.close()
    if as_json:
        echo_json(told)
    for line in () if as_json else screen.lines(told):
        click.echo(inert(line))
    if told.disk_refuses is not None:
        sys.exit(DISK_REFUSES)
