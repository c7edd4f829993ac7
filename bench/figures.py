"""What a measurement is: medians and ranges of repeated runs, and how they are shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured thing beside its floor and its goal. `values` and `floor` are of equal unit."""

    what: str
    unit: str
    values: tuple[float, ...]
    floor_what: str = ""
    floor: tuple[float, ...] = ()
    goal: str = ""
    met: bool | None = None

    @property
    def ratio(self) -> float | None:
        """The median over the floor's median."""
        if not self.floor:
            return None
        return statistics.median(self.values) / statistics.median(self.floor)


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table(title="Dangol, measured on this machine: median (lowest to highest)", title_justify="left")
    for name in ("what", "measured", "floor", "ratio", "goal", ""):
        table.add_column(name)
    for one in figures:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        verdict = "" if one.met is None else ("met" if one.met else "NOT MET")
        floor = f"{_spread(one.floor, one.unit)}\n{one.floor_what}" if one.floor else ""
        table.add_row(one.what, _spread(one.values, one.unit), floor, ratio, one.goal, verdict)
    Console(width=140).print(table)


def as_json(figures: Sequence[Figure]) -> str:
    """Return the figures for a program."""
    return msgspec.json.format(msgspec.json.encode(figures), indent=1).decode()


def _spread(values: Sequence[float], unit: str) -> str:
    middle = statistics.median(values)
    if len(values) == 1:
        return f"{_number(middle)} {unit}"
    return f"{_number(middle)} {unit} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
