"""`take` and `quarantine`: receipts by hand, and those that were refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from edge_agent.cli.shell import (
    REFUSED,
    config_of,
    echo_json,
    inert,
    say_error,
    with_config,
)
from edge_agent.clock import MachineClock
from loyalty_core.errors import BadInput

if TYPE_CHECKING:
    from edge_agent.config import EdgeConfig
    from edge_agent.pos_adapter.intake import Became
    from edge_agent.recorder import Recorder
    from edge_agent.store.database import Connection


@click.command()
@with_config
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what each receipt would become; record nothing.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def take(ctx: click.Context, files: tuple[Path, ...], dry_run: bool, as_json: bool) -> None:
    """Hand receipt files in by hand, and show what each receipt became."""
    from edge_agent.take import take_file

    config = config_of(ctx)
    refused = 0
    for file in files:
        try:
            for became in take_file(config, MachineClock(), file, dry_run=dry_run):
                refused += became["became"] == "refused"
                if as_json:
                    click.echo(msgspec.json.encode(became))
                else:
                    click.echo(inert(_line(became)))
        except BadInput as error:  # the other files may be sound
            refused += 1
            sentence = str(error)
            say_error(error.code, sentence if len(files) == 1 else f"{file.name}: {sentence}")
    if refused:
        sys.exit(REFUSED)


def _line(became: dict[str, Any]) -> str:
    where = f"{became['file']} {became['place']}: "
    if became["became"] == "refused":
        return f"{where}refused, {_without_place(became['sentence'], became['place'])} ({became['code']})"
    if became["became"] == "passed":
        return f"{where}passed over: {became['code']}" + (
            f", {became['sentence']}" if became["sentence"] else ""
        )
    points = became["points"]
    seen = f" ({became['receipt']})" if "receipt" in became else ""
    odd = "".join([f"; {said}" for said in became["notices"]])
    return f"{where}{became['became']} as {became['event']}, {points['redeemable']} points{seen}{odd}"


def _without_place(sentence: str, place: str) -> str:
    """Return a sentence that does not say again where it is about."""
    return sentence.removeprefix(f"{place}: ")


@click.group(name="quarantine", invoke_without_command=True)
@with_config
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def quarantine_desk(ctx: click.Context, as_json: bool) -> None:
    """Show what was set aside and why; `retry` hands it in again, `discard` gives it up."""
    from edge_agent.store import quarantine
    from edge_agent.store.migrations import open_to_read

    if ctx.invoked_subcommand is not None:
        return
    with closing(open_to_read(config_of(ctx).database)) as conn:
        if as_json:
            rows = quarantine.all_open(conn)
            echo_json(
                [{**msgspec.structs.asdict(row), "raw": row.raw.decode("utf-8", "replace")} for row in rows]
            )
            return
        row = None
        for row in quarantine.all_open(conn):
            sentence = _without_place(row.sentence, row.place)
            click.echo(inert(f"{row.quarantine_id}  {row.source} {row.place}: {sentence} ({row.code})"))
            click.echo(inert("    " + row.raw[:200].decode("utf-8", "replace")))
        if row is None:
            click.echo("nothing is set aside")


@quarantine_desk.command()
@click.argument("quarantine_id", type=int, required=False)
@click.pass_context
def retry(ctx: click.Context, quarantine_id: int | None) -> None:
    """Hand in again one input that was set aside, or all of them."""
    from edge_agent import mending
    from edge_agent.store import quarantine
    from edge_agent.store.database import transaction

    refused = False
    with _writing(ctx) as (conn, config, recorder):
        all_of_them = quarantine.least_lately(conn, config.quarantine_rows_max)
        chosen = [quarantine_id] if quarantine_id else sorted(all_of_them)
        for number in chosen:
            with transaction(conn):
                row = mending.find(conn, number)
                became = mending.retry(conn, config, recorder, row, MachineClock().wall_ms())
            refused |= _say(number, became)
    if refused:
        sys.exit(REFUSED)


@quarantine_desk.command()
@click.argument("quarantine_id", type=int)
@click.option("--set", "changes", multiple=True, metavar="FIELD=TEXT", help="Another text for a field.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="The whole input, put right.")
@click.pass_context
def mend(ctx: click.Context, quarantine_id: int, changes: tuple[str, ...], file: Path | None) -> None:
    """Change one input that was set aside, and hand it in; without changes show its fields."""
    from edge_agent import mending
    from edge_agent.store.database import transaction

    if file is not None and changes:
        raise click.UsageError("either --set or --file", ctx)
    if any("=" not in one for one in changes):
        raise click.UsageError("--set takes FIELD=TEXT", ctx)
    with _writing(ctx) as (conn, config, recorder):
        waiting = mending.find(conn, quarantine_id)
        settings, wanted = mending.csv_of(config, waiting), dict(one.split("=", 1) for one in changes)
        if file is None and not changes:
            for field in mending.fields_of(waiting, settings):
                click.echo(inert(f"{field.name}={field.text}"))
            return
        how = "by command: " + (", ".join(wanted) or "the whole input")
        given = None if file is None else file.read_bytes()
        with transaction(conn):
            refused = mending.find(conn, quarantine_id)
            raw = mending.changed(refused, settings, wanted) if given is None else given
            became = mending.mend(conn, config, recorder, refused, raw, how)
        if _say(quarantine_id, became):
            sys.exit(REFUSED)


@quarantine_desk.command()
@click.argument("quarantine_id", type=int)
@click.option("--reason", required=True, help="Why it is given up; this is kept.")
@click.pass_context
def discard(ctx: click.Context, quarantine_id: int, reason: str) -> None:
    """Give up one input that was set aside."""
    from edge_agent import mending
    from edge_agent.store.database import transaction

    with _writing(ctx) as (conn, _, _), transaction(conn):
        mending.discard(conn, quarantine_id, reason)
    click.echo(f"{quarantine_id}  discarded")


def _say(number: int, became: Became) -> bool:
    """Say what became of an input; tell whether it was refused again."""
    if became.became == "passed":
        click.echo(f"{number}  passed over: {became.code}")
        return False
    if became.outcome is None:
        click.echo(inert(f"{number}  refused again: {became.sentence} ({became.code})"))
        return True
    click.echo(f"{number}  {became.became} as {became.outcome.event}")
    return False


@contextmanager
def _writing(ctx: click.Context) -> Iterator[tuple[Connection, EdgeConfig, Recorder]]:
    """Open the till's database beside a running agent, with what records into it."""
    from edge_agent.recorder import Recorder
    from edge_agent.store.migrations import open_database

    config = config_of(ctx)
    conn = open_database(config.database)
    try:
        yield conn, config, Recorder(config, MachineClock())
    finally:
        conn.close()
