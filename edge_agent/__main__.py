"""The command line: enrol, run, status, take, verify, export, import, quarantine.

Errors are one sentence on stderr with what to do next. Exit 0, 1 (refused), 2 (usage), 3 (`status`: the disk
takes no sales). What a command does not need is not imported.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from edge_agent.clock import MachineClock
from edge_agent.config import DEFAULT_PATH, EdgeConfig, read_config
from edge_agent.version import VERSION
from loyalty_core.errors import LoyaltyError
from loyalty_shell.refusals import of_system, was_logged

REFUSED: Final = 1
DISK_REFUSES: Final = 3
TAKE_SHOWN_MAX: Final = 10_000


def _inert(text: str) -> str:
    """Return what somebody else wrote as it may be printed: no control codes, no turned directions."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _say_error(code: str, sentence: str) -> None:
    if not was_logged(code, sentence):
        click.echo(_inert(f"error ({code}): {sentence}"), err=True)


def _leave_if_lost(code: str) -> None:
    """End at once where the disk has not kept what was written: to close a database is to write to it."""
    if code == "disk_failed":
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(REFUSED)


class _Commands(click.Group):
    """Tells every refusal in one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LoyaltyError as error:
            self._refuse(ctx, error)
        except Exception as error:
            from edge_agent.store.database import DatabaseError, store_error

            told: LoyaltyError | None = None
            if isinstance(error, OSError):
                told = of_system(error)
            elif isinstance(error, DatabaseError):
                told = store_error(error)
            if told is None:
                raise
            self._refuse(ctx, told)

    def _refuse(self, ctx: click.Context, error: LoyaltyError) -> None:
        """Say why, and end. That a database cannot be opened may be the disk's fault; then that is said."""
        if error.code == "store_unreadable":
            from edge_agent.store.database import read_only_error
            from loyalty_shell.data_dir import is_read_only

            error = read_only_error() if is_read_only(_config(ctx).data_dir) else error
        _say_error(error.code, str(error))
        _leave_if_lost(error.code)
        shows = ctx.invoked_subcommand == "status"
        ctx.exit(DISK_REFUSES if shows and error.code in ("disk_read_only", "disk_unreadable") else REFUSED)


def _remember_config(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(dict)["config"] = value


def _with_config(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        callback=_remember_config,
        expose_value=False,
        is_eager=True,
        help=f"Settings file (default {DEFAULT_PATH}).",
    )(command)


@click.group(cls=_Commands)
@_with_config
@click.version_option(VERSION, prog_name="edge-agent")
def main() -> None:
    """Dangol's agent on the till."""
    if logging.lastResort is not None:
        # What a command logs beside what it says; the service says these its own way.
        logging.lastResort.setFormatter(logging.Formatter('noted (%(message)s): see "Logs" in operations.md'))


def _config(ctx: click.Context) -> EdgeConfig:
    return read_config(ctx.ensure_object(dict).get("config", DEFAULT_PATH))


def _echo_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


@main.command()
@_with_config
@click.option("--hq", help="HQ's address, https://... [default with --again: as before]")
@click.option("--code", required=True, help="The invite code that HQ printed.")
@click.option("--again", is_flag=True, help="HQ talks to this till no more: join again, keep everything.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def enrol(ctx: click.Context, hq: str | None, code: str, again: bool, as_json: bool) -> None:
    """Join: make this till's key, prove the invite, and learn who this till is.

    With --again a till that has joined is known again to a headquarters that was restored from before that,
    has revoked it by mistake, or has dropped the key that it believes; the service may run.
    """
    import asyncio

    from edge_agent.store.migrations import open_database
    from edge_agent.sync import keys
    from edge_agent.sync.enrol import enrol as join
    from edge_agent.sync.enrol import enrol_again
    from edge_agent.sync.exchange import open_session
    from loyalty_core.envelope import fingerprint, public_of
    from loyalty_core.messages import Enrolled
    from loyalty_shell.data_dir import check_user

    config = _config(ctx)
    check_user(config.data_dir)
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def ask() -> Enrolled:
        async with open_session(config.sync) as session:
            if again:
                return await enrol_again(conn, session, config.data_dir, hq, code)
            return await join(conn, session, config.data_dir, hq or "", code)

    with keys.alone(config.data_dir):
        conn = open_database(config.database)
        enrolled = asyncio.run(ask())
        conn.close()
    print_of_key = fingerprint(public_of(keys.private_key(config.data_dir)))
    if as_json:
        _echo_json(
            {
                "terminal": enrolled.terminal_id,
                "store": enrolled.store_id,
                "fingerprint": print_of_key,
                "approved": enrolled.approved,
                "token_file": str(config.data_dir / keys.TOKEN_FILE),
            }
        )
        return
    click.echo(f"terminal     {enrolled.terminal_id} of store {enrolled.store_id}")
    click.echo(f"fingerprint  {print_of_key}")
    click.echo(f"token file   {config.data_dir / keys.TOKEN_FILE}")
    if again and enrolled.approved:
        click.echo("HQ knows this till again, which hands in all that HQ lacks.")
    elif enrolled.approved:
        click.echo("This till has joined. Start it with: systemctl start dangol-edge (or edge-agent run)")
    else:
        click.echo(
            "HQ must approve this till: compare the fingerprint, then hq-server terminal approve "
            f"{enrolled.terminal_id}. It may sell meanwhile: systemctl start dangol-edge (or edge-agent run)"
        )


@main.command(name="rotate-key")
@_with_config
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def rotate_key(ctx: click.Context, as_json: bool) -> None:
    """Make a new key for this till; HQ takes the old one for a while. The service may run."""
    import asyncio

    from edge_agent.store import terminal
    from edge_agent.store.migrations import open_to_read
    from edge_agent.sync.exchange import open_session
    from edge_agent.sync.rotate import rotate
    from loyalty_core.envelope import fingerprint
    from loyalty_core.messages import Rotated
    from loyalty_shell.data_dir import check_user

    config = _config(ctx)
    check_user(config.data_dir)
    conn = open_to_read(config.database)
    identity = terminal.read(conn)
    conn.close()

    async def ask() -> Rotated:
        async with open_session(config.sync) as session:
            return await rotate(identity, session, config.data_dir)

    rotated = asyncio.run(ask())
    until = datetime.fromtimestamp(rotated.old_until_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if as_json:
        _echo_json(
            {
                "terminal": rotated.terminal_id,
                "fingerprint": fingerprint(rotated.public_key),
                "old_until": until,
            }
        )
        return
    click.echo(f"{rotated.terminal_id} has a new key: {fingerprint(rotated.public_key)}")
    click.echo(f"HQ takes the old one until {until}.")


@main.command()
@_with_config
@click.pass_context
def run(ctx: click.Context) -> None:
    """Run the service until it is told to stop."""
    import asyncio

    from edge_agent.service import serve
    from loyalty_shell.logs import start_logging

    start_logging()
    asyncio.run(serve(_config(ctx)))


@main.command()
@_with_config
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show one screen: link, queue, oldest unsent, quarantine, disk, clock, versions.

    Exits 3 where the disk takes no sales: the first sentence says why, and what to do.
    """
    from edge_agent import disk_state
    from edge_agent import status as screen
    from edge_agent.store.migrations import open_to_read

    config = _config(ctx)
    conn = open_to_read(config.database)
    told = screen.status(conn, config, MachineClock(), disk_state.refusal(config.data_dir))
    conn.close()
    if as_json:
        _echo_json(told)
    for line in () if as_json else screen.lines(told):
        click.echo(_inert(line))
    if told.disk_refuses is not None:
        sys.exit(DISK_REFUSES)


@main.command()
@_with_config
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what each receipt would become; record nothing.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def take(ctx: click.Context, files: tuple[Path, ...], dry_run: bool, as_json: bool) -> None:
    """Hand receipt files in by hand, and show what each receipt became."""
    from edge_agent.take import take_file

    config = _config(ctx)
    refused = 0
    for file in files:
        for became in take_file(config, MachineClock(), file, dry_run=dry_run):
            refused += became["became"] == "refused"
            if as_json:
                click.echo(msgspec.json.encode(became))
            else:
                click.echo(_inert(_line(became)))
    if refused:
        sys.exit(REFUSED)


def _line(became: dict[str, Any]) -> str:
    where = f"{became['file']} {became['place']}: "
    if became["became"] == "refused":
        return f"{where}refused, {_without_place(became['sentence'], became['place'])} ({became['code']})"
    points = became["points"]
    return f"{where}{became['became']} as {became['event']}, {points['redeemable']} points"


def _without_place(sentence: str, place: str) -> str:
    """Return a sentence that does not say again where it is about."""
    return sentence.removeprefix(f"{place}: ")


@main.command()
@_with_config
@click.option("--repair", is_flag=True, help="Put right what is wrong; the agent must be stopped.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def verify(ctx: click.Context, repair: bool, as_json: bool) -> None:
    """Check the database, every record's hash and the chain; exit 1 with the first bad seq."""
    from edge_agent.repair.checking import check_derived
    from edge_agent.store.integrity import verify as check
    from edge_agent.store.migrations import open_to_read

    if repair:
        _repair(_config(ctx), as_json=as_json)
        return
    conn = open_to_read(_config(ctx).database)
    read = 0

    def progress(records: int) -> None:
        nonlocal read
        read = records
        if sys.stderr.isatty():
            click.echo(f"\r{records} records read", nl=False, err=True)

    fault = check(conn, progress) or check_derived(conn)
    conn.close()
    if sys.stderr.isatty():
        click.echo(err=True)
    if as_json:
        _echo_json({"ok": fault is None, "records": read, "fault": fault})
    elif fault is None:
        click.echo(f"{read} records: database, chain and hashes are whole")
    if fault is not None:
        _say_error(fault.code, f"{fault.sentence}: stop the agent and run edge-agent verify --repair")
        sys.exit(REFUSED)


def _repair(config: EdgeConfig, *, as_json: bool) -> None:
    """Put right what is wrong and say what was done; exit 1 if something is wrong still."""
    from edge_agent.repair.repairing import repair
    from edge_agent.repair.telling import lines

    done = repair(config, MachineClock())
    if as_json:
        _echo_json(done)
    else:
        for line in lines(done):
            click.echo(_inert(line))
    if done.fault is not None:
        _say_error(done.fault.code, done.fault.sentence)
        sys.exit(REFUSED)


@main.command()
@_with_config
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show which files there would be; write none.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def export(ctx: click.Context, folder: Path, dry_run: bool, as_json: bool) -> None:
    """Write what waits for headquarters to a stick, where there is no line.

    Headquarters reads it with hq-server import, and writes its replies beside it; edge-agent import installs
    them. The files can be read by headquarters and by tills of this store alone.
    """
    from edge_agent.sync.usb import export as write
    from edge_agent.usb_words import export_lines, exported_line

    files = records = waiting = 0
    for told in write(_config(ctx), MachineClock(), folder, dry_run=dry_run):
        files, records, waiting = files + 1, records + told.records, told.waiting
        click.echo(msgspec.json.encode(told) if as_json else exported_line(told))
    for line in () if as_json else export_lines(files, records, waiting, str(folder), dry_run=dry_run):
        click.echo(_inert(line))


@main.command("import")
@_with_config
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would become of each file; install nothing.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def import_(ctx: click.Context, folder: Path, dry_run: bool, as_json: bool) -> None:
    """Install headquarters' replies from a stick. Again, or with another till's files, is harmless."""
    from edge_agent.sync.usb_replies import import_replies
    from edge_agent.usb_words import imported_line
    from loyalty_shell.stick import as_text

    refused = 0
    for one in import_replies(_config(ctx), folder, dry_run=dry_run):
        told = msgspec.structs.replace(one, file=as_text(one.file), sentence=as_text(one.sentence))
        refused += told.became == "refused" or bool(told.refusals)
        click.echo(msgspec.json.encode(told) if as_json else _inert(imported_line(told)))
    if refused:
        sys.exit(REFUSED)


@main.group(name="quarantine", invoke_without_command=True)
@_with_config
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def quarantine_desk(ctx: click.Context, as_json: bool) -> None:
    """Show what was set aside and why; `retry` hands it in again, `discard` gives it up."""
    from edge_agent.store import quarantine
    from edge_agent.store.migrations import open_to_read

    if ctx.invoked_subcommand is not None:
        return
    conn = open_to_read(_config(ctx).database)
    rows = quarantine.open_rows(conn)
    conn.close()
    if as_json:
        _echo_json(
            [{**msgspec.structs.asdict(row), "raw": row.raw.decode("utf-8", "replace")} for row in rows]
        )
        return
    for row in rows:
        sentence = _without_place(row.sentence, row.place)
        click.echo(_inert(f"{row.quarantine_id}  {row.source} {row.place}: {sentence} ({row.code})"))
        click.echo(_inert("    " + row.raw[:200].decode("utf-8", "replace")))
    if not rows:
        click.echo("nothing is set aside")


@quarantine_desk.command()
@click.argument("quarantine_id", type=int, required=False)
@click.pass_context
def retry(ctx: click.Context, quarantine_id: int | None) -> None:
    """Hand in again one input that was set aside, or all of them."""
    from edge_agent.mending import retry as again

    refused = False
    for number, became in again(_config(ctx), MachineClock(), quarantine_id):
        if became.outcome is None:
            refused = True
            click.echo(_inert(f"{number}  refused again: {became.sentence} ({became.code})"))
        else:
            click.echo(f"{number}  {became.became} as {became.outcome.event}")
    if refused:
        sys.exit(REFUSED)


@quarantine_desk.command()
@click.argument("quarantine_id", type=int)
@click.option("--reason", required=True, help="Why it is given up; this is kept.")
@click.pass_context
def discard(ctx: click.Context, quarantine_id: int, reason: str) -> None:
    """Give up one input that was set aside."""
    from edge_agent.mending import discard as give_up

    give_up(_config(ctx), quarantine_id, reason)
    click.echo(f"{quarantine_id}  discarded")


if __name__ == "__main__":
    main()
