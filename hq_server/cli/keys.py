"""`key list | rotate | drop`: the keys by which headquarters speaks and publishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from hq_server import key_book
from hq_server.cli.lines import table, to_minute
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.fleet_view import at_text
from hq_server.key_book import HqKey
from hq_server.keys import CREDENTIALS, BadKeyFile, key_file, key_files, keys_in_reach, private_key, read_key
from hq_server.keys import make_key as make_key_file
from hq_server.store.connection import Transaction
from loyalty_core.envelope import fingerprint, key_id, public_of
from loyalty_core.errors import BadInput
from loyalty_core.key_statements import Kind
from loyalty_shell.credentials import credential, is_written
from loyalty_shell.data_dir import check_user


@group("key")
def key_group() -> None:
    """Headquarters' keys: the server's, which signs answers, and the programmes'."""


@command("list")
def list_command(shell: Shell) -> None:
    """List the keys: which sign, which private halves are here, how many tills believe which."""
    with shell.reading() as tx:
        found = [_view(shell, tx, row) for row in key_book.load_book(tx).rows]
    if not found:
        found = [_only(shell)]
    heads = ["key", "fingerprint", "made", "state", "believed by"]
    rows = [
        [one["key"], one["fingerprint"], to_minute(one["made_at"]), one["state"], one["believed_by"]]
        for one in found
    ]
    shell.show(found, table(heads, rows))


@command("rotate")
@click.argument("kind", type=click.Choice(key_book.KINDS))
def rotate_command(shell: Shell, kind: Kind) -> None:
    """Make the next key of a kind, which signs from now on; tills come to believe it by the one before.

    A server that runs notices by itself. The private key that was there stays until it is dropped.
    """
    check_user(Path(shell.config.data_dir))
    handed = [name for name in CREDENTIALS[kind] if credential(name)]
    if handed:
        raise BadInput(
            f"the key is the credential {handed[0]}, which this command cannot change: move it into data_dir "
            "and back afterwards",
            code="key_is_credential",
        )
    with shell.writing() as tx:
        made = key_book.rotate(
            tx,
            kind,
            private=lambda one, public_key: private_key(shell.config, one, public_key),
            first=_first(shell),
            make=lambda one, number: _made(shell, one, number),
            now_ms=now_ms(),
        )
    file = key_file(shell.config, kind, made.number)
    shell.show(
        {
            "key": made.name,
            "fingerprint": fingerprint(made.public_key),
            "file": str(file),
        },
        [
            f"{made.name} ({fingerprint(made.public_key)}) signs from now on; it is {file}.",
            "Next: hq-server backup. Once no till believes the one before (key list): hq-server key drop.",
        ],
    )


@command("drop")
@click.argument("name", metavar="ID")
@click.option("--cut-off", is_flag=True, help="Also where tills believe it, which then must join anew.")
def drop_command(shell: Shell, name: str, *, cut_off: bool) -> None:
    """Give up an older key, such as server-1, and delete its private half here."""
    check_user(Path(shell.config.data_dir))
    with shell.writing() as tx:
        believed = _believed_by(tx, name)
        dropped = key_book.drop(tx, name, believed_by=believed, cut_off=cut_off, now_ms=now_ms())
        still = {
            row.public_key
            for row in key_book.load_book(tx).rows
            if row.dropped_at_ms is None and row.name != name
        }
    removed = [] if dropped.public_key in still else _removed(shell, dropped.public_key)
    shell.show(
        {"key": name, "removed": removed},
        [f"{name} is dropped.", *(f"{file} is deleted." for file in removed)],
    )


for _command in (list_command, rotate_command, drop_command):
    key_group.add_command(_command)
COMMANDS: Final = (key_group,)


def _first(shell: Shell) -> bytes:
    """Return the one key of a house that has no other."""
    for key, _ in keys_in_reach(shell.config, "server"):
        return key
    raise BadKeyFile(f"HQ's key {shell.config.key_path} cannot be read (No such file)", code="key_missing")


def _made(shell: Shell, kind: Kind, number: int) -> bytes:
    """Return the private key of a number: what an attempt that was cut off left, or a new one."""
    file = key_file(shell.config, kind, number)
    return read_key(file) if is_written(file) else make_key_file(file)


def _removed(shell: Shell, public_key: bytes) -> list[str]:
    """Delete the private half of a key that nothing is signed with any more; return where it was."""
    files = [file for kind in key_book.KINDS for file in key_files(shell.config, kind).values()]
    found = [file for file in files if public_of(read_key(file)) == public_key]
    for file in found:
        file.unlink()
    return [str(file) for file in found]


def _believed_by(tx: Transaction, name: str) -> int:
    """Return how many tills that may take part believe a key, when they were last heard, and no later one."""
    row = next((row for row in key_book.load_book(tx).rows if row.name == name), None)
    if row is None:
        return 0
    (count,) = tx.one(
        f"arrivals.tills_believing_{row.kind}", key_id=key_id(row.public_key), first=int(row.number == 1)
    ) or (0,)
    return int(count)


def _view(shell: Shell, tx: Transaction, row: HqKey) -> dict[str, Any]:
    present = row == key_book.load_book(tx).of(row.kind)[-1]
    held = private_key(shell.config, row.kind, row.public_key) is not None
    state = "signs" if present else "dropped" if row.dropped_at_ms is not None else "held"
    return {
        "key": row.name,
        "fingerprint": fingerprint(row.public_key),
        "made_at": at_text(row.made_at_ms),
        "state": state if held or state == "dropped" else f"{state}, not here",
        "believed_by": _believed_by(tx, row.name),
    }


def _only(shell: Shell) -> dict[str, Any]:
    return {
        "key": "server-1 and programme-1",
        "fingerprint": fingerprint(public_of(_first(shell))),
        "made_at": "",
        "state": "signs",
        "believed_by": "all",
    }
