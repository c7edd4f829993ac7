"""Rows as CSV (RFC 4180) or JSON. What a spreadsheet would take for a formula begins with `'` in CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

Format = Literal["csv", "json"]
Cell: TypeAlias = str | int | Sequence[str] | Mapping[str, object] | None
Row: TypeAlias = tuple[Cell, ...]
FORMATS: Final[Mapping[Format, str]] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
"""With the content type of each."""
FORMULA: Final = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""Wide ones too: a spreadsheet in Korean or Japanese takes them for their narrow forms. What was written with
`'` before it is written with one more, so that taking one away always gives the text again."""
BOM: Final = "\ufeff"
"""By this a spreadsheet knows that names are UTF-8."""


class Text:
    """The text of an export, some rows after the other: `begin`, `more` for each page, `end`."""

    def __init__(self, columns: Sequence[str], form: Format) -> None:
        self._columns, self._form = columns, form
        self._is_first = True

    def begin(self) -> str:
        """Return what comes before the rows."""
        return BOM + _csv([self._columns]) if self._form == "csv" else "["

    def more(self, rows: Iterable[Row]) -> str:
        """Return the text of the next rows."""
        if self._form == "csv":
            return _csv([_cell(cell) for cell in row] for row in rows)
        return "".join(self._objects(rows))

    def end(self) -> str:
        """Return what comes after the rows: without it a JSON file is not whole."""
        return "" if self._form == "csv" else "\n]\n"

    def _objects(self, rows: Iterable[Row]) -> Iterator[str]:
        for row in rows:
            yield "\n" if self._is_first else ",\n"
            self._is_first = False
            yield msgspec.json.encode(dict(zip(self._columns, row, strict=True))).decode()


def inert(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return "'" + text if FORMULA.match(text) else text


def as_typed(text: str) -> str:
    """Return what `inert` was given: what was taken out can be taken in again."""
    return text[1:] if text.startswith("'") and FORMULA.match(text[1:]) else text


def _cell(cell: Cell) -> str:
    """Return a cell's text. A number is no formula, also where it is negative."""
    if cell is None:
        return ""
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, str):
        return inert(cell)
    return inert(msgspec.json.encode(cell).decode() if isinstance(cell, Mapping) else ";".join(cell))


def _csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
