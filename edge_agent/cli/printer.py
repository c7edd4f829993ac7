"""`printer`: the process between a till and its printer."""

from __future__ import annotations

import click

from edge_agent.cli.shell import config_of, with_config


@click.command()
@with_config
@click.pass_context
def printer(ctx: click.Context) -> None:
    """Pass on to the printers what tills print, and keep copies, until it is told to stop.

    It runs beside the agent and needs no agent: see [[printer]] in the settings.
    """
    from edge_agent.printer.service import serve
    from loyalty_shell.logs import start_logging

    start_logging()
    serve(config_of(ctx))
