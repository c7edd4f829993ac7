"""Text for people: aligned tables, wrapped where a terminal is narrower. Nothing is wrapped for a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from rich.cells import cell_len

if TYPE_CHECKING:
    from rich.console import Console

GAP: Final = 2
_NARROW: Final = 40
"""A terminal that claims to be narrower is written to as if it were this wide."""


def width_of(stream: TextIO) -> int | None:
    """Return how many columns the terminal behind a stream has; None where there is none."""
    try:
        return max(_NARROW, os.get_terminal_size(stream.fileno()).columns) if stream.isatty() else None
    except (OSError, ValueError):
        return None


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], width: int | None = None) -> Iterator[str]:
    """Return aligned lines, heads first, each at most `width` columns (default: as wide as the terminal).

    Where they do not fit, the widest columns get what the others leave, and their cells go on below.
    """
    cells = [[*heads], *([str(cell) for cell in row] for row in rows)]
    width = width or width_of(sys.stdout)
    widths = [max(cell_len(row[place]) for row in cells) for place in range(len(heads))]
    if width is not None:
        widths = _fitting(widths, width - GAP * (len(heads) - 1))
    for row in cells:
        columns = [folded(cell, most) for cell, most in zip(row, widths, strict=True)]
        for line in range(max(map(len, columns))):
            parts = [column[line] if line < len(column) else "" for column in columns]
            yield (" " * GAP).join(map(_padded, parts, widths)).rstrip()


def folded(text: str, width: int) -> list[str]:
    """Return a text as lines of at most `width` columns, parted at spaces where there are some."""
    if cell_len(text) <= width:
        return [text]
    from rich.text import Text

    return [line.plain.rstrip() for line in Text(text).wrap(_console(), width, overflow="fold")]


def hanging(text: str, stream: TextIO) -> list[str]:
    """Return the lines of a text as a terminal takes them: what goes on below is indented."""
    width = width_of(stream)
    if width is None:
        return text.splitlines()
    made = []
    for line in text.splitlines():
        first, *others = folded(line, width - 4)
        made += [first, *("    " + other for other in others)]
    return made


def to_minute(instant: str) -> str:
    """Return an instant as it stands in JSON, to the minute and without its zone, which the head names."""
    return instant[:16].replace("T", " ")


def _fitting(widths: Sequence[int], room: int) -> list[int]:
    """Return these widths with the widest cut to one level, so that together they fit the room."""
    level = max(widths)
    while sum(min(each, level) for each in widths) > room and level > 1:
        level -= 1
    left = room - sum(min(each, level) for each in widths)
    fitted = [min(each, level) for each in widths]
    fitted[-1] = min(widths[-1], fitted[-1] + max(0, left))
    return fitted


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _console() -> Console:
    from rich.console import Console

    return Console(no_color=True)
