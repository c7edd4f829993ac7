"""The header of a CSV: where our columns stand in a file that calls them otherwise."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Final

import msgspec

from edge_agent.config import Csv
from edge_agent.pos_adapter.csv_text import AUTO, Lines, sep_of
from edge_agent.pos_adapter.receipt import shown
from loyalty_core.errors import BadInput

NAMES: Final = (
    *("kind", "store", "till", "business_date", "number", "occurred_at", "member", "line", "sku", "category"),
    *("quantity", "net_minor", "tender", "original"),
)
"""The columns of our own form."""
MORE: Final = ("date", "clock", "zone", "gross", "discount", "tax", "total", "currency", "status", "shop")
"""What other forms have instead or beside. `shop` is which shop it was, in a file that is to be of one."""
Ways = tuple[tuple[int, ...], ...]
"""Where a column of ours may stand: each way is one column, or several together (`Date + Time`)."""
HEADER_MAX: Final = 50
"""Titles may stand above the header, so many lines of them."""
DELIMITERS: Final = (",", ";", "\t", "|")


class Header(msgspec.Struct, frozen=True):
    """The header: its cells, where our columns are, and what parts them."""

    cells: list[str]
    columns: Mapping[str, Ways]
    delimiter: str


def find_header(lines: Lines, settings: Csv) -> Header:
    """Return the header: the first row that has what is needed; titles above it are passed by.

    Raises:
        BadInput: `columns_missing`, `columns_doubled`.
    """
    ahead = lines.peek(HEADER_MAX)
    named = sep_of(ahead[0]) if ahead else None
    delimiters = DELIMITERS if settings.delimiter == AUTO else (settings.delimiter,)
    missing: list[str] | None = None
    for number, line in enumerate(ahead):
        for delimiter in (named,) if named else delimiters:
            try:
                cells = next(csv.reader([line], delimiter=delimiter, strict=True), [])
            except csv.Error:
                continue
            columns = _columns(cells, settings)
            lacking = _lacking(columns, settings)
            if not lacking:
                _refuse_doubles(cells, columns)
                for _ in range(number + 1):
                    next(lines)
                    lines.done()
                return Header(cells, columns, delimiter)
            if len(columns) and (missing is None or len(lacking) < len(missing)):
                missing = lacking
    wanted = missing or _lacking({}, settings)
    raise BadInput(
        f"the header has no column {', '.join(wanted)}: add it, name it in folder.csv.columns, say it in "
        "folder.csv.constants, or set folder.csv.delimiter to what the file uses",
        code="columns_missing",
    )


def delimiter_of(text: str, settings: Csv) -> str:
    """Return what parts the columns of a CSV that begins with its header; a comma where that is not told."""
    lines = Lines(io.BytesIO(text.encode("utf-8", "surrogatepass")), "utf-8")
    try:
        return find_header(lines, settings).delimiter
    except BadInput:
        return "," if settings.delimiter == AUTO else settings.delimiter


def _columns(header: list[str], settings: Csv) -> dict[str, Ways]:
    """Return our column name -> where it stands. In a ready mapping our own names mean nothing."""
    found = {" ".join(title.split()).lower(): place for place, title in enumerate(header)}
    columns: dict[str, Ways] = {}
    for name in (*NAMES, *MORE):
        theirs = settings.columns.get(name, [] if settings.mapping else name)
        for one in [theirs] if isinstance(theirs, str) else theirs:
            whole = " ".join(one.split()).lower()
            parts = [whole] if whole in found else [" ".join(part.split()) for part in whole.split("+")]
            if all(part in found for part in parts):
                columns[name] = (*columns.get(name, ()), tuple([found[part] for part in parts]))
    return columns


def _refuse_doubles(header: list[str], columns: Mapping[str, Ways]) -> None:
    """Refuse a header that has a title twice of which one is read: nobody knows which of the two is meant."""
    titles = [" ".join(title.split()).lower() for title in header]
    for place in {place for ways in columns.values() for places in ways for place in places}:
        if titles.count(titles[place]) > 1:
            raise BadInput(
                f'the header has the column "{shown(header[place])}" twice: rename one of them',
                code="columns_doubled",
            )


def _lacking(columns: Mapping[str, object], settings: Csv) -> list[str]:
    """Return the needed columns that are neither there nor said otherwise, by their names in the file."""
    said = {*columns, *settings.constants}
    lacking = [name for name in ("till", "number") if name not in said]
    if "store" not in said and not settings.mapping:
        lacking.insert(0, "store")
    if not {"occurred_at", "date"} & said:
        lacking.append("date" if "date" in settings.columns else "occurred_at")
    if settings.constants.get("kind") == "day_total":
        lacking = [name for name in lacking if name not in {"number", "occurred_at", "date"}]
    theirs = [settings.columns.get(name, name) for name in lacking]
    return [one if isinstance(one, str) else one[0] for one in theirs]
