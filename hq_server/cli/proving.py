"""Passwords and codes at the keyboard: asked for, read from a file, or made; and what they prove."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from hq_server.cli.shell import Shell, now_ms
from hq_server.staff import persons, totp
from hq_server.staff.accounts import Account, allowed, has_accounts
from hq_server.staff.passwords import MADE_BYTES, checked_password, made_password
from hq_server.store.connection import reading, writing
from hq_server.store.database import opened
from loyalty_core.errors import BadInput
from loyalty_shell import passwords

password_file: Final = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where the password stands, and the code in a second line; - is standard input. [default: ask]",
)


def new_secret(shell: Shell, asked: str, file: Path | None, make: Callable[[], str]) -> tuple[str, str]:
    """Return what was typed, or stands in the file's first line, or was made; and it again where it was made.

    Raises:
        BadInput: `file_unreadable`.
    """
    if file is not None:
        return first_lines(file)[0], ""
    typed = ""
    if sys.stdin.isatty() and not shell.as_json:
        typed = click.prompt(
            f"{asked} (nothing: make one)",
            default="",
            show_default=False,
            hide_input=True,
            confirmation_prompt=True,
            err=True,
        )
    made = "" if typed else make()
    return typed or made, made


def new_password(shell: Shell, name: str, file: Path | None) -> tuple[str, str]:
    """Return what is kept of a new password, and the password itself where this made it.

    It is asked for on a terminal; without one, or where nothing is typed, it is made.

    Raises:
        BadInput: `password_weak`, `file_unreadable`.
    """
    typed, made = new_secret(
        shell, f"Password of {name}", file, lambda: made_password(os.urandom(MADE_BYTES))
    )
    # By chance a name may stand in what was made: it is as good for that.
    password = made or checked_password(typed, name)
    return passwords.hashed_password(password, os.urandom(passwords.SALT_BYTES)), made


def prove(shell: Shell, name: str, file: Path | None) -> None:
    """Let somebody show that they are who was named, where this house has accounts.

    A verdict takes a code besides the password, so that two people are two.

    Raises:
        NotProven: `login_refused`, `login_too_soon`, `totp_missing`.
        BadInput: `staff_unknown`, `staff_disabled`, `not_allowed`, `file_unreadable`.
        TotpUnreadable: the codes cannot be checked here.
    """
    with opened(shell.config.place) as connection:
        with reading(connection) as tx:
            if not has_accounts(tx):
                return
            account = allowed(tx, name, "approve")
        if account.totp is None:
            raise persons.NotProven(
                f"{name} has no codes, and a verdict takes one: hq-server staff totp {name}",
                code="totp_missing",
            )
        shown = _shown(account, file)
        with writing(connection) as tx:
            tried = persons.begin_try(tx, account.name, now_ms(), os.urandom(persons.STRANGER_KEY_BYTES))
        judged = persons.judge(tried, shown, totp.read_key(shell.config.data_dir), now_ms())
        with writing(connection) as tx:
            right = persons.end_try(tx, judged, "command", shell.what, now_ms())
        if not right:
            raise persons.refused()


def _shown(account: Account, file: Path | None) -> persons.Shown:
    if file is not None:
        password, code = first_lines(file)
        return persons.Shown(account.name, password, code)
    password = click.prompt(f"Password of {account.name}", hide_input=True, err=True)
    return persons.Shown(account.name, password, click.prompt("Code", err=True))


def first_lines(file: Path) -> tuple[str, str]:
    """Return the first two lines of a file, without their ends."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadInput(f"{file} cannot be read ({why})", code="file_unreadable") from None
    lines = [*text.splitlines(), "", ""]
    return lines[0], lines[1]
