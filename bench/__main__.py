"""`make bench`: every figure beside its floor. `--events 20000` for a look, `--json FILE` to keep it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from bench import folder_intake, hq_ingest, one_receipt, till_to_hq
from bench.figures import Figure, as_json, show
from bench.programs import cores


@click.command()
@click.option("--events", default=100_000, show_default=True, help="Receipts in the large measurements.")
@click.option("--only", multiple=True, type=click.Choice(["http", "folder", "ingest", "sync", "baskets"]))
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here as well.")
def main(events: int, only: tuple[str, ...], json_file: Path | None) -> None:
    """Measure the till and headquarters on this machine."""
    measures: dict[str, Callable[[Path], list[Figure]]] = {
        "http": lambda folder: one_receipt.measure(folder, many=max(1000, events // 10)),
        "folder": lambda folder: folder_intake.measure(folder, count=events, rounds=1),
        "ingest": lambda folder: hq_ingest.measure(folder, count=events // 5, rounds=3),
        "sync": lambda folder: till_to_hq.measure(folder, count=events, lines=0),
        "baskets": lambda folder: till_to_hq.measure(
            folder, count=events // 5, lines=till_to_hq.LINES_IN_A_BASKET
        ),
    }
    click.echo(f"{cores()} cores; the machine's speed drifts: only ratios of one run compare")
    figures: list[Figure] = []
    for name in only or measures:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="dangol-bench-") as folder:
            figures += measures[name](Path(folder) / name)
        click.echo(f"{name}: measured in {time.perf_counter() - start:.0f} s", err=True)
    show(figures)
    if json_file is not None:
        json_file.write_text(as_json(figures), "utf-8")


if __name__ == "__main__":
    main()
