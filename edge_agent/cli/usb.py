"""`export` and `import`: a till without a line."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from edge_agent.cli.shell import (
    REFUSED,
    config_of,
    inert,
    with_config,
)
from edge_agent.clock import MachineClock


@click.command()
@with_config
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show which files there would be; write none.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def export(ctx: click.Context, folder: Path, dry_run: bool, as_json: bool) -> None:
    """Write what waits for headquarters to a stick, where there is no line.

    Headquarters reads it with hq-server import, and writes its replies beside it; edge-agent import installs
    them. The files can be read by headquarters and by tills of this store alone.
    """
    from edge_agent.sync.usb import export as write
    from edge_agent.usb_words import export_lines, exported_line

    files = records = waiting = 0
    for told in write(config_of(ctx), MachineClock(), folder, dry_run=dry_run):
        files, records, waiting = files + 1, records + told.records, told.waiting
        click.echo(msgspec.json.encode(told) if as_json else exported_line(told))
    for line in () if as_json else export_lines(files, records, waiting, str(folder), dry_run=dry_run):
        click.echo(inert(line))


@click.command("import")
@with_config
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would become of each file; install nothing.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def import_(ctx: click.Context, folder: Path, dry_run: bool, as_json: bool) -> None:
    """Install headquarters' replies from a stick. Again, or with another till's files, is harmless."""
    from edge_agent.sync.usb_replies import import_replies
    from edge_agent.usb_words import imported_line
    from loyalty_shell.stick import as_text

    refused = 0
    for one in import_replies(config_of(ctx), folder, dry_run=dry_run):
        told = msgspec.structs.replace(one, file=as_text(one.file), sentence=as_text(one.sentence))
        refused += told.became == "refused" or bool(told.refusals)
        click.echo(msgspec.json.encode(told) if as_json else inert(imported_line(told)))
    if refused:
        sys.exit(REFUSED)
