"""`audit`: everything derived again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec

from hq_server.archive.seeing import WithArchive
from hq_server.audit import Audited, Difference, audit
from hq_server.cli.progress import progress
from hq_server.cli.shell import Shell, command
from hq_server.store.sqlite.archives import Archive


@command("audit")
@click.option(
    "--archive",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the files of archived batches are.",
)
def audit_command(shell: Shell, folder: Path | None) -> None:
    """Derive everything again from the received bytes; exit 1 at the first difference."""
    with (
        _archive(folder) as archive,
        shell.reading() as tx,
        progress("rows compared", shown=not shell.as_json) as advance,
    ):
        seen = tx if archive is None else WithArchive(tx, archive)
        try:
            done = audit(seen, shell.keyring.signing(tx).public_key, _counting(advance))
        except Difference as error:
            if shell.as_json:
                click.echo(msgspec.json.encode({"ok": False, "difference": str(error)}).decode())
            raise
    counts = msgspec.to_builtins(done)
    others = ("flows", "outstanding", "unseen")
    compared = [(name, count) for name, count in counts.items() if name not in others]
    told = ", ".join(f"{count:,} {name.replace('_', '-')}" for name, count in compared)
    flows = ", ".join(f"{kind.replace('_', ' ')} {points:+,}" for kind, points in done.flows.items())
    points = f"Redeemable points: {flows or 'none'}; outstanding {done.outstanding:,}."
    shell.show({"ok": True} | counts, [f"No difference: {told}.", *_unseen(done), points])


COMMANDS: Final = (audit_command,)


def _unseen(done: Audited) -> list[str]:
    if not done.unseen:
        return []
    return [f"{done.unseen:,} archived batches were not seen, nor what only they tell: give --archive DIR."]


@contextmanager
def _archive(folder: Path | None) -> Iterator[Archive | None]:
    if folder is None:
        yield None
        return
    archive = Archive(folder)
    try:
        yield archive
    finally:
        archive.close()


def _counting(advance: Callable[[int], None]) -> Callable[[str, int], None]:
    return lambda _, count: advance(count)
