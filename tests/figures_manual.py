"""The figures and alerts as the manual names them."""

from __future__ import annotations

import re

from tests.house_sources import ROOT
from tests.prometheus import Read

MANUAL = (ROOT / "docs/operations.md").read_text("utf-8")
OF_BOTH = re.compile(r"`(process_\w+)`")
ROW = re.compile(r"^\| `(dangol_(edge|hq)_\w+)` \|(.*)\| [^|]+ \|$", re.MULTILINE)


def named(program: str) -> dict[str, set[str]]:
    """Return the figures of a program by the manual, with their labels."""
    rows = ROW.findall(MANUAL)
    assert len(rows) == len({name for name, _, _ in rows})
    figures = {name: set(re.findall(r"`(\w+)`", labels)) for name, of, labels in rows if of == program}
    return figures | {name: set() for name in OF_BOTH.findall(MANUAL)}


def labels_of(read: Read) -> set[str]:
    return {name for _, labels in read.figures for name, _ in labels} - {"le"}


def differs(read: dict[str, Read], program: str) -> list[str]:
    """Return where what a program shows is not what the manual says."""
    told = named(program)
    complaints = [f"{name}: only in the manual" for name in told.keys() - read.keys()]
    complaints += [f"{name}: not in the manual" for name in read.keys() - told.keys()]
    shown = {name: labels_of(one) for name, one in read.items() if one.figures and name in told}
    return complaints + [f"{name}: {labels}" for name, labels in shown.items() if labels != told[name]]
