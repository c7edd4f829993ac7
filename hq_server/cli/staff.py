"""`staff add | list | role | password | totp | disable | enable` and `access list`."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Final

import click

from hq_server.cli.lines import table, to_minute
from hq_server.cli.proving import new_password, password_file
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.house import load_house
from hq_server.members import find_member
from hq_server.staff import accounts, totp
from hq_server.staff.access import accesses
from hq_server.staff.accounts import Account, account_view
from hq_server.staff.rights import ROLES
from hq_server.store.connection import Transaction
from loyalty_core.calendar import day_written

DAY_MS: Final = 86_400_000
_ROLES: Final = click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    required=True,
    help="What the person may do; several times for several.",
)


@group("staff")
def staff_group() -> None:
    """The people of headquarters: who they are and what they may do."""


@group("access")
def access_group() -> None:
    """Who looked at members' data, and who changed what."""


@command("add")
@click.argument("name")
@_ROLES
@password_file
def add_command(shell: Shell, name: str, roles: tuple[str, ...], password_file: Path | None) -> None:
    """Make an account for a person. A password that is made is shown only now."""
    kept, made = new_password(shell, name, password_file)
    with shell.writing() as tx:
        found = accounts.add_account(tx, name, roles, kept, now_ms())
    _show(shell, found, f"{found.name} may log in as {', '.join(found.roles)}.", made)


@command("list")
def list_command(shell: Shell) -> None:
    """List the accounts."""
    with shell.reading() as tx:
        found = [account_view(one) for one in accounts.accounts(tx)]
    rows = [
        [
            one.name,
            ", ".join(one.roles),
            "yes" if one.totp else "no",
            one.failures,
            to_minute(one.made_at),
            "" if one.disabled_at is None else to_minute(one.disabled_at),
        ]
        for one in found
    ]
    heads = ["account", "roles", "codes", "wrong tries", "made (UTC)", "disabled (UTC)"]
    shell.show(found, table(heads, rows) if rows else ["There is no account: hq-server staff add"])


@command("role")
@click.argument("name")
@_ROLES
def role_command(shell: Shell, name: str, roles: tuple[str, ...]) -> None:
    """Give an account these roles and no others, from now on."""
    with shell.writing() as tx:
        found = accounts.set_roles(tx, name, roles)
    _show(shell, found, f"{found.name} is {', '.join(found.roles)} from now on.")


@command("password")
@click.argument("name")
@password_file
def password_command(shell: Shell, name: str, password_file: Path | None) -> None:
    """Give an account another password; whoever is logged in by the old one is no more."""
    kept, made = new_password(shell, name, password_file)
    with shell.writing() as tx:
        found = accounts.set_password(tx, name, kept)
    _show(shell, found, f"{found.name} has another password from now on.", made)


@command("totp")
@click.argument("name")
@click.option("--off", is_flag=True, help="Take the codes away, such as of a lost telephone.")
def totp_command(shell: Shell, name: str, *, off: bool) -> None:
    """Give an account codes of six digits for an authenticator; the secret is shown only now.

    With codes a person approves what others propose. People may set their own up by POST /api/v1/totp, which
    nobody else sees.
    """
    secret = b"" if off else os.urandom(totp.SECRET_BYTES)
    with shell.writing() as tx:
        owner, kept = accounts.account_named(tx, name).name, None
        if not off:
            key = totp.make_key(shell.config.data_dir, os.urandom(totp.KEY_BYTES))
            kept = totp.sealed(key, owner, secret, os.urandom(totp.NONCE_BYTES))
        found = accounts.set_totp(tx, owner, kept)
    if off:
        _show(shell, found, f"{owner} has no codes any more, and approves nothing until there are new ones.")
        return
    text, uri = base64.b32encode(secret).decode(), totp.uri_of(secret, owner)
    shell.show(
        {"name": owner, "secret": text, "uri": uri},
        [f"Codes of {owner}, shown only now; take this into an authenticator:", text, uri],
    )


@command("disable")
@click.argument("name")
def disable_command(shell: Shell, name: str) -> None:
    """Shut a person out from now on; what they decided stays."""
    with shell.writing() as tx:
        found = accounts.disable(tx, name, now_ms())
    _show(shell, found, f"{found.name} is disabled.")


@command("enable")
@click.argument("name")
def enable_command(shell: Shell, name: str) -> None:
    """Let a person in again who was shut out."""
    with shell.writing() as tx:
        found = accounts.enable(tx, name)
    _show(shell, found, f"{found.name} may log in again.")


@command("list")
@click.option("--member", help="What was seen or changed of this member, by id, card or phone.")
@click.option("--who", default="", help="What this one did: a person, token:NAME or os:USER.")
@click.option("--since", metavar="DATE", help="From this day on, in UTC.")
@click.option("--before", type=click.IntRange(1, 2**53), help="Older rows than this number.")
def access_command(shell: Shell, member: str | None, who: str, since: str | None, before: int | None) -> None:
    """List who looked at members' data and who changed what, the newest first, at most 1000."""
    since_ms = 0 if since is None else day_written(since) * DAY_MS
    with shell.reading() as tx:
        subject = "" if member is None else _named(shell, tx, member)
        found = accesses(tx, subject=subject, who=who, since_ms=since_ms, before=before or 0)
    rows = [[one.number, to_minute(one.at), one.who, one.kind, one.what, one.subject] for one in found]
    heads = ["number", "at (UTC)", "who", "kind", "what", "about"]
    shell.show(found, table(heads, rows) if rows else ["Nothing is in the log."])


for _command in (
    add_command,
    list_command,
    role_command,
    password_command,
    totp_command,
    disable_command,
    enable_command,
):
    staff_group.add_command(_command)
access_group.add_command(access_command)
COMMANDS: Final = (staff_group, access_group)


def _named(shell: Shell, tx: Transaction, member: str) -> str:
    """Return the id of a member, who may be one that was erased."""
    return find_member(tx, load_house(tx), member, shell.config.phone_region).named


def _show(shell: Shell, found: Account, sentence: str, made: str = "") -> None:
    view = account_view(found)
    told = {name: getattr(view, name) for name in view.__struct_fields__} | (
        {"password": made} if made else {}
    )
    shell.show(told, [sentence, *([f"Password, shown only now: {made}"] if made else [])])
