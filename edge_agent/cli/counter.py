"""`counter-pin`: what a cashier types where the counter's page asks for a PIN."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from edge_agent.cli.shell import config_of, echo_json, with_config

_SAID: Final = {"set": "The PIN is set.", "removed": "The PIN is removed.", "none": "There was no PIN."}


@click.command(name="counter-pin")
@with_config
@click.option(
    "--pin-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where the PIN stands; - is standard input. [default: ask twice]",
)
@click.option("--remove", is_flag=True, help="Let the counter have no PIN.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def counter_pin(ctx: click.Context, pin_file: Path | None, remove: bool, as_json: bool) -> None:
    """Set the PIN of the counter's page, or remove it; the service may run.

    The page asks for it where the settings say [counter] access = "pin".
    """
    from edge_agent.counter_pin import remove_pin, set_pin
    from edge_agent.store.migrations import refuse_newer
    from loyalty_shell.data_dir import check_user

    config = config_of(ctx)
    check_user(config.data_dir)
    if remove and pin_file is not None:
        raise click.UsageError("--remove takes no PIN", ctx)
    refuse_newer(config.database)
    if remove:
        done = "removed" if remove_pin(config.data_dir) else "none"
    else:
        set_pin(config.data_dir, _typed(pin_file), os.urandom(16))
        done = "set"
    if as_json:
        echo_json({"counter_pin": done, "asked": config.counter.access == "pin"})
        return
    click.echo(
        {"set": "The PIN is set.", "removed": "The PIN is removed.", "none": "There was no PIN."}[done]
    )
    if done == "set" and config.counter.access != "pin":
        click.echo('The counter does not ask for it yet: say [counter] access = "pin" in the settings.')
    elif done != "set" and config.counter.access == "pin":
        click.echo("Nobody can log in at the counter until another is set.")


def _typed(file: Path | None) -> str:
    """Return the PIN that somebody types twice, or that stands in a file."""
    if file is None:
        typed: str = click.prompt("PIN of the counter", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8", "replace")
    return text.partition("\n")[0]
