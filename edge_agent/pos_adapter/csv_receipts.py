"""The named cells of one receipt's rows -> the receipt, or a day's total."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from edge_agent.config import Csv
from edge_agent.pos_adapter.csv_cells import (
    currency_of,
    decimal,
    local_date,
    local_time,
    minor_units,
    receipt_key,
)
from edge_agent.pos_adapter.handed_in import DayTotalIn, HandedIn, TillDay
from edge_agent.pos_adapter.receipt import Key, LineIn, Receipt, ReceiptKind, TenderIn, shown
from edge_agent.pos_adapter.rows import Here
from loyalty_core.errors import BadInput

Cells = dict[str, str]
"""Our name of a column -> what a row says there."""
Item = tuple[int, Cells]
"""A row with the line on which it begins."""
_KINDS: Final[tuple[ReceiptKind, ...]] = ("purchase", "return", "void", "visit")
_THOUSANDTH: Final = Decimal("0.001")
_COMMON: Final = ("member", "original", "total", "currency", "status")
"""What all rows of a receipt must say alike."""
_TIME: Final = ("occurred_at", "date", "clock", "zone")
"""Where a row says when it was."""


class Receipts:
    """Makes receipts as the settings say."""

    def __init__(self, settings: Csv, here: Here) -> None:
        self._settings, self._here = settings, here

    def handed_in(self, items: list[Item]) -> tuple[HandedIn, tuple[str, ...]]:
        """Return what the rows of one receipt say, and what is odd about it.

        Raises:
            BadInput: it cannot be read.
        """
        number, head = items[0]
        if head.get("kind") == "day_total":
            return self._total(number, head), ()
        return self._receipt(items)

    def _store(self, cells: Cells) -> str:
        return cells.get("store") or (self._here.store_id if self._settings.mapping else "")

    def _at(self, number: int, cells: Cells) -> tuple[str, tuple[str, ...]]:
        said = cells.get("occurred_at") or f"{cells.get('date', '')} {cells.get('clock', '')}".strip()
        return local_time(said, number, self._settings, cells.get("zone", ""))

    def _total(self, number: int, cells: Cells) -> DayTotalIn:
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
            currency=cells.get("currency") or self._beside([cells]),
            occurred_at=self._at(number, cells)[0] if cells.get("occurred_at") else None,
        )

    def _when(self, items: list[Item]) -> tuple[str, tuple[str, ...]]:
        """Return when a receipt was: at the time of its last row, should each have its own."""
        number, head = items[0]
        at, odd = self._at(number, head)
        told = [name for name in _TIME if name in head]
        own = [one for one in items[1:] if [one[1][name] for name in told] != [head[name] for name in told]]
        if not own:
            return at, odd
        times = sorted({at, *(self._at(line, cells)[0] for line, cells in own)})
        if len(times) > 1:
            odd += (f"its rows are of times from {times[0]} to {times[-1]}: the last is taken",)
        return times[-1], odd

    def _receipt(self, items: list[Item]) -> tuple[Receipt, tuple[str, ...]]:
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
            currency=head.get("currency") or self._beside([cells for _, cells in items]),
            original=receipt_key(head.get("original", ""), number),
        )
        if kind in {"visit", "void"}:
            return receipt, odd
        return self._with_money(receipt, items), odd

    def _beside(self, rows: list[Cells]) -> str | None:
        """Return the currency that stands beside the amounts; if one is not the programme's, that one."""
        amounts = [cells.get(name, "") for cells in rows for name in ("total", "net_minor", "gross")]
        found = {code for code in map(currency_of, amounts) if code}
        return next((code for code in sorted(found) if code != self._here.currency), None)

    def _with_money(self, receipt: Receipt, items: list[Item]) -> Receipt:
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

    def _net(self, cells: Cells, line: int) -> int:
        if "net_minor" in cells or "gross" not in cells:
            said = cells.get("net_minor") or ("0" if cells.get("total") else "")
            return minor_units(said, "net_minor", line, self._settings)
        less = minor_units(cells.get("discount") or "0", "discount", line, self._settings)
        gross = minor_units(cells["gross"], "gross", line, self._settings)
        return gross - abs(less) if gross >= 0 else gross + abs(less)

    def _line(self, place: int, number: int, cells: Cells, net: int) -> LineIn:
        text = cells.get("line") or str(place)
        if not text.isdecimal() or len(text) > 9:
            raise BadInput(f'line {number}: line "{shown(text)}" is not a number', code="receipt_invalid")
        quantity = decimal(cells.get("quantity") or "1", "quantity", number, self._settings)
        if len(quantity.partition(".")[2]) > 3:  # as scales weigh
            quantity = f"{Decimal(quantity).quantize(_THOUSANDTH, ROUND_HALF_UP):f}"
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


def _numbered(items: list[Item], amounts: list[int]) -> Iterator[tuple[int, tuple[Item, int]]]:
    """Number the items from 1; a receipt of one row that names no item has no lines."""
    if len(items) == 1 and not any(items[0][1].get(name) for name in ("line", "sku", "category")):
        return iter(())
    return enumerate(zip(items, amounts, strict=True), start=1)
