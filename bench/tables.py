"""A run as a table, on a terminal and in Markdown: median (lowest to highest)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Report

BEGIN: Final = "<!-- tables: written by bench --markdown -->"
END: Final = "<!-- end of tables -->"


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table(title="Dangol, measured on this machine: median (lowest to highest)", title_justify="left")
    heading, rows = cells(figures)
    for name in heading:
        table.add_column(name)
    for row in rows:
        table.add_row(*row)
    Console(width=160).print(table)


def as_markdown(report: Report) -> str:
    """Return a run as a page's part: the machine, the versions, the table."""
    told = [f"{name} {value}" for name, value in {**report.machine, **report.versions}.items()]
    against = f", beside {report.against}" if report.against else ""
    sizes = ", ".join(f"{name} {size:,}" for name, size in report.sizes.items())
    lines = [f"Measured on {report.made_on} at {report.commit}{against}; {'; '.join(told)}. Sizes: {sizes}."]
    for part in dict.fromkeys(one.part for one in report.figures):
        heading, rows = cells([one for one in report.figures if one.part == part])
        lines += ["", f"### {part}", "", _line(heading), _line(["---"] * len(heading))]
        lines += [_line(row) for row in rows]
    return "\n".join(lines) + "\n"


def put_into(page: str, tables: str) -> str:
    """Return a page with these tables where its marks are; a page without marks is the tables alone."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}" if mark and end else tables


def cells(figures: Sequence[Figure]) -> tuple[list[str], list[list[str]]]:
    """Return heading and rows; the columns of another revision only where one was measured."""
    beside = any(one.before for one in figures)
    heading = ["what", "measured", *(["before", "change"] if beside else []), "floor", "ratio", "goal", ""]
    rows = []
    for one in figures:
        change = [_spread(one.before, one.unit), _times(one.change)] if beside else []
        floor = f"{_spread(one.floor, one.unit)}: {one.floor_what}" if one.floor else ""
        goal = one.goal.text(one.unit) if one.goal else ""
        verdict = {None: "", True: "met", False: "NOT MET"}[one.met]
        measured = _spread(one.values, one.unit) if one.values else f"not measured: {one.missing}"
        rows.append([one.what, measured, *change, floor, _times(one.ratio), goal, verdict])
    return heading, rows


def _line(parts: Sequence[str]) -> str:
    return f"| {' | '.join(part.replace('|', '/') for part in parts)} |"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f} x"


def _spread(values: Sequence[float], unit: str) -> str:
    if not values:
        return ""
    middle = statistics.median(values)
    if len(values) == 1:
        return f"{_number(middle)} {unit}"
    return f"{_number(middle)} {unit} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
