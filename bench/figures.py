"""What a measurement is: runs of a thing, of its floor and of another revision, beside what was promised."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

NOW, BEFORE, FLOOR = "now", "before", "floor"


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """A promise about a median: about itself, its ratio to the floor, or what it adds to the floor."""

    limit: float
    of: Literal["itself", "ratio", "excess"] = "itself"
    least: bool = False

    def text(self, unit: str) -> str:
        """Return the promise as the table says it."""
        sign = ">=" if self.least else "<="
        if self.of == "ratio":
            return f"{sign} {self.limit:g} x floor"
        return f"{sign} {'floor + ' if self.of == 'excess' else ''}{self.limit:,g} {unit}"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured thing. `values`, `before` (another revision's) and `floor` are of equal unit.

    Without values it was not measured, and `missing` says why. `part` is the part of the bench that it is of.
    """

    part: str = ""
    what: str
    unit: str
    values: tuple[float, ...] = ()
    before: tuple[float, ...] = ()
    floor_what: str = ""
    floor: tuple[float, ...] = ()
    goal: Goal | None = None
    missing: str = ""

    @property
    def ratio(self) -> float | None:
        """The median over the floor's median."""
        return _over(self.values, self.floor)

    @property
    def change(self) -> float | None:
        """The median over the other revision's median."""
        return _over(self.values, self.before)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal, or without what it is about."""
        if self.goal is None or not self.values or (self.goal.of != "itself" and not self.floor):
            return None
        found = statistics.median(self.values)
        if self.goal.of == "ratio":
            found /= statistics.median(self.floor)
        elif self.goal.of == "excess":
            found -= statistics.median(self.floor)
        return found >= self.goal.limit if self.goal.least else found <= self.goal.limit


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run: the figures, and what must be known of the machine and the code to compare them."""

    machine: Mapping[str, str]
    commit: str
    against: str
    made_on: str
    versions: Mapping[str, str]
    sizes: Mapping[str, int]
    figures: tuple[Figure, ...]


def figure(
    what: str,
    unit: str,
    taken: Mapping[str, Sequence[float]],
    *,
    floor_what: str = "",
    goal: Goal | None = None,
) -> Figure:
    """Return the figure of runs made in turns: this code's, another revision's, the floor's."""
    return Figure(
        what=what,
        unit=unit,
        values=tuple(taken.get(NOW, ())),
        before=tuple(taken.get(BEFORE, ())),
        floor_what=floor_what,
        floor=tuple(taken.get(FLOOR, ())),
        goal=goal,
    )


def as_json(report: Report) -> str:
    """Return a run for a program: all values, and beside them their medians and ratios."""
    told: dict[str, Any] = msgspec.to_builtins(report)
    for one, raw in zip(report.figures, told["figures"], strict=True):
        raw["median"] = statistics.median(one.values) if one.values else None
        raw["ratio"], raw["change"], raw["met"] = one.ratio, one.change, one.met
    return msgspec.json.format(msgspec.json.encode(told), indent=1).decode()


def _over(values: Sequence[float], others: Sequence[float]) -> float | None:
    if not values or not others or not statistics.median(others):
        return None
    return statistics.median(values) / statistics.median(others)
