"""What all commands share: `--config` before or after the sub-command, `--json`, refusals, the time now.

A command shows one value on standard output: as JSON for programs, or as lines for people. A refusal goes to
standard error in the same way: one JSON value, or one sentence.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import click
import msgspec

from hq_server.cli.faults import refusal_of
from hq_server.cli.lines import hanging
from hq_server.config import DEFAULT_PATH, HqConfig, load_config
from hq_server.key_book import Keyring
from hq_server.keys import keys_in_reach
from hq_server.store.connection import Connection, Transaction, reading, writing
from hq_server.store.database import opened
from hq_server.store.disk import NotKept
from loyalty_core.errors import LoyaltyError, ProgrammeErrors, printable
from loyalty_core.units import EpochMs
from loyalty_shell.refusals import was_logged

_META: Final = "hq_server.config_path"


class Shell:
    """One run of a command: its settings, its database while open, and how it shows what it found."""

    def __init__(self, config_path: Path, *, as_json: bool) -> None:
        self.config_path = config_path
        self.as_json = as_json

    @functools.cached_property
    def config(self) -> HqConfig:
        """The settings, read when first needed."""
        return load_config(self.config_path)

    @functools.cached_property
    def keyring(self) -> Keyring:
        """The private server keys of this machine."""
        return Keyring(lambda: [key for key, _ in keys_in_reach(self.config, "server")])

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """Open the database for this command."""
        with opened(self.config.database_path) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open the database for one write transaction."""
        with self.database() as connection, writing(connection) as tx:
            yield tx

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open the database for one read transaction."""
        with self.database() as connection, reading(connection) as tx:
            yield tx

    def show(self, value: object, lines: Iterable[str]) -> None:
        """Print the value as JSON where that was asked for, else the lines.

        A line may hold what a till wrote: nothing in it steers a terminal.
        """
        if self.as_json:
            click.echo(msgspec.json.encode(value).decode())
        else:
            for line in lines:
                click.echo(printable(line))

    def refuse(self, error: LoyaltyError) -> NoReturn:
        """Say why nothing, or not all, was done, and end with status 1."""
        if was_logged(error.code, str(error)):
            _end(error)
        if self.as_json:
            told: dict[str, object] = {"code": error.code, "sentence": str(error)}
            if isinstance(error, ProgrammeErrors):
                told["mistakes"] = error.mistakes
            click.echo(msgspec.json.encode({"error": told}).decode(), err=True)
        else:
            for line in hanging(f"error ({error.code}): {error}", sys.stderr):
                click.echo(printable(line), err=True)
        _end(error)

    def say(self, sentence: str) -> None:
        """Tell people what goes on; never in the way of JSON."""
        click.echo(printable(sentence), err=self.as_json)


def _end(error: LoyaltyError) -> NoReturn:
    """End with status 1: at once where the disk has not kept something, since to close would be to write."""
    if isinstance(error, NotKept):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
    sys.exit(1)


def group(
    name: str | None = None, kind: type[click.Group] = click.Group
) -> Callable[[Callable[[], None]], click.Group]:
    """Make a group of commands, of this kind of groups, that takes `--config`."""

    def make(function: Callable[[], None]) -> click.Group:
        return kind(name, callback=_remember, params=[_config_option()], help=function.__doc__)

    return make


def command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command that takes `--config` and `--json` and is given a Shell first."""

    def make(function: Callable[..., None]) -> click.Command:
        def run(*, config_path: Path | None, as_json: bool, **values: object) -> None:
            _remember(config_path)
            path = click.get_current_context().meta.get(_META, DEFAULT_PATH)
            shell = Shell(path, as_json=as_json)
            try:
                function(shell, **values)
            except Exception as error:
                refusal = refusal_of(error)
                if refusal is None:
                    raise
                shell.refuse(refusal)

        own: list[click.Parameter] = list(reversed(getattr(function, "__click_params__", [])))
        as_json = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON.")
        return click.Command(
            name, callback=run, params=[*own, _config_option(), as_json], help=function.__doc__
        )

    return make


def now_ms() -> EpochMs:
    """Return the wall clock."""
    return EpochMs(time.time_ns() // 1_000_000)


def _config_option() -> click.Option:
    return click.Option(
        ["--config", "config_path"],
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"Settings. [default: {DEFAULT_PATH}]",
    )


def _remember(config_path: Path | None) -> None:
    """Keep `--config` for the command, whether it stood before or after it."""
    if config_path is not None:
        click.get_current_context().meta[_META] = config_path
