"""What is left of a basket: line by line, or by amount, as exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from loyalty_core.events import Line, PurchaseRecorded, ReturnRecorded

Money = tuple[tuple[str, Fraction], ...]
"""(category, net) of what is left."""


class Taken(NamedTuple):
    """How a return went: whether it asked for more than was left, and for goods that were not there."""

    exceeds: bool
    unmatched: bool


def pieces(line: Line) -> int:
    """Return the quantity of a line in thousandths: one that says 0 is one piece."""
    return line.quantity or 1000


class Basket:
    """A purchase while it is taken apart. What its lines do not add up to is loose money without category."""

    def __init__(self, sale: PurchaseRecorded) -> None:
        self.lines = sale.lines
        self.left = [pieces(line) for line in sale.lines]
        self.loose = Fraction(sale.net_minor - sum(line.net_minor for line in sale.lines))
        self.tenders: dict[str, int] = {}
        for tender in sale.tenders:
            self.tenders[tender.type] = self.tenders.get(tender.type, 0) + tender.amount_minor
        self.voided = self.taken_by_line = self.taken_by_amount = self._moved = False

    def money(self) -> Money:
        """Return what is left, line by line."""
        rows = zip(self.lines, self.left, strict=True)
        parts = [
            (line.category, Fraction(line.net_minor * left, pieces(line))) for line, left in rows if left
        ]
        if self.loose or not self.lines:
            parts.append(("", self.loose))
        return tuple(parts)

    def is_gone(self) -> bool:
        """Tell whether nothing remains: voided, all goods back, or (by amount) no money left."""
        goods = [
            left
            for line, left in zip(self.lines, self.left, strict=True)
            if pieces(line) > 0 and line.net_minor >= 0
        ]
        all_back = self.taken_by_line and not any(goods)
        return self.voided or all_back or (self.taken_by_amount and self._worth() <= 0)

    def void(self) -> None:
        """Leave nothing."""
        self.voided = True

    def take(self, back: ReturnRecorded) -> Taken:
        """Take a return out. What is refunded lowers what was paid in the same tender."""
        if self.is_gone():
            return Taken(exceeds=True, unmatched=False)
        taken = self._take_amount(back) if not back.lines or not self.lines else self._take_lines(back)
        if self._moved:
            for tender in back.tenders:
                paid = self.tenders.get(tender.type, 0)
                if paid > 0 and tender.amount_minor > 0:
                    self.tenders[tender.type] = max(0, paid - tender.amount_minor)
        return taken

    def _worth(self) -> Fraction:
        return sum((net for _, net in self.money()), Fraction(0))

    def _take_amount(self, back: ReturnRecorded) -> Taken:
        asked = Fraction(max(0, back.net_minor))
        there = max(Fraction(0), self._worth())
        given = min(asked, there)
        self.loose -= given
        self._moved = given > 0
        self.taken_by_amount |= asked > 0
        return Taken(exceeds=asked > given, unmatched=False)

    def _take_lines(self, back: ReturnRecorded) -> Taken:
        exceeds = unmatched = self._moved = False
        for wanted in back.lines:
            rest = pieces(wanted)
            rows = self._fitting(wanted)
            unmatched |= not rows
            for row in rows:
                given = min(rest, self.left[row])
                self.left[row] -= given
                rest -= given
                self._moved |= given > 0
            exceeds |= bool(rows) and rest > 0
        self.taken_by_line |= self._moved
        return Taken(exceeds, unmatched)

    def _fitting(self, wanted: Line) -> list[int]:
        """Return the lines of the sku: of the same unit price, then of the same number, then the first."""
        rows = [
            row
            for row, line in enumerate(self.lines)
            if wanted.sku and line.sku == wanted.sku and pieces(line) > 0
        ]

        def rank(row: int) -> tuple[bool, bool, int]:
            line = self.lines[row]
            same_price = line.net_minor * pieces(wanted) == wanted.net_minor * pieces(line)
            return not same_price, line.number != wanted.number, row

        return sorted(rows, key=rank)
