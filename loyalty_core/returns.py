"""What remains of a purchase after each return: lines, parts of lines, loose money and tenders.

Lines match by sku; of several, those of the same unit price come first, then those of the same number, then
the others in order. What a line cannot give back the next one may; what none can takes nothing. What remains
of a line is net x remaining / sold, kept exact: nothing is rounded here.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Container, Iterable, Iterator
from fractions import Fraction
from typing import Final

import msgspec

from loyalty_core.events import Line, PurchaseRecorded, ReturnRecorded, Tender

PIECE: Final = 1000
"""A quantity of 0 counts as one piece, in thousandths."""
Part = tuple[str, int, int, int]
"""(category, net minor, remaining, sold): of this line, net x remaining / sold is left."""


class Left(msgspec.Struct, frozen=True):
    """One line and how much of it remains; quantities in thousandths."""

    line: Line
    remaining: int

    @property
    def sold(self) -> int:
        """How much of it can come back: nothing of what was itself a return."""
        return max(0, self.line.quantity or PIECE)

    @property
    def is_goods(self) -> bool:
        """Tell whether it must come back before nothing remains; discounts need not."""
        return self.sold > 0 and self.line.net_minor >= 0

    @property
    def net(self) -> Fraction:
        """What remains of its money."""
        if not self.sold:
            return Fraction(self.line.net_minor)
        return Fraction(self.line.net_minor * self.remaining, self.sold)


class Remainder(msgspec.Struct, frozen=True):
    """What remains of a purchase. `loose_minor` is the money that is in no line; it may be below 0."""

    lines: tuple[Left, ...]
    loose_minor: int
    tenders: tuple[Tender, ...]
    by_amount: bool = False

    @property
    def total(self) -> Fraction:
        """The money that remains."""
        return self.loose_minor + sum((left.net for left in self.lines), Fraction(0))

    @property
    def is_nothing(self) -> bool:
        """Tell whether all goods are back, or all money is once a return went by amount."""
        goods = [left for left in self.lines if left.is_goods]
        if goods and all(left.remaining == 0 for left in goods):
            return True
        return self.by_amount and self.total <= 0


class Taken(msgspec.Struct, frozen=True):
    """What a return leaves; it may ask for more than was left, or for what was not sold."""

    left: Remainder
    exceeds: bool
    unmatched: bool


def whole(purchase: PurchaseRecorded) -> Remainder:
    """Return a purchase of which nothing has come back."""
    lines = tuple([Left(line, max(0, line.quantity or PIECE)) for line in purchase.lines])
    loose = purchase.net_minor - sum(line.net_minor for line in purchase.lines)
    return Remainder(lines, loose, purchase.tenders)


def after(left: Remainder, back: ReturnRecorded) -> Taken:
    """Return what remains after one return; unless both sides have lines it goes by its net amount.

    What it refunds lowers what was paid in the same tenders, where it takes anything at all.
    """
    by_line = back.lines and left.lines
    taken = _by_line(left, back.lines) if by_line else _by_amount(left, back.net_minor)
    if taken.left == left:
        return taken
    tenders = _refunded(left.tenders, back.tenders)
    remains = msgspec.structs.replace(taken.left, tenders=tenders)
    return msgspec.structs.replace(taken, left=remains)


def money(left: Remainder) -> tuple[tuple[tuple[str, int], ...], tuple[Part, ...]]:
    """Return (category, net minor) of what is whole, and the parts of lines; what is back is left out."""
    kept: list[tuple[str, int]] = []
    parts: list[Part] = []
    for each in left.lines:
        line = each.line
        if each.remaining == each.sold:
            kept.append((line.category, line.net_minor))
        elif each.remaining:
            parts.append((line.category, line.net_minor, each.remaining, each.sold))
    if left.loose_minor or not (kept or parts):
        kept.append(("", left.loose_minor))
    return tuple(kept), tuple(parts)


def _by_amount(left: Remainder, net_minor: int) -> Taken:
    wanted, there = max(0, net_minor), max(Fraction(0), left.total)
    by_amount = left.by_amount or wanted > 0
    if wanted > there:
        return Taken(Remainder((), 0, left.tenders, by_amount), exceeds=True, unmatched=False)
    loose = left.loose_minor - wanted
    return Taken(Remainder(left.lines, loose, left.tenders, by_amount), exceeds=False, unmatched=False)


def _by_line(left: Remainder, back: tuple[Line, ...]) -> Taken:
    lines, exceeds, unmatched = list(left.lines), False, False
    fitting = _Fitting(lines, {asked.sku for asked in back})
    for asked in back:
        wanted = max(0, asked.quantity or PIECE)
        unmatched = unmatched or asked.sku not in fitting.skus
        for places in fitting.of(asked):
            while wanted and places:
                index = places[0]
                given = min(wanted, lines[index].remaining)
                wanted -= given
                lines[index] = Left(lines[index].line, lines[index].remaining - given)
                if not lines[index].remaining:
                    places.popleft()
        exceeds = exceeds or (asked.sku in fitting.skus and wanted > 0)
    return Taken(msgspec.structs.replace(left, lines=tuple(lines)), exceeds, unmatched)


class _Fitting:
    """The places of lines that may give something back, found without looking at all lines for each."""

    def __init__(self, lines: Iterable[Left], skus: Container[str]) -> None:
        self.skus: set[str] = set()
        self._places: dict[tuple[str, Fraction | None, int | None], deque[int]] = defaultdict(deque)
        for place, left in enumerate(lines):
            line = left.line
            if line.sku and line.sku in skus and left.sold:
                self.skus.add(line.sku)
                price = Fraction(line.net_minor, left.sold)
                for key in _keys(line, price):
                    self._places[key].append(place)

    def of(self, asked: Line) -> Iterator[deque[int]]:
        """Yield the places that may give what is asked, the best first; what gives nothing more may be left.

        A place comes again in each later row, which has but those to give whom the earlier ones have not.
        """
        for key in _keys(asked, Fraction(asked.net_minor, asked.quantity or PIECE)):
            yield self._places.get(key, deque())


def _keys(line: Line, price: Fraction) -> tuple[tuple[str, Fraction | None, int | None], ...]:
    """Return under what a line is found: by price and number, by price, by number, by its sku alone."""
    return (
        (line.sku, price, line.number),
        (line.sku, price, None),
        (line.sku, None, line.number),
        (line.sku, None, None),
    )


def _refunded(tenders: tuple[Tender, ...], refunds: tuple[Tender, ...]) -> tuple[Tender, ...]:
    """Return the tenders with the refunds as negative amounts, of each type no more than was paid in it."""
    rows = list(tenders)
    for refund in refunds:
        paid = sum(row.amount_minor for row in rows if row.type == refund.type)
        given = min(refund.amount_minor, paid)
        if given > 0:
            rows.append(Tender(refund.type, -given))
    return tuple(rows)
