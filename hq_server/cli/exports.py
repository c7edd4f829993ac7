"""`export members | entries | exceptions | decisions | cases`: all of one kind into a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from hq_server.cli.progress import progress
from hq_server.cli.shell import Shell, command, group
from hq_server.exports.cells import FORMATS, Format, Text
from hq_server.exports.tables import TABLES, What, pages
from loyalty_core.errors import BadInput


@group("export")
def export_group() -> None:
    """All of one kind into a new file that only its owner reads: CSV for spreadsheets, JSON for programs."""


def _export(what: What) -> click.Command:
    @click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
    @click.option("--format", "form", type=click.Choice(list(FORMATS)), default="csv", show_default=True)
    def run(shell: Shell, file: Path, form: Format) -> None:
        shell.admit()
        count = _written(shell, what, file, form)
        shell.show({"file": str(file), "rows": count}, [f"{count:,} rows are in {file}."])

    run.__doc__ = f"Write {TABLES[what].says}, as of one moment."
    made: Callable[[Callable[..., None]], click.Command] = command(what)
    return made(run)


for _what in TABLES:
    export_group.add_command(_export(_what))
COMMANDS: Final = (export_group,)


def _written(shell: Shell, what: What, file: Path, form: Format) -> int:
    """Write the file, whole or not at all; return how many rows it has.

    Raises:
        BadInput: `file_exists`.
    """
    with shell.reading() as tx, progress("rows", shown=not shell.as_json) as advance:
        try:
            opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise BadInput(f"{file} exists already: give another name", code="file_exists") from None
        try:
            with os.fdopen(opened, "w", encoding="utf-8", newline="") as out:
                text, count = Text(TABLES[what].columns, form), 0
                out.write(text.begin())
                for rows in pages(tx, what):
                    out.write(text.more(rows))
                    advance(len(rows))
                    count += len(rows)
                out.write(text.end())
        except BaseException:
            file.unlink()
            raise
    return count
