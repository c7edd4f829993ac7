"""CSV: one row a line item, columns by name; the rows of one receipt are put together again.

Columns: kind, store, till, business_date, number, occurred_at, member, line, sku, category, quantity,
net_minor, tender, original (store/till/business_date/number). The settings may rename columns and say how the
till writes dates and amounts. A row's tender paid that row's net. A row of kind `day_total` stands alone: its
quantity is the number of receipts, its net_minor their sum.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from edge_agent.config import Csv
from edge_agent.pos_adapter.csv_cells import decimal, local_date, local_time, minor_units, receipt_key
from edge_agent.pos_adapter.handed_in import DayTotalIn, HandedIn, TillDay
from edge_agent.pos_adapter.receipt import Key, LineIn, Receipt, ReceiptKind, TenderIn, shown
from edge_agent.pos_adapter.rows import Here, Row
from loyalty_core.errors import BadInput

NEEDED: Final = ("store", "till", "number", "occurred_at")
NAMES: Final = (
    *("kind", "store", "till", "business_date", "number", "occurred_at", "member", "line", "sku", "category"),
    *("quantity", "net_minor", "tender", "original"),
)
_KINDS: Final[tuple[ReceiptKind, ...]] = ("purchase", "return", "void", "visit")
BROKEN_MAX: Final = 1000
"""Lines that are no CSV: beyond this many it is the file or its settings that are wrong."""
_NAMING: Final = ("kind", "store", "till", "number", "business_date", "occurred_at")
"""The columns that say of which receipt a row is."""
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_Cells = dict[str, str]
_Key = tuple[str, ...]
_Block = list[tuple[int, list[str]]]
"""Rows that stand together in the file, with the lines on which they begin."""


def rows(file: BinaryIO, _here: Here, *, settings: Csv) -> Iterator[Row]:
    """Yield each receipt of the file as a row, in the order in which they begin.

    Raises:
        BadInput: `encoding_wrong`, `columns_missing`, `csv_invalid`: nothing of the file can be read.
    """
    data = file.read()
    encoding = _encoding(data, settings)
    lines = io.StringIO(_decoded(data, encoding, settings), newline="").readlines()
    table = _table(lines, settings)
    _, header = next(table, (0, []))
    if isinstance(header, BadInput):
        raise header
    columns = _columns(header, settings)
    naming = {name: columns[name] for name in _NAMING if name in columns}
    groups: dict[_Key, list[_Block]] = {}
    open_key: _Key = ()
    for number, cells in table:
        if isinstance(cells, BadInput):
            raw = (lines[0] + lines[number - 1]).encode(encoding, _escapes(encoding))
            yield Row(place=f"line {number}", raw=raw, refusal=cells)
        elif "".join(cells).strip():
            named = {name: cells[place].strip() for name, place in naming.items() if place < len(cells)}
            cell, kind = named.get, named.get("kind", "")
            day = cell("business_date") or cell("occurred_at", "")
            key: _Key = (kind, cell("store", ""), cell("till", ""), cell("number", ""), day)
            if kind == "day_total":
                key = (*key, str(number))
            blocks = groups.setdefault(key, [])
            if key != open_key:
                blocks.append([])
            open_key = key
            blocks[-1].append((number, cells))
    for blocks in groups.values():
        yield _row(_joined(blocks), header, columns, settings, encoding)


def is_unfinished(file: BinaryIO) -> bool:
    """Tell whether the file looks as if its writer has not finished its last line."""
    begin = file.read(2)
    size = file.seek(0, io.SEEK_END)
    if not size or begin in {b"\xff\xfe", b"\xfe\xff"}:
        return False
    file.seek(size - 1)
    return file.read(1) != b"\n"


def _joined(blocks: list[_Block]) -> _Block:
    """Return one receipt's rows. Rows that come again, all of them, after other receipts are a re-export."""
    if len(blocks) == 1:
        return blocks[0]
    first = [cells for _, cells in blocks[0]]
    others = [block for block in blocks[1:] if [cells for _, cells in block] != first]
    return [row for block in (blocks[0], *others) for row in block]


def _table(lines: list[str], settings: Csv) -> Iterator[tuple[int, list[str] | BadInput]]:
    """Yield each row with the line on which it begins; one that is broken costs that line, not the file.

    Raises:
        BadInput: `csv_invalid`, when so much is broken that this is no CSV.
    """
    begins, broken = 0, 0
    while begins < len(lines):
        start = begins
        rest = map(lines.__getitem__, range(start, len(lines)))
        reader = csv.reader(rest, delimiter=settings.delimiter, strict=True)
        try:
            for cells in reader:
                yield begins + 1, cells
                begins = start + reader.line_num
        except csv.Error as error:
            broken += 1
            refusal = BadInput(f"line {begins + 1} is not CSV: {error}", code="csv_invalid")
            if broken > BROKEN_MAX:
                raise refusal from None
            begins += 1
            yield begins, refusal


def _encoding(data: bytes, settings: Csv) -> str:
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else settings.encoding
    return "utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding


def _escapes(encoding: str) -> str:
    """Return how letters that stand for undecodable bytes become bytes again."""
    return "surrogatepass" if encoding.lower().startswith("utf-16") else "surrogateescape"


def _decoded(data: bytes, encoding: str, settings: Csv) -> str:
    try:
        return data.decode(encoding, errors="surrogateescape")
    except (UnicodeError, LookupError):
        raise BadInput(
            f"the file is not {settings.encoding}: set folder.csv.encoding to what it is, for example cp949",
            code="encoding_wrong",
        ) from None


def _columns(header: list[str], settings: Csv) -> dict[str, int]:
    """Return our column name -> where it stands."""
    found = {title.strip().lower(): place for place, title in enumerate(header)}
    wanted = {name: settings.columns.get(name, name).strip().lower() for name in NAMES}
    columns = {name: found[title] for name, title in wanted.items() if title in found}
    missing = [wanted[name] for name in NEEDED if name not in columns]
    if missing:
        raise BadInput(
            f"the header has no column {', '.join(missing)}: add it, name it in folder.csv.columns, or set "
            "folder.csv.delimiter to what the file uses",
            code="columns_missing",
        )
    return columns


def _row(
    group: list[tuple[int, list[str]]],
    header: list[str],
    columns: dict[str, int],
    settings: Csv,
    encoding: str,
) -> Row:
    """Return a receipt's rows as one; its place is where it begins, so that it keeps it when rows come."""
    place = f"line {group[0][0]}"
    raw = _raw([header, *(cells for _, cells in group)], settings, encoding)
    try:
        for number, cells in group:
            _check_cells(number, cells, header)
        items = [
            (number, {name: cells[place].strip() for name, place in columns.items()})
            for number, cells in group
        ]
        return Row(place=place, raw=raw, receipt=_handed_in(items, settings))
    except BadInput as error:
        return Row(place=place, raw=raw, refusal=error)


def _raw(table: list[list[str]], settings: Csv, encoding: str) -> bytes:
    """Return the rows as a file of their own, in the encoding in which they came."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=settings.delimiter, lineterminator="\n").writerows(table)
    return text.getvalue().encode(encoding, _escapes(encoding))


def _check_cells(number: int, cells: list[str], header: list[str]) -> None:
    if len(cells) != len(header):
        raise BadInput(
            f"line {number} has {len(cells)} cells, the header {len(header)}: is the line cut off?",
            code="row_cut",
        )
    if _UNDECODED.search("".join(cells)):
        raise BadInput(
            f"line {number} is not in the expected encoding: set folder.csv.encoding, for example to cp949",
            code="encoding_wrong",
        )


def _handed_in(items: list[tuple[int, _Cells]], settings: Csv) -> HandedIn:
    number, head = items[0]
    return _total(number, head, settings) if head.get("kind") == "day_total" else _receipt(items, settings)


def _total(number: int, cells: _Cells, settings: Csv) -> DayTotalIn:
    count = cells.get("quantity", "")
    if not (count.isascii() and count.isdecimal() and len(count) <= 9):
        raise BadInput(
            f'line {number}: quantity "{shown(count)}" is not a number of receipts', code="amount_impossible"
        )
    date = local_date(cells.get("business_date", ""), number, settings)
    if date is None:
        raise BadInput(f"line {number}: a day_total needs its business_date", code="receipt_invalid")
    said_at = cells["occurred_at"]
    return DayTotalIn(
        kind="day_total",
        receipt=TillDay(store=cells["store"], till=cells["till"], business_date=date),
        count=int(count),
        net_minor=minor_units(cells.get("net_minor", ""), number, settings),
        occurred_at=local_time(said_at, number, settings) if said_at else None,
    )


def _receipt(items: list[tuple[int, _Cells]], settings: Csv) -> Receipt:
    number, head = items[0]
    named = head.get("kind") or "purchase"
    kind = next((known for known in _KINDS if known == named), None)
    if kind is None:
        raise BadInput(
            f'line {number}: kind "{shown(named)}" is none of {", ".join(_KINDS)}, day_total',
            code="receipt_invalid",
        )
    common = [name for name in ("occurred_at", "member", "original") if name in head]
    for other, cells in items[1:]:
        for name in common:
            if cells[name] != head[name]:
                raise BadInput(
                    f"lines {number} and {other} are of one receipt but differ in {name}", code="rows_differ"
                )
    receipt = Receipt(
        kind=kind,
        receipt=Key(
            store=head["store"],
            till=head["till"],
            number=head["number"],
            business_date=local_date(head.get("business_date", ""), number, settings),
        ),
        occurred_at=local_time(head["occurred_at"], number, settings),
        member=head.get("member") or None,
        original=receipt_key(head.get("original", ""), number),
    )
    if kind in {"visit", "void"}:
        return receipt
    amounts = [minor_units(cells.get("net_minor", ""), line, settings) for line, cells in items]
    tenders: dict[str, int] = {}
    for (_, cells), net in zip(items, amounts, strict=True):
        if cells.get("tender"):
            tenders[cells["tender"]] = tenders.get(cells["tender"], 0) + net
    return msgspec.structs.replace(
        receipt,
        net_minor=sum(amounts),
        lines=[
            _line(place, line, cells, net, settings)
            for place, ((line, cells), net) in _numbered(items, amounts)
        ],
        tenders=[TenderIn(type=name, amount_minor=amount) for name, amount in tenders.items()],
    )


def _numbered(
    items: list[tuple[int, _Cells]], amounts: list[int]
) -> Iterator[tuple[int, tuple[tuple[int, _Cells], int]]]:
    """Number the items from 1; a receipt of one row that names no item has no lines."""
    if len(items) == 1 and not any(items[0][1].get(name) for name in ("line", "sku", "category")):
        return iter(())
    return enumerate(zip(items, amounts, strict=True), start=1)


def _line(place: int, number: int, cells: _Cells, net: int, settings: Csv) -> LineIn:
    text = cells.get("line") or str(place)
    if not text.isdecimal() or len(text) > 9:
        raise BadInput(f'line {number}: line "{shown(text)}" is not a number', code="receipt_invalid")
    quantity = decimal(cells.get("quantity") or "1", "quantity", number, settings)
    return LineIn(
        number=int(text),
        net_minor=net,
        sku=cells.get("sku", ""),
        category=cells.get("category", ""),
        quantity=quantity,
    )
