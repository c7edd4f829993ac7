"""What all commands share: `--config` before or after the sub-command, `--json`, `--by`, refusals, the time.

Who runs a command has the machine, so a name that is typed proves nothing; it must be one that may do this,
and the access log keeps it. Where none is typed that is the user of the machine.

A command shows one value on standard output: as JSON for programs, or as lines for people. A refusal goes to
standard error in the same way: one JSON value, or one sentence.
"""

from __future__ import annotations

import functools
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import click
import msgspec

from hq_server.cli.faults import refusal_of
from hq_server.cli.lines import hanging
from hq_server.config import DEFAULT_PATH, HqConfig, load_config
from hq_server.key_book import Keyring
from hq_server.keys import keys_in_reach
from hq_server.staff.access import MANY, Kind, keep_access
from hq_server.staff.accounts import allowed, has_accounts
from hq_server.staff.table import COMMANDS, OPEN, Need, need_of_command
from hq_server.store.connection import Connection, Transaction, reading, writing
from hq_server.store.database import opened
from hq_server.store.refusals import NotKept
from loyalty_core.errors import LoyaltyError, ProgrammeErrors, printable
from loyalty_core.units import EpochMs
from loyalty_shell.refusals import was_logged

_META: Final = "hq_server.config_path"
_BY: Final = "by_for_the_log"


class Shell:
    """One run of a command: its settings, its database while open, and how it shows what it found.

    `need` is what the command needs, `what` its words, `by` who was said to run it.
    """

    def __init__(
        self, config_path: Path, *, as_json: bool, need: Need = OPEN, what: str = "", by: str | None = None
    ) -> None:
        self.config_path = config_path
        self.as_json = as_json
        self._need, self.what, self._by = need, what, by
        self._about: dict[str, None] = {}
        self._is_kept = not need.is_kept

    @functools.cached_property
    def config(self) -> HqConfig:
        """The settings, read when first needed."""
        return load_config(self.config_path)

    @functools.cached_property
    def keyring(self) -> Keyring:
        """The private server keys of this machine."""
        return Keyring(lambda: [key for key, _ in keys_in_reach(self.config, "server")])

    @property
    def who(self) -> str:
        """Who runs this: as was said, or as the machine knows it."""
        return self._by or machine_user()

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """Open the database for this command; what it changes is in the access log before it does."""
        with opened(self.config.place) as connection:
            if self._need.changes and not self._is_kept:
                with writing(connection) as tx:
                    self._keep(tx)
            yield connection
            if not self._is_kept:
                with writing(connection) as tx:
                    self._keep(tx)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open the database for one write transaction, in which the access log has it, too."""
        with opened(self.config.place) as connection, writing(connection) as tx:
            yield tx
            self._keep(tx)

    @contextmanager
    def reading(self, *, before_writing: bool = False) -> Iterator[Transaction]:
        """Open the database for one read transaction; what it read of members is in the access log then.

        `before_writing`: the write transaction that follows keeps it, when it is known whom it is about.
        """
        if before_writing:
            with opened(self.config.place) as connection, reading(connection) as tx:
                yield tx
            return
        with self.database() as connection, reading(connection) as tx:
            yield tx

    def about(self, *members: str) -> None:
        """Say for the access log which members this is about, by their ids."""
        self._about.update(dict.fromkeys(members))

    def admit(self) -> None:
        """Let in who runs a command that opens the database in a way of its own."""
        with self.database():
            pass

    def check_name(self) -> None:
        """Refuse a name that was typed and may not do this, before anything else is looked at.

        Raises:
            BadInput: `staff_unknown`, `staff_disabled`, `not_allowed`.
        """
        if self._by is not None and self._need.right is not None:
            with opened(self.config.place) as connection, reading(connection) as tx:
                if has_accounts(tx):
                    allowed(tx, self._by, self._need.right)

    def _keep(self, tx: Transaction) -> None:
        """Keep in the access log what this command does, once."""
        if not self._is_kept:
            kind: Kind = "change" if self._need.changes else "read"
            subjects = self._about or ([] if self._need.changes else [MANY])
            keep_access(tx, now_ms(), self.who, "command", kind, self.what, *subjects)
            self._is_kept = True

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
        own: list[click.Parameter] = list(reversed(getattr(function, "__click_params__", [])))
        name_of_by = next((str(one.name) for one in own if "--by" in one.opts), "")

        def run(*, config_path: Path | None, as_json: bool, **values: object) -> None:
            _remember(config_path)
            context = click.get_current_context()
            path, what = context.meta.get(_META, DEFAULT_PATH), " ".join(_words(context))
            by = values[name_of_by] if name_of_by else values.pop(_BY, None)
            shell = Shell(
                path,
                as_json=as_json,
                need=need_of_command(what),
                what=what,
                by=None if by is None else str(by),
            )
            try:
                shell.check_name()
                function(shell, **values)
            except Exception as error:
                refusal = refusal_of(error)
                if refusal is None:
                    raise
                shell.refuse(refusal)

        as_json = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON.")
        params = [*own, _config_option(), as_json]
        return _Command(name, callback=run, params=params, help=function.__doc__, has_by=bool(name_of_by))

    return make


class _Command(click.Command):
    """A command that takes `--by` wherever the access log keeps it, also where nobody decides."""

    def __init__(self, name: str, *, has_by: bool, **others: Any) -> None:
        super().__init__(name, **others)
        self._has_by = has_by

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters of the command, with `--by` where it has none of its own and is kept."""
        params = super().get_params(ctx)
        need = COMMANDS.get(" ".join(_words(ctx)), OPEN)
        if self._has_by or not need.is_kept:
            return params
        who = click.Option(["--by", _BY], metavar="NAME", help="Who does it. [default: this machine's user]")
        return [*params, who]


def _words(context: click.Context) -> list[str]:
    """Return the words of a command, without the program's."""
    found: list[str] = []
    while context.parent is not None:
        found.insert(0, str(context.info_name))
        context = context.parent
    return found


def machine_user() -> str:
    """Return who runs this, as the machine knows it: also who became root for it."""
    return "os:" + (os.environ.get("SUDO_USER") or getpass.getuser())


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
