"""`verify`, with `--repair`, and `diagnostics`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge_agent.cli.shell import (
    REFUSED,
    config_of,
    echo_json,
    inert,
    say_error,
    with_config,
)
from edge_agent.clock import MachineClock
from edge_agent.config import EdgeConfig


@click.command()
@with_config
@click.option("--repair", is_flag=True, help="Put right what is wrong; the agent must be stopped.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def verify(ctx: click.Context, repair: bool, as_json: bool) -> None:
    """Check the database, every record's hash and the chain; exit 1 with the first bad seq."""
    from edge_agent.repair.steps import Progress, check
    from edge_agent.store.migrations import open_to_read

    if repair:
        _repair(config_of(ctx), as_json=as_json)
        return
    conn = open_to_read(config_of(ctx).database)
    read = 0

    def progress(told: Progress) -> None:
        nonlocal read
        read = told.done if told.phase == "journal" else read
        if sys.stderr.isatty():
            click.echo(f"\r{told.phase}: {told.done:,} of {told.total:,} records", nl=False, err=True)

    fault = check(conn, progress)
    conn.close()
    if sys.stderr.isatty():
        click.echo(err=True)
    if as_json:
        echo_json({"ok": fault is None, "records": read, "fault": fault})
    elif fault is None:
        click.echo(f"{read} records: database, chain and hashes are whole")
    if fault is not None:
        say_error(fault.code, f"{fault.sentence}: stop the agent and run edge-agent verify --repair")
        sys.exit(REFUSED)


def _repair(config: EdgeConfig, *, as_json: bool) -> None:
    """Put right what is wrong and say what was done; exit 1 if something is wrong still."""
    from edge_agent.repair.repairing import repair
    from edge_agent.repair.telling import lines

    done = repair(config, MachineClock())
    if as_json:
        echo_json(done)
    else:
        for line in lines(done):
            click.echo(inert(line))
    if done.fault is not None:
        say_error(done.fault.code, done.fault.sentence)
        sys.exit(REFUSED)


@click.command()
@with_config
@click.argument("file", metavar="FILE.zip", type=click.Path(path_type=Path))
@click.pass_context
def diagnostics(ctx: click.Context, file: Path) -> None:
    """Write what support needs into a zip archive: figures and codes, nothing personal, no keys.

    Works on a till that is damaged or has not joined, too, and says in it what could not be read.
    """
    from edge_agent.diagnostics import diagnostics as collect
    from loyalty_shell.stick import write_file

    data = collect(config_of(ctx), MachineClock())
    write_file(file.absolute().parent, file.name, data)
    click.echo(inert(f"{file}: {len(data):,} bytes"))
