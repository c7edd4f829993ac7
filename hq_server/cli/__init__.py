"""The command line of headquarters. One file a group of commands; `shell` is what they share."""

from __future__ import annotations

import gc
import sys
from typing import Final

import click

from hq_server.cli import (
    backups,
    cases,
    checks,
    coupons,
    decisions,
    desk,
    exceptions,
    exports,
    fleet,
    gifts,
    house,
    keys,
    members,
    periods,
    programmes,
    receipts,
    retention,
    staff,
    technicians,
    usb,
    webhooks,
)
from hq_server.cli.shell import group
from hq_server.version import VERSION
from loyalty_shell.refusals import not_text

GC_ALLOCATIONS: Final = 100_000


@click.version_option(VERSION, prog_name="hq-server")
@group()
def hq_server() -> None:
    """Headquarters of Dangol: programmes, terminals, members, and the one true ledger."""


GROUPS = (
    house,
    staff,
    programmes,
    keys,
    fleet,
    technicians,
    members,
    receipts,
    decisions,
    coupons,
    periods,
    desk,
    cases,
    gifts,
    checks,
    exceptions,
    exports,
    backups,
    retention,
    usb,
    webhooks,
)
for commands in GROUPS:
    for command in commands.COMMANDS:
        hq_server.add_command(command)


def main() -> None:
    """Run one command: 0 done, 1 refused with one sentence on standard error, 2 wrongly used."""
    # Batches and files are many small values without cycles: looking for these is a tenth of a server's work,
    # and a third of an import's.
    gc.set_threshold(GC_ALLOCATIONS)
    try:
        if said := not_text(sys.argv):
            raise click.UsageError(said)
        hq_server.main(standalone_mode=False)
    except click.Abort:
        click.echo("error (aborted): nothing was done", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
