"""CSV: one row a line item, columns by name; the rows of one receipt are put together again.

Columns: kind, store, till, business_date, number, occurred_at, member, line, sku, category, quantity,
net_minor, tender, original (store/till/business_date/number); and, where a till writes it so, date and clock
in place of occurred_at, zone, gross and discount in place of net_minor, tax, total (of the receipt, on each
of its rows), currency, status. A row's tender paid that row's net. A row of kind `day_total` stands alone:
its quantity is the number of receipts, its net_minor their sum. What is of kind or status `passed` counts
nothing.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from edge_agent.config import Csv
from edge_agent.pos_adapter.csv_cells import day_of, plain
from edge_agent.pos_adapter.csv_header import Header, Ways, find_header
from edge_agent.pos_adapter.csv_receipts import Cells, Receipts
from edge_agent.pos_adapter.csv_text import Lines, encoding_of, escapes, table
from edge_agent.pos_adapter.receipt import shown
from edge_agent.pos_adapter.rows import Here, Row
from edge_agent.store.spill import Spill
from loyalty_core.errors import BadInput

HEADER: Final = "header"
"""What the row is passed over for that says how a file is read."""
_NAMING: Final = ("kind", "store", "till", "number", "business_date", "occurred_at", "date")
"""The columns that say of which receipt a row is."""
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_FOOTER: Final = re.compile(r"\W*(?:grand\s+)?(?:total|sum|합\s*계|총\s*계|소\s*계)\W*", re.IGNORECASE)
_Block = list[tuple[int, list[str]]]
"""Rows that stand together in the file, with the lines on which they begin."""


def rows(file: BinaryIO, here: Here, *, settings: Csv) -> Iterator[Row]:
    """Yield each receipt of the file as a row, in the order in which they begin; first how it is read.

    Raises:
        BadInput: `encoding_wrong`, `columns_missing`, `csv_invalid`, `shops_mixed`: nothing is read of it.
    """
    encoding = encoding_of(file, settings.encoding)
    lines, spill = Lines(file, encoding), Spill()
    try:
        header = find_header(lines, settings)
        if said := _said(encoding, header, lines.number):
            yield Row(place=f"line {lines.number}", raw=b"", passed=HEADER, notices=(said,))
        reading = _Reading(header, settings, encoding, here)
        export = 0  # of several that were put one after the other: a receipt is of one of them
        for number, cells, text in table(lines, header.delimiter):
            if isinstance(cells, BadInput):
                raw = reading.raw([]) + text.encode(encoding.removesuffix("-sig"), escapes(encoding))
                yield Row(place=f"line {number}", raw=raw, refusal=cells)
            elif "".join(cells).strip():
                if passed := reading.passed(cells):
                    export += passed == HEADER
                    yield Row(place=f"line {number}", raw=reading.raw([cells]), passed=passed)
                else:
                    reading.see(cells)
                    spill.add(f"{export} {reading.key(number, cells)}", number, cells)
        for blocks, left_out in spill.groups():
            yield reading.row(_joined(blocks), left_out)
    finally:
        spill.close()
        lines.close()


def is_unfinished(file: BinaryIO) -> bool:
    """Tell whether the file looks as if its writer has not finished its last line."""
    begin = file.read(64)
    size = file.seek(0, io.SEEK_END)
    if not size or begin[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in begin:
        return False
    file.seek(size - 1)
    return file.read(1) != b"\n"


def _said(encoding: str, header: Header, line: int) -> str:
    """Return how a file is read, where that is not as it would be expected to be."""
    if encoding == "utf-8-sig" and header.delimiter == "," and line == 1:
        return ""
    parted = {"\t": "tabs"}.get(header.delimiter, f'"{header.delimiter}"')
    return f"read as {encoding.removesuffix('-sig')}, parted by {parted}, with the header in line {line}"


def _joined(blocks: list[_Block]) -> _Block:
    """Return one receipt's rows. Rows that come again, all of them, after other receipts are a re-export."""
    if len(blocks) == 1:
        return blocks[0]
    first = [cells for _, cells in blocks[0]]
    others = [block for block in blocks[1:] if [cells for _, cells in block] != first]
    return [row for block in (blocks[0], *others) for row in block]


class _Reading:
    """How the rows of one file are read."""

    def __init__(self, header: Header, settings: Csv, encoding: str, here: Here) -> None:
        self._header, self._settings, self._encoding = header, settings, encoding
        self._naming = {name: header.columns[name] for name in _NAMING if name in header.columns}
        self._single = {name: ways[0][0] for name, ways in header.columns.items() if _is_one(ways)}
        self._several = {name: ways for name, ways in header.columns.items() if name not in self._single}
        is_told = "store" in header.columns or "store" in settings.constants
        self._shop = () if is_told else header.columns.get("shop", ())
        self._receipts = Receipts(settings, here)
        self._seen = ""

    def see(self, cells: list[str]) -> None:
        """Look which shop a row is of: where no column or setting says the store, all are of one shop.

        Raises:
            BadInput: `shops_mixed`.
        """
        shop = self._cell(self._shop, cells)
        if not shop or shop == self._seen:
            return
        if self._seen:
            raise BadInput(
                f'it has rows of "{shown(self._seen)}" and of "{shown(shop)}": export one shop, or say which '
                "store each is by folder.csv.columns.store and folder.csv.values.store",
                code="shops_mixed",
            )
        self._seen = shop

    def key(self, number: int, cells: list[str]) -> str:
        """Return the text that says of which receipt a row is."""
        named = {name: self._cell(ways, cells) for name, ways in self._naming.items()}
        kind = self._worded("kind", named.get("kind", self._settings.constants.get("kind", "")))
        at = named.get("occurred_at") or named.get("date", "")
        day = named.get("business_date") or day_of(at, self._settings)
        key = [kind, named.get("store", ""), named.get("till", ""), named.get("number", ""), day]
        return repr([*key, number] if kind == "day_total" else key)

    def passed(self, cells: list[str]) -> str:
        """Return why a row is no part of a receipt, as the header again or a sum below the rows; else ""."""
        if cells == self._header.cells:
            return HEADER
        ways = self._naming.get("number")
        number = "" if ways is None else self._cell(ways, cells)
        if ways is None or (number and not _FOOTER.fullmatch(number)):
            return ""
        first = next((cell.strip() for cell in cells if cell.strip()), "")
        return "footer" if _FOOTER.fullmatch(first) else ""

    def raw(self, table: list[list[str]]) -> bytes:
        """Return rows as a file of their own, with its header, in the encoding in which they came."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self._header.delimiter, lineterminator="\n")
        writer.writerows([self._header.cells, *table])
        written = text.getvalue()
        if self._encoding.startswith("utf-16-"):
            written = "\ufeff" + written
        return written.encode(self._encoding.removesuffix("-sig"), escapes(self._encoding))

    def row(self, group: _Block, left_out: int) -> Row:
        """Return a receipt's rows as one. Its place is where it begins: it keeps that when more rows come."""
        place = f"line {group[0][0]}"
        raw = self.raw([cells for _, cells in group])
        try:
            if left_out:
                raise BadInput(
                    f"{len(group) + left_out} rows from {place} on are of one receipt: is the column of its "
                    "number the right one, and is it filled?",
                    code="receipt_too_large",
                )
            for number, cells in group:
                self._check(number, cells)
            items = [(number, self._named(cells)) for number, cells in group]
            if "passed" in {items[0][1].get("kind"), items[0][1].get("status")}:
                return Row(place=place, raw=raw, passed="cancelled")
            handed_in, notices = self._receipts.handed_in(items)
            return Row(place=place, raw=raw, receipt=handed_in, notices=notices)
        except BadInput as error:
            return Row(place=place, raw=raw, refusal=error)

    def _cell(self, ways: Ways, cells: list[str]) -> str:
        """Return what the first of the columns says that says anything."""
        for places in ways:
            if len(places) == 1:  # as nearly always
                said = cells[places[0]].strip() if places[0] < len(cells) else ""
            else:
                said = " ".join([cells[place].strip() for place in places if place < len(cells)]).strip()
            if said:
                return said
        return ""

    def _worded(self, name: str, said: str) -> str:
        words = self._settings.values.get(name)
        return said if words is None else words.get(said, said)

    def _named(self, cells: list[str]) -> Cells:
        """Return what a row says, by our names of its columns. It has all of its cells."""
        named = {name: cells[place].strip() for name, place in self._single.items()}
        for name, ways in self._several.items():
            named[name] = self._cell(ways, cells)
        for name, said in named.items():
            if said[:1] in {"=", "'"}:
                named[name] = plain(said)
        named = self._settings.constants | named
        for name in self._settings.values:
            if name in named:
                named[name] = self._worded(name, named[name])
        return named

    def _check(self, number: int, cells: list[str]) -> None:
        width = len(self._header.cells)
        if len(cells) < width or "".join(cells[width:]).strip():
            raise BadInput(
                f"line {number} has {len(cells)} cells, the header {width}: is the line cut off?",
                code="row_cut",
            )
        if _UNDECODED.search("".join(cells)):
            raise BadInput(
                f"line {number} is not in the expected encoding: set folder.csv.encoding, such as cp949",
                code="encoding_wrong",
            )


def _is_one(ways: Ways) -> bool:
    return len(ways) == 1 and len(ways[0]) == 1
