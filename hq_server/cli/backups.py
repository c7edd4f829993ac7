"""`backup`, `drill` and `restore`: all that brings headquarters back, in one file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from hq_server.cli.progress import progress
from hq_server.cli.shell import Shell, command, now_ms
from hq_server.config import is_url, without_password
from hq_server.fleet_view import at_text
from loyalty_shell.data_dir import check_user

LOST: Final = (
    "What headquarters did after that is lost: decisions, programmes, imports, coupons, terminals, tokens.",
    "What was revoked or erased since is back: revoke and erase it again.",
    "Tills hand in again what they recorded since; keep them running.",
    "Next: hq-server audit, then start the server.",
)


@command("backup")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(1, 10_000),
    help="TARGET is a folder; keep so many backups there, the newest.",
)
def backup(shell: Shell, target: Path, keep: int | None) -> None:
    """Copy headquarters into one file, while it serves.

    The file holds the database, HQ's key and staff.key: who has it can speak as headquarters. Keep it as the
    keys themselves.
    """
    from hq_server.backups import back_up, back_up_into

    if shell.config.is_postgresql or shell.config.database_path.is_file():
        shell.admit()
    if keep is None:
        made = back_up(shell.config, target, now_ms())
    else:
        made = back_up_into(shell.config, target, keep, now_ms())
    held = "with HQ's key: keep it as safe as that" if made.holds_key else "without HQ's key, a credential"
    shell.show(
        made,
        [
            f"{made.file}: {made.bytes:,} bytes, checked, {held}.",
            *(f"{file} is removed." for file in made.removed),
        ],
    )


@command("drill")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--in",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where there is room for it; else beside the database.",
)
def drill(shell: Shell, file: Path, folder: Path | None) -> None:
    """Restore a backup beside headquarters, audit it there, and take it away again; a server may run."""
    from hq_server.drills import drill as practise

    folder = folder or Path(shell.config.data_dir)
    check_user(folder)
    with progress("rows compared", shown=not shell.as_json) as advance:
        done = practise(
            shell.config,
            file,
            folder,
            random=os.urandom(8),
            now_ms=now_ms(),
            progress=lambda _, count: advance(count),
        )
    of = "a time that the file does not say" if done.made_at_ms is None else at_text(done.made_at_ms)
    found = done.audited
    shell.show(
        done,
        [
            f"Headquarters can be restored from {done.file}, as of {of}.",
            f"Derived again without a difference: {found.events:,} events, {found.entries:,} entries.",
            f"{done.members:,} members hold {found.outstanding:,} points; {done.decisions:,} decisions.",
        ],
    )


@command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Set aside the database that is there.")
def restore(shell: Shell, file: Path, replace: bool) -> None:
    """Make a backup the database of headquarters again. The server must be stopped."""
    from hq_server.backups import restore as bring_back

    check_user(Path(shell.config.data_dir))
    done = bring_back(shell.config, file, replace=replace, random=os.urandom(8), now_ms=now_ms())
    shell.admit()
    of = "a time that the file does not say" if done.made_at_ms is None else at_text(done.made_at_ms)
    shell.show(
        done,
        [
            f"{done.database} is headquarters as of {of}.",
            *(f"What was there before is {path}." for path in done.set_aside),
            *LOST,
        ],
    )


@command("move")
@click.option(
    "--to", required=True, metavar="PLACE", help="The path of a new file, or the URL of an empty PostgreSQL."
)
def move(shell: Shell, to: str) -> None:
    """Move headquarters to another database, audit it there, then have the settings name it.

    The server must be stopped. The old database is headquarters no more; nothing of it is removed.
    """
    from hq_server.moving import line_of
    from hq_server.moving import move as carry

    check_user(Path(shell.config.data_dir))
    shell.admit()
    place = to if is_url(to) else str(Path(to).absolute())
    with progress("rows", shown=not shell.as_json) as advance:
        done = carry(shell.config, shell.config_path, place, shell.keyring, lambda _, count: advance(count))
    named = (
        f"{shell.config_path} names it."
        if done.settings
        else f"Next: write {line_of(without_password(place))} into {shell.config_path}."
    )
    shell.show(
        done,
        [
            f"{done.rows:,} rows were copied, and everything follows from them again: no difference.",
            named,
            "The old database only says that; start the server, and remove it when you no longer want it.",
        ],
    )


COMMANDS: Final = (backup, drill, restore, move)
