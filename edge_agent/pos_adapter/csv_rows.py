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
import json
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

import msgspec

from edge_agent.config import Csv
from edge_agent.pos_adapter.csv_cells import (
    day_of,
    decimal,
    local_date,
    local_time,
    minor_units,
    plain,
    receipt_key,
)
from edge_agent.pos_adapter.csv_text import AUTO, Lines, encoding_of, escapes, sep_of, table
from edge_agent.pos_adapter.handed_in import DayTotalIn, HandedIn, TillDay
from edge_agent.pos_adapter.receipt import Key, LineIn, Receipt, ReceiptKind, TenderIn, shown
from edge_agent.pos_adapter.rows import Here, Row
from edge_agent.store.spill import Spill
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
HEADER: Final = "header"
"""What the row is passed over for that says how a file is read."""
HEADER_MAX: Final = 50
"""Titles may stand above the header, so many lines of them."""
DELIMITERS: Final = (",", ";", "\t", "|")
_KINDS: Final[tuple[ReceiptKind, ...]] = ("purchase", "return", "void", "visit")
_NAMING: Final = ("kind", "store", "till", "number", "business_date", "occurred_at", "date")
"""The columns that say of which receipt a row is."""
_COMMON: Final = ("member", "original", "total", "currency", "status")
"""What all rows of a receipt must say alike."""
_TIME: Final = ("occurred_at", "date", "clock", "zone")
"""Where a row says when it was."""
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_FOOTER: Final = re.compile(r"\W*(?:grand\s+)?(?:total|sum|합\s*계|총\s*계|소\s*계)\W*", re.IGNORECASE)
_Cells = dict[str, str]
_Block = list[tuple[int, list[str]]]
"""Rows that stand together in the file, with the lines on which they begin."""


class _Header(msgspec.Struct, frozen=True):
    """The header: its cells, where our columns are, and what parts them."""

    cells: list[str]
    columns: Mapping[str, Ways]
    delimiter: str


def rows(file: BinaryIO, here: Here, *, settings: Csv) -> Iterator[Row]:
    """Yield each receipt of the file as a row, in the order in which they begin; first how it is read.

    Raises:
        BadInput: `encoding_wrong`, `columns_missing`, `csv_invalid`, `shops_mixed`: nothing is read of it.
    """
    encoding = encoding_of(file, settings.encoding)
    lines, spill = Lines(file, encoding), Spill()
    try:
        header = _find_header(lines, settings)
        if said := _said(encoding, header, lines.number):
            yield Row(place=f"line {lines.number}", raw=b"", passed=HEADER, notices=(said,))
        reading = _Reading(header, settings, encoding, here)
        for number, cells, text in table(lines, header.delimiter):
            if isinstance(cells, BadInput):
                raw = reading.raw([]) + text.encode(encoding.removesuffix("-sig"), escapes(encoding))
                yield Row(place=f"line {number}", raw=raw, refusal=cells)
            elif "".join(cells).strip():
                if passed := reading.passed(cells):
                    yield Row(place=f"line {number}", raw=reading.raw([cells]), passed=passed)
                else:
                    reading.see(cells)
                    spill.add(reading.key(number, cells), number, cells)
        for blocks in spill.groups():
            yield reading.row(_joined(blocks))
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


def _said(encoding: str, header: _Header, line: int) -> str:
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


def _find_header(lines: Lines, settings: Csv) -> _Header:
    """Return the header: the first row that has what is needed; titles above it are passed by."""
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
                for _ in range(number + 1):
                    next(lines)
                    lines.done()
                return _Header(cells, columns, delimiter)
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
        return _find_header(lines, settings).delimiter
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


def _lacking(columns: Mapping[str, object], settings: Csv) -> list[str]:
    """Return the needed columns that are neither there nor said otherwise, by their names in the file."""
    said = {*columns, *settings.constants}
    lacking = [name for name in ("till", "number") if name not in said]
    if "store" not in said and not settings.mapping:
        lacking.insert(0, "store")
    if not {"occurred_at", "date"} & said:
        lacking.append("occurred_at")
    if settings.constants.get("kind") == "day_total":
        lacking = [name for name in lacking if name not in {"number", "occurred_at"}]
    theirs = [settings.columns.get(name, name) for name in lacking]
    return [one if isinstance(one, str) else one[0] for one in theirs]


class _Reading:
    """How the rows of one file are read."""

    def __init__(self, header: _Header, settings: Csv, encoding: str, here: Here) -> None:
        self._header, self._settings, self._encoding, self._here = header, settings, encoding, here
        self._naming = {name: header.columns[name] for name in _NAMING if name in header.columns}
        is_told = "store" in header.columns or "store" in settings.constants
        self._shop = () if is_told else header.columns.get("shop", ())
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
        return json.dumps([*key, number] if kind == "day_total" else key)

    def passed(self, cells: list[str]) -> str:
        """Return why a row is no part of a receipt, as the header again or a sum below the rows; else ""."""
        if cells == self._header.cells:
            return HEADER
        ways = self._naming.get("number")
        if ways is None or self._cell(ways, cells):
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

    def row(self, group: _Block) -> Row:
        """Return a receipt's rows as one. Its place is where it begins: it keeps that when more rows come."""
        place = f"line {group[0][0]}"
        raw = self.raw([cells for _, cells in group])
        try:
            for number, cells in group:
                self._check(number, cells)
            items = [(number, self._named(cells)) for number, cells in group]
            if "passed" in {items[0][1].get("kind"), items[0][1].get("status")}:
                return Row(place=place, raw=raw, passed="cancelled")
            handed_in, notices = self._handed_in(items)
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

    def _named(self, cells: list[str]) -> _Cells:
        named = {name: self._cell(ways, cells) for name, ways in self._header.columns.items()}
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

    def _handed_in(self, items: list[tuple[int, _Cells]]) -> tuple[HandedIn, tuple[str, ...]]:
        number, head = items[0]
        if head.get("kind") == "day_total":
            return self._total(number, head), ()
        return self._receipt(items)

    def _store(self, cells: _Cells) -> str:
        return cells.get("store") or (self._here.store_id if self._settings.mapping else "")

    def _at(self, number: int, cells: _Cells) -> tuple[str, tuple[str, ...]]:
        said = cells.get("occurred_at") or f"{cells.get('date', '')} {cells.get('clock', '')}".strip()
        return local_time(said, number, self._settings, cells.get("zone", ""))

    def _total(self, number: int, cells: _Cells) -> DayTotalIn:
        settings = self._settings
        count = cells.get("quantity", "").removesuffix("건").replace(",", "").strip()
        if not (count.isascii() and count.isdecimal() and len(count) <= 9):
            raise BadInput(
                f'line {number}: quantity "{shown(count)}" is not a number of receipts',
                code="amount_impossible",
            )
        date = local_date(cells.get("business_date") or cells.get("date", ""), number, settings)
        if date is None:
            raise BadInput(f"line {number}: a day_total needs its business_date", code="receipt_invalid")
        return DayTotalIn(
            kind="day_total",
            receipt=TillDay(store=self._store(cells), till=cells.get("till", ""), business_date=date),
            count=int(count),
            net_minor=minor_units(cells.get("net_minor", ""), "net_minor", number, settings),
            currency=cells.get("currency") or None,
            occurred_at=self._at(number, cells)[0] if cells.get("occurred_at") else None,
        )

    def _when(self, items: list[tuple[int, _Cells]]) -> tuple[str, tuple[str, ...]]:
        """Return when a receipt was: at the time of its last row, should each have its own."""
        number, head = items[0]
        at, odd = self._at(number, head)
        own = [one for one in items[1:] if any(one[1].get(name) != head.get(name) for name in _TIME)]
        if not own:
            return at, odd
        times = sorted({at, *(self._at(line, cells)[0] for line, cells in own)})
        if len(times) > 1:
            odd += (f"its rows are of times from {times[0]} to {times[-1]}: the last is taken",)
        return times[-1], odd

    def _receipt(self, items: list[tuple[int, _Cells]]) -> tuple[Receipt, tuple[str, ...]]:
        settings, (number, head) = self._settings, items[0]
        named = "void" if head.get("status") == "void" else head.get("kind") or "purchase"
        kind = next((known for known in _KINDS if known == named), None)
        if kind is None:
            raise BadInput(
                f'line {number}: kind "{shown(named)}" is none of {", ".join(_KINDS)}, day_total',
                code="receipt_invalid",
            )
        common = [name for name in _COMMON if name in head]
        for other, cells in items[1:]:
            for name in common:
                if cells[name] != head[name]:
                    raise BadInput(
                        f"lines {number} and {other} are of one receipt but differ in {name}",
                        code="rows_differ",
                    )
        at, odd = self._when(items)
        date = head.get("business_date", "")
        receipt = Receipt(
            kind=kind,
            receipt=Key(
                store=self._store(head),
                till=head.get("till", ""),
                number=_whole("number", head.get("number", ""), number),
                business_date=local_date(date, number, settings),
            ),
            occurred_at=at,
            member=_whole("member", head.get("member", ""), number) or None,
            currency=head.get("currency") or None,
            original=receipt_key(head.get("original", ""), number),
        )
        if kind in {"visit", "void"}:
            return receipt, odd
        return self._with_money(receipt, items), odd

    def _with_money(self, receipt: Receipt, items: list[tuple[int, _Cells]]) -> Receipt:
        """Return a receipt with its amounts; where the settings say so, what is below zero is a return."""
        settings, (number, head) = self._settings, items[0]
        amounts = [self._net(cells, line) for line, cells in items]
        net = minor_units(head["total"], "total", number, settings) if head.get("total") else sum(amounts)
        tax = sum(
            minor_units(cells["tax"], "tax", line, settings) for line, cells in items if cells.get("tax")
        )
        tenders: dict[str, int] = {}
        for (_, cells), amount in zip(items, amounts, strict=True):
            if cells.get("tender"):
                tenders[cells["tender"]] = tenders.get(cells["tender"], 0) + amount
        if head.get("total") and len(tenders) == 1:
            tenders = dict.fromkeys(tenders, net)
        lines = [
            self._line(place, line, cells, net) for place, ((line, cells), net) in _numbered(items, amounts)
        ]
        kind: ReceiptKind = receipt.kind
        if settings.refunds == "negative":
            kind = "return" if net < 0 else kind
            if kind == "return":
                sign = -1 if net < 0 else 1
                net, tax = sign * net, sign * tax
                lines = [_turned(one, sign) for one in lines]
                tenders = {name: sign * amount for name, amount in tenders.items()}
        return msgspec.structs.replace(
            receipt,
            kind=kind,
            net_minor=net,
            tax_minor=max(0, tax),
            lines=lines,
            tenders=[TenderIn(type=name, amount_minor=amount) for name, amount in tenders.items()],
        )

    def _net(self, cells: _Cells, line: int) -> int:
        if "net_minor" in cells or "gross" not in cells:
            said = cells.get("net_minor") or ("0" if cells.get("total") else "")
            return minor_units(said, "net_minor", line, self._settings)
        less = minor_units(cells.get("discount") or "0", "discount", line, self._settings)
        gross = minor_units(cells["gross"], "gross", line, self._settings)
        return gross - abs(less) if gross >= 0 else gross + abs(less)

    def _line(self, place: int, number: int, cells: _Cells, net: int) -> LineIn:
        text = cells.get("line") or str(place)
        if not text.isdecimal() or len(text) > 9:
            raise BadInput(f'line {number}: line "{shown(text)}" is not a number', code="receipt_invalid")
        quantity = decimal(cells.get("quantity") or "1", "quantity", number, self._settings)
        return LineIn(
            number=int(text),
            net_minor=net,
            sku=cells.get("sku", ""),
            category=cells.get("category", ""),
            quantity=quantity,
        )


def _turned(line: LineIn, sign: int) -> LineIn:
    quantity = str(line.quantity)
    return msgspec.structs.replace(line, net_minor=sign * line.net_minor, quantity=quantity.removeprefix("-"))


def _whole(name: str, said: str, number: int) -> str:
    """Refuse what a spreadsheet has rounded: digits of it are gone for good."""
    if re.fullmatch(r"\d(?:[.,]\d+)?E\+\d{1,2}", said, re.IGNORECASE):
        raise BadInput(
            f'line {number}: {name} "{shown(said)}" was rounded by a spreadsheet: export it again, with the '
            "column as text",
            code="number_rounded",
        )
    return said


def _numbered(
    items: list[tuple[int, _Cells]], amounts: list[int]
) -> Iterator[tuple[int, tuple[tuple[int, _Cells], int]]]:
    """Number the items from 1; a receipt of one row that names no item has no lines."""
    if len(items) == 1 and not any(items[0][1].get(name) for name in ("line", "sku", "category")):
        return iter(())
    return enumerate(zip(items, amounts, strict=True), start=1)
