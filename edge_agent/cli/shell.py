"""What all commands share: `--config`, JSON, refusals in one sentence, and text that steers no terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from edge_agent.config import DEFAULT_PATH, EdgeConfig, read_config
from loyalty_core.errors import LoyaltyError
from loyalty_shell.refusals import not_text, of_system, was_logged

REFUSED: Final = 1
DISK_REFUSES: Final = 3


def inert(text: str) -> str:
    """Return what somebody else wrote as it may be printed: no control codes, no turned directions."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def say_error(code: str, sentence: str) -> None:
    """Say why nothing, or not all, was done: to people, or to the journal."""
    if not was_logged(code, sentence):
        click.echo(inert(f"error ({code}): {sentence}"), err=True)


def _leave_if_lost(code: str) -> None:
    """End at once where the disk has not kept what was written: to close a database is to write to it."""
    if code == "disk_failed":
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(REFUSED)


class Commands(click.Group):
    """Tells every refusal in one sentence."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return what is left for the command."""
        if said := not_text(args):
            raise click.UsageError(said, ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Return what a command returns, or end with its refusal."""
        try:
            return super().invoke(ctx)
        except LoyaltyError as error:
            self._refuse(ctx, error)
        except Exception as error:
            from edge_agent.store.database import DatabaseError, damaged_error, store_error

            told: LoyaltyError | None = None
            if isinstance(error, OSError):
                told = of_system(error)
            elif isinstance(error, DatabaseError):
                told = store_error(error)
            elif isinstance(error, UnicodeDecodeError):  # SQLite quotes what is damaged
                told = damaged_error()
            if told is None:
                raise
            self._refuse(ctx, told)

    def _refuse(self, ctx: click.Context, error: LoyaltyError) -> None:
        """Say why, and end. That a database cannot be opened may be the disk's fault; then that is said."""
        if error.code == "store_unreadable":
            from edge_agent.store.database import read_only_error
            from loyalty_shell.data_dir import is_read_only

            error = read_only_error() if is_read_only(config_of(ctx).data_dir) else error
        say_error(error.code, str(error))
        _leave_if_lost(error.code)
        shows = ctx.invoked_subcommand == "status"
        ctx.exit(DISK_REFUSES if shows and error.code in ("disk_read_only", "disk_unreadable") else REFUSED)


def _remember_config(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(dict)["config"] = value


def with_config(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take `--config`, which may stand before or after its name."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        callback=_remember_config,
        expose_value=False,
        is_eager=True,
        help=f"Settings file (default {DEFAULT_PATH}).",
    )(command)


def config_of(ctx: click.Context) -> EdgeConfig:
    """Return the settings that the command was given."""
    return read_config(ctx.ensure_object(dict).get("config", DEFAULT_PATH))


def echo_json(value: object) -> None:
    """Print a value as JSON that people can read, too."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
