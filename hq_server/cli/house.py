"""`init`, `serve`, `token`: the house itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import click
import msgspec

from hq_server.cli.lines import table
from hq_server.cli.proving import new_password, password_file
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.config import TEMPLATE, HqConfig
from hq_server.enrolments import found_sealing_key
from hq_server.fleet_view import at_text
from hq_server.house import NotReady, load_house
from hq_server.key_book import found_keys
from hq_server.keys import make_key
from hq_server.setup import found_house
from hq_server.staff.accounts import add_account, has_accounts
from hq_server.staff.rights import OF_PEOPLE, RIGHTS, ROLES, scopes_named
from hq_server.store.connection import reading, writing
from hq_server.store.database import DatabaseMissing, create, opened
from hq_server.tokens import add_token, revoke_token
from loyalty_core.envelope import fingerprint, public_of
from loyalty_core.errors import BadInput
from loyalty_shell.data_dir import check_user

DATA_BESIDE_DEFAULT: Final = "/var/lib/dangol-hq"
TOKEN_BYTES: Final = 32


@command("init")
@click.option("--admin", default="admin", show_default=True, help="Name of the first staff account.")
@click.option(
    "--database", default="", metavar="URL", help="A PostgreSQL database that is empty, in place of a file."
)
@password_file
def init(shell: Shell, admin: str, database: str, password_file: Path | None) -> None:
    """Make the database, HQ's keys and the first staff account, which may do everything.

    Where the settings file does not exist it is written first. A password that is made is shown only now.
    """
    _write_settings(shell.config_path, database)
    config = shell.config
    if database and config.database != database:
        raise BadInput(
            f"{shell.config_path} names another database: leave --database out, or write it there",
            code="database_differs",
        )
    data_dir = Path(config.data_dir)
    check_user(data_dir)
    _check_empty(config)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    data_dir.chmod(0o700)
    try:
        key, programme_key = make_key(config.key_path), make_key(config.programme_key_path)
        kept, made = new_password(shell, admin, password_file)
        _make_database(config, admin, kept, key, programme_key)
    except BaseException:
        _forget(config)
        raise
    found = {
        "config": str(shell.config_path),
        "data_dir": str(data_dir),
        "fingerprint": fingerprint(public_of(key)),
        "programme_key": str(config.programme_key_path),
        "account": admin,
        "password": made,
    }
    shell.show(
        found,
        [
            f"Headquarters is set up in {data_dir}.",
            f"Key: {found['fingerprint']}",
            f"The key that signs programmes is {found['programme_key']}: it may be kept elsewhere.",
            *([f"Password of {admin}, shown only now: {made}"] if made else []),
            f"{admin} approves what others propose once there are codes: hq-server staff totp {admin}",
            "Next: hq-server programme publish FILE, then systemctl start dangol-hq (or hq-server serve).",
        ],
    )


@command("serve")
def serve(shell: Shell) -> None:
    """Answer tills, staff and other systems until told to stop."""
    from hq_server.app import serve as serve_app
    from loyalty_shell.logs import start_logging

    start_logging()
    check_user(Path(shell.config.data_dir))
    asyncio.run(serve_app(shell.config))


@group("token")
def token_group() -> None:
    """API tokens of other systems; people have accounts."""


@command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([right for right in RIGHTS if right not in OF_PEOPLE]),
    multiple=True,
    help="What it opens; several times for several.",
)
@click.option("--metrics-only", is_flag=True, help="For Prometheus: the same as --scope metrics.")
@click.option("--by", metavar="NAME", help="Who answers for it. [default: this machine's user]")
def token_add(
    shell: Shell, name: str, scopes: tuple[str, ...], *, metrics_only: bool, by: str | None
) -> None:
    """Make a token and print it once.

    No token approves, nor manages staff: people do, who prove it. Who answers for one judges nothing that it
    proposes.
    """
    with shell.writing() as tx:
        opens = scopes_named([*scopes, *(["metrics"] if metrics_only else [])])
        answers = by if by is not None and has_accounts(tx) else ""
        token = add_token(tx, name, os.urandom(TOKEN_BYTES), now_ms(), scopes=opens, answers=answers)
    shell.show(
        {"account": name, "token": token, "scopes": sorted(opens)},
        [f"API token of {name}, shown only now: {token}"],
    )


@command("list")
def token_list(shell: Shell) -> None:
    """List the tokens that there are or were."""
    with shell.reading() as tx:
        rows = tx.all("house.tokens")
    found = [
        {
            "account": name,
            "made_at": at_text(made),
            "revoked_at": None if gone is None else at_text(gone),
            "scopes": scopes.split(),
            "answers": answers,
        }
        for name, made, gone, scopes, answers in rows
    ]
    shell.show(
        found,
        table(
            ["token", "made", "revoked", "opens", "answered for by"],
            [
                [f["account"], f["made_at"], f["revoked_at"] or "", " ".join(f["scopes"]), f["answers"]]
                for f in found
            ],
        ),
    )


@command("revoke")
@click.argument("name")
def token_revoke(shell: Shell, name: str) -> None:
    """End a token from now on."""
    with shell.writing() as tx:
        revoke_token(tx, name, now_ms())
    shell.show({"account": name, "revoked": True}, [f"The token of {name} is revoked."])


for _command in (token_add, token_list, token_revoke):
    token_group.add_command(_command)
COMMANDS: Final = (init, serve, token_group)


def _write_settings(path: Path, database: str) -> None:
    """Write settings where there are none; only their owner reads them where they may hold a password."""
    if path.exists():
        return
    line = f"database = {msgspec.json.encode(database).decode()}\n" if database else ""
    inside = path.absolute().parent == Path("/etc/dangol")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600 if database else 0o666)
        path.write_text(
            TEMPLATE.format(data_dir=DATA_BESIDE_DEFAULT if inside else "hq-data", database=line), "utf-8"
        )
    except OSError as error:
        raise BadInput(
            f"settings {path} cannot be written ({error.strerror}): give --config PATH",
            code="config_unwritable",
        ) from None


def _check_empty(config: HqConfig) -> None:
    """Refuse to set up a headquarters where one is, or part of one: which of the two it was, people know."""
    paths = [config.key_path, config.programme_key_path]
    paths += [] if config.is_postgresql else [config.database_path]
    found = [str(path) for path in paths if path.exists()]
    is_founded = _is_founded(config)
    if is_founded and not found:
        raise BadInput(
            f"the database has a headquarters, and {config.data_dir} none of its keys: bring them there",
            code="key_missing",
        )
    if not found:
        return
    if is_founded:
        raise BadInput(
            f"headquarters has been set up in {config.data_dir} already: its data stays as it is",
            code="already_set_up",
        )
    raise BadInput(
        f"{', '.join(found)}: here is no whole headquarters. If an init was cut off, delete what is named, "
        "and run it again; if the database was lost, hq-server restore",
        code="setup_unfinished",
    )


def _is_founded(config: HqConfig) -> bool:
    try:
        with opened(config.place) as connection, reading(connection) as tx:
            load_house(tx)
    except (NotReady, DatabaseMissing):
        return False
    return True


def _forget(config: HqConfig) -> None:
    """Remove a half-made headquarters, so that init can be run again once its obstacle is gone."""
    if not config.is_postgresql:  # which keeps tables that nobody has written to
        for suffix in ("", "-wal", "-shm"):
            config.database_path.with_name(config.database_path.name + suffix).unlink(missing_ok=True)
    config.key_path.unlink(missing_ok=True)
    config.programme_key_path.unlink(missing_ok=True)


def _make_database(config: HqConfig, admin: str, password: str, key: bytes, programme_key: bytes) -> None:
    try:
        connection = create(config.place)
    except OSError as error:
        raise BadInput(
            f"the database cannot be made ({error.strerror})", code="database_unwritable"
        ) from None
    try:
        with writing(connection) as tx:
            found_house(tx, random=os.urandom(8), now_ms=now_ms())
            found_sealing_key(tx, os.urandom(32), now_ms())
            found_keys(tx, key, programme_key, now_ms())
            add_account(tx, admin, ROLES, password, now_ms())
    finally:
        connection.close()
