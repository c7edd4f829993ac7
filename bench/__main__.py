"""`make bench`: every figure beside its floor, in turns. `--only PART` runs one part.

`--against REV` measures another revision in the same run, turn by turn with this checkout.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from bench import (
    adapters,
    close,
    folder_intake,
    footprint,
    growth,
    herd,
    hq_ingest,
    hq_on_postgresql,
    hq_processes,
    member_import,
    one_receipt,
    pages,
    printer,
    till_to_hq,
)
from bench.code import Code, code_of, described, this_code
from bench.figures import Figure, Report, as_json
from bench.machine import machine, versions
from bench.peers import all_peers
from bench.peers.installing import Tools
from bench.tables import as_markdown, put_into, show

Measure = Callable[[Sequence[Code], Path], list[Figure]]
IDLE_SECONDS: Final = 33.0
"""Longer than a till that has nothing to say waits before it asks HQ again."""
EVENTS_MIN: Final = 100
"""With fewer a part of them would be none."""


def measures(events: int, rounds: int, members: int, entries: int, peers: bool = False) -> dict[str, Measure]:
    """Return the parts by name, in the order in which they run."""
    return {
        "http": lambda codes, folder: one_receipt.measure(codes, folder, many=events // 10, rounds=rounds),
        "folder": lambda codes, folder: folder_intake.measure(codes, folder, count=events, rounds=rounds),
        "ingest": lambda codes, folder: hq_ingest.measure(codes, folder, count=events // 5, rounds=rounds),
        "members": lambda codes, folder: member_import.measure(codes, folder, count=events, rounds=rounds),
        "postgresql": lambda codes, folder: hq_on_postgresql.measure(
            codes[0], folder, count=events // 5, rounds=rounds
        ),
        "processes": lambda codes, folder: hq_processes.measure(
            codes[0], folder, count=events // 5, rounds=rounds
        ),
        "sync": lambda codes, folder: till_to_hq.measure(
            codes,
            folder,
            count=events,
            lines=0,
            rounds=rounds,
            peers=(lambda: all_peers(Tools())) if peers else list,
        ),
        "baskets": lambda codes, folder: till_to_hq.measure(
            codes, folder, count=events // 5, lines=till_to_hq.LINES_IN_A_BASKET, rounds=rounds
        ),
        "close": lambda codes, folder: close.measure(codes, folder, members=members, rounds=rounds),
        "herd": lambda codes, folder: herd.measure(
            codes, folder, tills=herd.TILLS, sales=max(1, events // 500)
        ),
        "footprint": lambda codes, folder: footprint.measure(
            codes, folder, count=events, rounds=rounds, idle_seconds=IDLE_SECONDS
        ),
        "pages": lambda codes, folder: pages.measure(codes[0], folder, count=events, rounds=rounds),
        "adapters": lambda _, folder: adapters.measure(folder, count=events, rounds=rounds),
        "printer": lambda codes, folder: printer.measure(
            codes[0], folder, count=min(events // 100, 1000), rounds=rounds
        ),
        "growth": lambda codes, folder: growth.measure(codes, folder, growth.Growth(rounds=rounds)),
        "ledger": lambda codes, folder: growth.measure_ledger(
            codes, folder, growth.Growth(sizes=growth.ledger_sizes(entries), rounds=rounds)
        ),
    }


def _writable(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Refuse now what could not be written once everything has been measured."""
    if path is not None and not os.access(path if path.exists() else path.parent, os.W_OK):
        raise click.BadParameter(f"{path} cannot be written")
    return path


FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--events",
    default=100_000,
    type=click.IntRange(min=EVENTS_MIN),
    show_default=True,
    help="Receipts in the large measurements.",
)
@click.option(
    "--rounds",
    default=3,
    type=click.IntRange(min=1),
    show_default=True,
    help="How often everything takes its turn.",
)
@click.option(
    "--members",
    default=1_000_000,
    type=click.IntRange(min=1),
    show_default=True,
    help="Members whose half-year is closed.",
)
@click.option(
    "--entries",
    default=3_000_000,
    type=click.IntRange(min=10_000),
    show_default=True,
    help="Entries in the largest ledger, in tens of thousands.",
)
@click.option("--only", multiple=True, type=click.Choice(list(measures(0, 0, 0, 0))))
@click.option("--against", default="", metavar="REV", help="Measure this revision as well, turn by turn.")
@click.option("--peers", is_flag=True, help="Install other roads in .venv-bench and measure them with sync.")
@click.option("--json", "json_file", type=FILE, callback=_writable, help="Write the figures here as well.")
@click.option("--markdown", type=FILE, callback=_writable, help="Write the tables into this page.")
def main(
    events: int,
    rounds: int,
    members: int,
    entries: int,
    only: tuple[str, ...],
    against: str,
    peers: bool,
    json_file: Path | None,
    markdown: Path | None,
) -> None:
    """Measure the till and headquarters on this machine."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Or the programs and the folder of this run would stay behind.
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="dangol-bench-") as temporary:
        codes = [this_code()]
        if against:
            try:
                codes.append(code_of(against, Path(temporary) / "before"))
            except ValueError as error:
                raise click.ClickException(str(error)) from None
        about = machine(Path(temporary))
        click.echo(f"{about['cores']} cores; the machine's speed drifts: only ratios of one run compare")
        parts = measures(events, rounds, members, entries, peers)
        for name in dict.fromkeys(only) or parts:
            start = time.perf_counter()
            with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=temporary) as folder:
                found = parts[name](codes, Path(folder) / name)
                figures += [msgspec.structs.replace(one, part=name) for one in found]
            click.echo(f"{name}: measured in {time.perf_counter() - start:.0f} s", err=True)
    show(figures)
    report = Report(
        machine=about,
        commit=described(),
        against=described(against) if against else "",
        made_on=datetime.now(UTC).date().isoformat(),
        versions=versions(),
        sizes={"events": events, "rounds": rounds, "members": members, "entries": entries},
        figures=tuple(figures),
    )
    if json_file is not None:
        json_file.write_text(as_json(report), "utf-8")
    if markdown is not None:
        page = markdown.read_text("utf-8") if markdown.exists() else ""
        markdown.write_text(put_into(page, as_markdown(report)), "utf-8")


if __name__ == "__main__":
    main()
