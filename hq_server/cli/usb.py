"""`import`: what technicians carry from tills that have no line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import click
import msgspec

from hq_server.cli.shell import Shell, command, now_ms
from hq_server.cli.usb_words import found_lines, took_line
from hq_server.exchange import answering_of
from hq_server.store.database import Database
from hq_server.usb import PAUSE_S, Stick
from hq_server.usb_requests import Took
from loyalty_core.errors import BadInput
from loyalty_shell.stick import as_text


@command("import")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would become of each file; keep and write nothing.")
def import_command(shell: Shell, folder: Path, *, dry_run: bool) -> None:
    """Take in what tills wrote to a stick, and write beside it what they are told.

    The files are those of edge-agent export; edge-agent import takes the replies. The server may run
    meanwhile. Doing it again is harmless.
    """
    config, taken = shell.config, list[Took]()
    if not dry_run:
        shell.admit()

    def tell(one: Took) -> None:
        replies = tuple(map(as_text, one.replies))
        took = msgspec.structs.replace(
            one, file=as_text(one.file), replies=replies, sentence=as_text(one.sentence)
        )
        taken.append(took)
        if not shell.as_json:
            click.echo(took_line(took, config.language, dry_run=dry_run))

    async def run() -> None:
        database = Database(config.place)
        try:
            stick = Stick(database, answering_of(config), folder, now_ms)
            await stick.run(tell, dry_run=dry_run, pause_s=PAUSE_S if config.address_path.exists() else 0)
        finally:
            database.close()

    asyncio.run(run())
    found = {
        "files": taken,
        "new": sum(took.new for took in taken),
        "refused": sum(bool(took.code) for took in taken),
    }
    shell.show(found, found_lines(taken, str(folder), config.language, dry_run=dry_run))
    if found["refused"]:
        raise BadInput(
            f"{found['refused']} of {len(taken)} files were not taken whole: each line says why; importing "
            "again is harmless",
            code="files_refused",
        )


COMMANDS: Final = (import_command,)
