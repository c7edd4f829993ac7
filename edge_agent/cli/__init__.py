"""The command line of the till. One file a group of commands; `shell` is what they share.

Errors are one sentence on stderr with what to do next. Exit 0, 1 (refused), 2 (usage), 3 (`status`: the disk
takes no sales). What a command does not need is not imported.
"""

from __future__ import annotations

import logging
from typing import Final

import click

from edge_agent.cli import checks, counter, joining, printer, profiles, receipts, service, usb
from edge_agent.cli.shell import Commands, with_config
from edge_agent.version import VERSION


@click.group(cls=Commands)
@with_config
@click.version_option(VERSION, prog_name="edge-agent")
def main() -> None:
    """Dangol's agent on the till."""
    if logging.lastResort is not None:
        # What a command logs beside what it says; the service says these its own way.
        logging.lastResort.setFormatter(logging.Formatter('noted (%(message)s): see "Logs" in operations.md'))


COMMANDS: Final = (
    joining.enrol,
    joining.rotate_key,
    counter.counter_pin,
    service.run,
    printer.printer,
    service.status,
    receipts.take,
    profiles.profile_desk,
    checks.verify,
    checks.diagnostics,
    usb.export,
    usb.import_,
    receipts.quarantine_desk,
)
for _command in COMMANDS:
    main.add_command(_command)
