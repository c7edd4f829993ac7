"""`backup` and `restore`: all that brings headquarters back, in one file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from hq_server.cli.shell import Shell, command, now_ms
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

    The file holds the database and HQ's key: who has it can speak as headquarters. Keep it as the key itself.
    """
    from hq_server.backups import back_up, back_up_into

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


@command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Set aside the database that is there.")
def restore(shell: Shell, file: Path, replace: bool) -> None:
    """Make a backup the database of headquarters again. The server must be stopped."""
    from hq_server.backups import restore as bring_back

    check_user(Path(shell.config.data_dir))
    done = bring_back(shell.config, file, replace=replace, random=os.urandom(8), now_ms=now_ms())
    of = "a time that the file does not say" if done.made_at_ms is None else at_text(done.made_at_ms)
    shell.show(
        done,
        [
            f"{done.database} is headquarters as of {of}.",
            *(f"What was there before is {path}." for path in done.set_aside),
            *LOST,
        ],
    )


COMMANDS: Final = (backup, restore)
