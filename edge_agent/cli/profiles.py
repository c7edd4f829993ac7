"""`profile`: how what a till prints is read, tried on a print."""

from __future__ import annotations

import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from edge_agent.cli.shell import REFUSED, config_of, echo_json, inert, with_config
from loyalty_core.errors import BadInput, LoyaltyError

if TYPE_CHECKING:
    from edge_agent.config import EdgeConfig
    from edge_agent.pos_adapter.escpos.reading import Read
    from edge_agent.pos_adapter.rows import Here

WIDTH = 14


@click.group(name="profile")
@with_config
def profile_desk() -> None:
    """See how what a till prints is read: `list` names the ready profiles, `try` reads a print by one."""


@profile_desk.command(name="list")
def list_() -> None:
    """Name the ready profiles, each with its first line."""
    from importlib import resources

    from edge_agent.pos_adapter.escpos.profile import READY

    for name in READY:
        written = resources.files("edge_agent.pos_adapter.escpos").joinpath("profiles", f"{name}.toml")
        click.echo(f"{name}  {written.read_text('utf-8').splitlines()[0].removeprefix('# ')}")


@profile_desk.command(name="try")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--profile", "name", help="A ready profile or a file (.toml); otherwise as the settings say.")
@click.option("--till", default="", help="Whose it is where the paper does not say so.")
@click.option("--currency", help="Of the amounts; otherwise the programme's, or KRW.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def try_(
    ctx: click.Context, file: Path, name: str | None, till: str, currency: str | None, as_json: bool
) -> None:
    """Read a print (.escpos), and show what each line was taken for, and the receipt; record nothing."""
    from edge_agent.pos_adapter.adapters import profile_of
    from edge_agent.pos_adapter.escpos.profile import profile
    from edge_agent.pos_adapter.escpos.reading import reads
    from edge_agent.take import opened

    config = config_of(ctx)
    own, whose = profile_of(file.name, config)
    here = _here(config, currency)
    refused = False
    with opened(file) as print_:
        chosen = profile(name, Path()) if name else own
        for read in reads(print_, here, profile=chosen, till=till or whose):
            refused |= read.row.refusal is not None
            if as_json:
                echo_json(_told(read))
            else:
                for line in _lines(read):
                    click.echo(inert(line))
    if refused:
        sys.exit(REFUSED)


def _here(config: EdgeConfig, currency: str | None) -> Here:
    """Return what may be taken as given: as this till knows it, where it has joined."""
    from zoneinfo import ZoneInfo

    from edge_agent.clock import MachineClock
    from edge_agent.pos_adapter.rows import Here
    from edge_agent.recorder import Recorder
    from edge_agent.store.migrations import open_to_read
    from loyalty_core.units import CURRENCY_EXPONENTS

    here = Here(store_id="STORE", zone=ZoneInfo("UTC"), currency="KRW")
    with suppress(LoyaltyError), closing(open_to_read(config.database)) as conn:
        recorder = Recorder(config, MachineClock())
        known = recorder.expectations(recorder.books(conn))
        here = Here(store_id=known.store_id, zone=known.place.zone, currency=known.currency or "KRW")
    if currency is not None:
        if currency not in CURRENCY_EXPONENTS:
            raise BadInput(f'nobody knows the currency "{currency}"', code="currency_unknown")
        here = msgspec.structs.replace(here, currency=currency)
    return here


def _told(read: Read) -> dict[str, Any]:
    row = read.row
    return {
        "place": row.place,
        "lines": [{"text": text, "taken_for": taken} for text, taken in read.lines],
        "receipt": None if row.receipt is None else msgspec.to_builtins(row.receipt),
        "passed": row.passed,
        "code": "" if row.refusal is None else row.refusal.code,
        "sentence": "" if row.refusal is None else str(row.refusal),
        "notices": list(row.notices),
        "is_copy": row.is_copy,
    }


def _lines(read: Read) -> list[str]:
    row = read.row
    said = [row.place, *(f"{taken:>{WIDTH}} | {text}" for text, taken in read.lines)]
    if row.passed:
        said.append(f"  passed over: {row.passed}")
    elif row.refusal is not None:
        said.append(f"  would be set aside: {row.refusal} ({row.refusal.code})")
    else:
        copy = ", a reprint" if row.is_copy else ""
        said.append(f"  would be handed in{copy}: {msgspec.json.encode(row.receipt).decode()}")
    return said
