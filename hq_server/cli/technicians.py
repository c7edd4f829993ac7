"""`technician add | pin | list | pass | passes | revoke | actions`."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final, get_args

import click

from hq_server import technicians
from hq_server.cli.lines import table, to_minute
from hq_server.cli.proving import new_secret
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.cli.technician_words import (
    drawn,
    on_terminal,
    pass_value,
    show_pass,
    show_technician,
    subject_of,
    technician_value,
    write_new,
)
from hq_server.fleet import find_terminal
from hq_server.fleet_view import at_text
from hq_server.technician_actions import DAYS_MAX, actions
from loyalty_core.errors import BadInput
from loyalty_core.passes import Role, pass_digits, seal_pass
from loyalty_shell import passwords

MADE_DIGITS: Final = 8
HOURS_MAX: Final = 24
_PIN_FILE: Final = click.option(
    "--pin-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where the PIN stands; - is standard input. [default: ask]",
)
_NEW_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@group("technician")
def technician_group() -> None:
    """Those who look after tills: who they are, the passes they log in with, and what they did."""


@command("add")
@click.argument("name")
@click.option("--store", "stores", multiple=True, help="Where they may log in. [default: everywhere]")
@_PIN_FILE
def add_command(shell: Shell, name: str, stores: tuple[str, ...], pin_file: Path | None) -> None:
    """Make somebody a technician. A PIN that is made is shown only now."""
    verifier, made = _new_pin(shell, name, pin_file)
    with shell.writing() as tx:
        found = technicians.add_technician(tx, name, stores, verifier, now_ms())
        shell.about(subject_of(found.name))
    where = ", ".join(found.stores) or "every store"
    show_technician(shell, found, f"{found.name} is a technician of {where}.", made)


@command("pin")
@click.argument("name")
@_PIN_FILE
def pin_command(shell: Shell, name: str, pin_file: Path | None) -> None:
    """Give a technician another PIN; a till takes it once it has heard from headquarters."""
    verifier, made = _new_pin(shell, name, pin_file)
    with shell.writing() as tx:
        found = technicians.set_pin(tx, name, verifier, now_ms())
        shell.about(subject_of(found.name))
    show_technician(shell, found, f"{found.name} has another PIN from now on.", made)


@command("list")
def list_command(shell: Shell) -> None:
    """List the technicians, those who were revoked, too."""
    with shell.reading() as tx:
        found = technicians.technicians(tx)
    rows = [
        [
            one.name,
            " ".join(one.stores) or "every store",
            to_minute(at_text(one.made_at_ms)),
            "" if one.revoked_at_ms is None else to_minute(at_text(one.revoked_at_ms)),
        ]
        for one in found
    ]
    heads = ["technician", "stores", "made (UTC)", "revoked (UTC)"]
    shell.show(
        [technician_value(one) for one in found],
        table(heads, rows) if rows else ["There is no technician: hq-server technician add"],
    )


@command("pass")
@click.argument("name")
@click.option("--store", "stores", multiple=True, help="For every till of this store.")
@click.option("--terminal", "terminals", multiple=True, help="For this till.")
@click.option(
    "--hours", type=click.IntRange(1, HOURS_MAX), default=8, show_default=True, help="Good from now for."
)
@click.option(
    "--role",
    type=click.Choice(get_args(Role)),
    default="technician",
    show_default=True,
    help="An observer looks and changes nothing.",
)
@click.option("--out", type=_NEW_FILE, help="Write the pass here: one line of digits.")
@click.option("--qr", type=_NEW_FILE, help="Draw it here as a QR code: .svg or .png.")
@click.option("--show", is_flag=True, help="Draw it on the terminal.")
def pass_command(
    shell: Shell,
    name: str,
    stores: tuple[str, ...],
    terminals: tuple[str, ...],
    hours: int,
    role: Role,
    out: Path | None,
    qr: Path | None,
    *,
    show: bool,
) -> None:
    """Make a pass with which a technician logs in on tills, with their PIN, also where no line is."""
    if out is None and qr is None and not show:
        raise click.UsageError("say where the pass is to go: --out FILE, --qr FILE or --show")
    if qr is not None and qr.suffix not in (".svg", ".png"):
        raise click.UsageError("--qr draws a file that ends in .svg or .png")
    written: list[Path] = []
    try:
        with shell.writing() as tx:
            given = technicians.make_pass(
                tx,
                name,
                stores=stores,
                terminals=terminals,
                hours=hours,
                role=role,
                random=os.urandom(technicians.PASS_ID_BYTES),
                by=shell.who,
                now_ms=now_ms(),
            )
            shell.about(subject_of(given.person))
            signers = shell.keyring.signing(tx).to_anybody()[: technicians.SIGNERS]
            digits = pass_digits(seal_pass(given, *signers))
            for path, data in ((out, f"{digits}\n".encode()), (qr, drawn(digits, qr))):
                if path is not None:
                    write_new(path, data)
                    written.append(path)
    except BaseException:
        # A pass of which headquarters knows nothing could not be taken back.
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise
    if show:
        click.echo(on_terminal(digits), err=shell.as_json)
    show_pass(shell, given, [str(path) for path in written])


@command("passes")
@click.option("--days", type=click.IntRange(0, DAYS_MAX), default=1, show_default=True, help="Good since.")
def passes_command(shell: Shell, days: int) -> None:
    """List the passes that are good or were in the last days: who made them for whom, who took them back."""
    with shell.reading() as tx:
        found = technicians.passes_made(tx, now_ms() - days * 86_400_000)
    rows = [
        [
            one.pass_id,
            one.name,
            " ".join((*one.stores, *one.terminals)),
            one.role,
            one.made_by,
            to_minute(at_text(one.from_ms)),
            to_minute(at_text(one.until_ms)),
            f"by {one.revoked_by}: {one.reason}" if one.revoked_at_ms is not None else "",
        ]
        for one in found
    ]
    heads = ["pass", "technician", "for", "role", "made by", "from (UTC)", "until (UTC)", "revoked"]
    shell.show([pass_value(one) for one in found], table(heads, rows) if rows else ["No pass is good."])


@command("revoke")
@click.argument("name", required=False)
@click.option("--pass", "pass_id", help="This pass alone.")
@click.option("--reason", required=True, help="Why, for who looks later.")
def revoke_command(shell: Shell, name: str | None, pass_id: str | None, reason: str) -> None:
    """Take back all of a technician, or one pass; a till knows it once it has heard from headquarters."""
    if (name is None) == (pass_id is None):
        raise click.UsageError("name a technician, or one pass by --pass")
    with shell.writing() as tx:
        if name is not None:
            named = technicians.revoke_technician(tx, name, reason, shell.who, now_ms()).name
            shell.about(subject_of(named))
            value, sentence = {"technician": named}, f"{named} is no technician any more."
        else:
            technicians.revoke_pass(tx, str(pass_id), reason, shell.who, now_ms())
            shell.about(f"pass:{pass_id}")
            value, sentence = {"pass": str(pass_id)}, f"Pass {pass_id} is taken back."
    late = "A till without a line learns it with its next word from headquarters; no pass outlives a day."
    shell.show(value, [sentence, late])


@command("actions")
@click.option("--terminal", "terminal_id", help="Of this till alone.")
@click.option(
    "--days", type=click.IntRange(1, DAYS_MAX), default=7, show_default=True, help="Reported since."
)
def actions_command(shell: Shell, terminal_id: str | None, days: int) -> None:
    """List what technicians did on tills, as the tills reported it, the newest first, at most 1000."""
    with shell.reading() as tx:
        named = "" if terminal_id is None else find_terminal(tx, terminal_id).terminal_id
        found = actions(tx, named, days, now_ms())
    rows = [
        [one.event, to_minute(one.occurred_at), one.person, one.pass_id, one.action, one.subject, one.outcome]
        for one in found
    ]
    heads = ["event", "at (UTC, till's clock)", "technician", "pass", "action", "about", "outcome"]
    shell.show(found, table(heads, rows) if rows else ["Nothing was reported."])


for _command in (
    add_command,
    pin_command,
    list_command,
    pass_command,
    passes_command,
    revoke_command,
    actions_command,
):
    technician_group.add_command(_command)
COMMANDS: Final = (technician_group,)


def _new_pin(shell: Shell, name: str, file: Path | None) -> tuple[str, str]:
    """Return the verifier of a new PIN, and the PIN itself where this made it.

    Raises:
        BadInput: `pin_weak`, `file_unreadable`.
    """
    typed, made = new_secret(shell, f"PIN of {name}", file, _made_pin)
    pin = technicians.checked_pin(typed.strip())
    return passwords.hashed_password(pin, os.urandom(passwords.SALT_BYTES)), made


def _made_pin() -> str:
    while True:
        with suppress(BadInput):
            return technicians.checked_pin(f"{secrets.randbelow(10**MADE_DIGITS):0{MADE_DIGITS}}")
