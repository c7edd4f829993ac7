"""POSLog XML of ARTS (v2 and v6): a transaction -> a receipt, a day's total, or why it counts nothing.

Vendors agree on names and little else. What is believed: the grand total (lines leave out discounts), the
time of its end, the number of its sequence. A void names what it voids in `TransactionLink`; what has the
status `Replaced` is the corrected receipt that stands in its place.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal
from xml.etree.ElementTree import Element

import msgspec

from edge_agent.config import PosLog
from edge_agent.pos_adapter.poslog import totals
from edge_agent.pos_adapter.poslog.cells import Money, business_date, moment, money
from edge_agent.pos_adapter.poslog.lines import Item, lines, tenders
from edge_agent.pos_adapter.poslog.stream import TRANSACTION_MAX, Piece, ends_inside, pieces
from edge_agent.pos_adapter.poslog.tree import attribute, child, children, flag, local, text, tree
from edge_agent.pos_adapter.receipt import Key, Receipt, TenderIn
from edge_agent.pos_adapter.rows import Here, Row
from loyalty_core.errors import BadInput

VOIDS: Final = frozenset({"void", "voided", "postvoid", "postvoided", "voidedtransaction"})
"""What a link to the transaction that it voids has as its reason."""
_UNSAID: Final = frozenset({""})
REPLACES: Final = frozenset({"replace", "replaced", "replacement", "correct", "corrected"})
RETURNS: Final = frozenset({"return", "returned", "refund", "exchange"})
_PASSED: Final = {
    "suspended": "suspended",
    "suspendeddeleted": "aborted",
    "inprocess": "unfinished",
    "voided": "aborted",
    "canceled": "aborted",
    "cancelled": "aborted",
    "aborted": "aborted",
    "failed": "aborted",
}
"""What a transaction's status says that no sale is."""


def rows(file: BinaryIO, here: Here, *, settings: PosLog) -> Iterator[Row]:
    """Yield the transactions of a file, in order.

    Raises:
        BadInput: `xml_dtd`, `poslog_missing`.
    """
    for number, piece in enumerate(pieces(file), start=1):
        yield from _rows(f"transaction {number}", piece, here, settings)


def is_unfinished(file: BinaryIO) -> bool:
    """Tell whether the file ends inside of something: of a tag, or of a transaction."""
    file.seek(max(0, file.seek(0, io.SEEK_END) - TRANSACTION_MAX))
    last = file.read(TRANSACTION_MAX)
    return ends_inside(last)


def _rows(place: str, piece: Piece, here: Here, settings: PosLog) -> Iterator[Row]:
    declared = f'<?xml version="1.0" encoding="{piece.encoding}"?>'.encode() if piece.encoding else b""
    raw = declared + piece.raw
    try:
        if piece.is_cut or piece.is_too_long:
            raise _partial(piece)
        found, odd = tree(piece.raw, piece.encoding)
        for read in _read(found, here, settings):
            where = place + read.place
            yield msgspec.structs.replace(read, place=where, raw=raw, notices=odd + read.notices)
    except BadInput as error:
        yield Row(place=place, raw=raw, refusal=error)


def _partial(piece: Piece) -> BadInput:
    if piece.is_cut:
        return BadInput(
            "the transaction has no begin or no end: hand the file in again when it is whole",
            code="transaction_cut",
        )
    return BadInput(
        f"the transaction has more than {TRANSACTION_MAX} bytes: no receipt is that long",
        code="receipt_too_large",
    )


def _read(transaction: Element, here: Here, settings: PosLog) -> Iterator[Row]:
    """Yield what a transaction is; its place and bytes are for the caller to say.

    Raises:
        BadInput: what is wrong with it.
    """
    retail = child(transaction, "RetailTransaction")
    if len(children(transaction, "RetailTransaction")) > 1:
        raise BadInput(
            "there are several RetailTransaction elements in one transaction, which has one number: hand in "
            "each in a transaction of its own",
            code="receipt_invalid",
        )
    status = local(
        attribute(retail, "TransactionStatus") or attribute(transaction, "TransactionStatus")
    ).lower()
    if flag(transaction, "TrainingModeFlag") or flag(retail, "TrainingModeFlag"):
        yield _passed("training")
    elif flag(transaction, "CancelFlag") or flag(retail, "CancelFlag"):
        yield _passed("aborted")
    elif status in _PASSED:
        yield _passed(_PASSED[status])
    elif retail is None:
        yield _other(transaction, here, settings)
    else:
        yield from _Sale(transaction, retail, here, settings).rows(status)


def _other(transaction: Element, here: Here, settings: PosLog) -> Row:
    """Return the day's total that what is no sale says, or pass it over."""
    store = _store(transaction, settings) or here.store_id
    total = totals.day_total(transaction, store, text(transaction, "WorkstationID"), here.currency)
    return _passed("control") if total is None else Row(place="", raw=b"", receipt=total)


def _passed(why: str) -> Row:
    return Row(place="", raw=b"", passed=why)


def _store(element: Element, settings: PosLog) -> str:
    """Return the store that an element names, by our name for it; "" where it names none."""
    units = list(children(element, "BusinessUnit"))
    stores = [unit for unit in units if "store" in attribute(child(unit, "UnitID"), "TypeCode").lower()]
    named = [text(element, "RetailStoreID"), *(text(unit, "UnitID") for unit in (*stores, *units))]
    said = next((one for one in named if one), "")
    return settings.stores.get(said, said)


class _Sale:
    """A retail transaction: a purchase, a return, or the void of one."""

    def __init__(self, transaction: Element, retail: Element, here: Here, settings: PosLog) -> None:
        self._retail, self._here, self._settings = retail, here, settings
        self._transaction = transaction
        self._date = business_date(transaction)
        self._at, self._odd = moment(transaction, here.zone)
        self._key = self._named(transaction, None)

    def rows(self, status: str) -> Iterator[Row]:
        """Yield the void of what it is a link to, where it is one, and what was sold or came back.

        Raises:
            BadInput: what is wrong with it.
        """
        voided = self._linked(VOIDS)
        if status in VOIDS or (voided is not None and status not in REPLACES):
            yield self._row(self._receipt("void", original=voided or self._linked(_UNSAID)))
            return
        replaced = voided or self._linked(REPLACES)
        if replaced is not None:
            void = self._row(self._receipt("void", original=replaced))
            yield msgspec.structs.replace(void, place=", what it replaces")
        unit = money(self._transaction, self._retail, self._here.currency)
        items, paid = lines(self._retail, unit), tenders(self._retail, unit)
        total, odd = self._total(unit, items, paid)
        self._odd += odd
        if not items and not total:
            yield _passed("aborted")
            return
        is_return = total < 0 or (not total and bool(items) and all(item.is_return for item in items))
        yield self._row(
            self._return(unit, total, items, paid) if is_return else self._sold(unit, total, items, paid)
        )

    def _row(self, receipt: Receipt) -> Row:
        return Row(place="", raw=b"", receipt=receipt, notices=self._odd)

    def _receipt(
        self, kind: Literal["purchase", "return", "void"], *, original: Key | None = None
    ) -> Receipt:
        return Receipt(
            kind=kind,
            receipt=self._key,
            occurred_at=self._at,
            member=self._member(),
            original=original,
        )

    def _sold(self, unit: Money, total: int, items: list[Item], paid: list[TenderIn]) -> Receipt:
        return msgspec.structs.replace(
            self._receipt("purchase"),
            currency=unit.currency,
            net_minor=total,
            tax_minor=self._tax(unit),
            lines=[item.line(turned=False) for item in items],
            tenders=paid,
        )

    def _return(self, unit: Money, total: int, items: list[Item], paid: list[TenderIn]) -> Receipt:
        """Return what came back. With goods that were sold beside, it is the difference that came back."""
        back = [item for item in items if item.is_return]
        if len(back) < len(items):
            self._odd += ("goods were sold beside what came back: the difference is taken, without lines",)
            back = []
        return msgspec.structs.replace(
            self._receipt("return", original=self._returned_of(items)),
            currency=unit.currency,
            net_minor=abs(total),
            tax_minor=self._tax(unit),
            lines=[item.line(turned=True) for item in back],
            tenders=[TenderIn(type=one.type, amount_minor=-one.amount_minor) for one in paid],
        )

    def _total(self, unit: Money, items: list[Item], paid: list[TenderIn]) -> tuple[int, tuple[str, ...]]:
        """Return the grand total; where none is said what was paid, or else what the lines come to."""
        totals = [one for one in children(self._retail, "Total") if not attribute(one, "TypeCode")]
        for wanted in ("TransactionGrandAmount", "", "TransactionNetAmount"):
            for one in totals:
                if local(attribute(one, "TotalType")) == wanted and text(one):
                    total = unit.minor(text(one), f"Total {wanted}".strip())
                    return self._signed(total, items), ()
        if paid:
            return sum(one.amount_minor for one in paid), ("it says no total: what was paid is taken",)
        if items:
            return sum(item.net_minor for item in items), ("it says no total: the sum of the lines is taken",)
        return 0, ()

    def _signed(self, total: int, items: list[Item]) -> int:
        """Return a total below zero where all that there is came back, whatever sign its till gives it."""
        if total > 0 and items and all(item.is_return for item in items):
            self._odd += ("all its lines came back, but its total is above zero: it is taken as a return",)
            return -total
        return total

    def _tax(self, unit: Money) -> int:
        for one in children(self._retail, "Total"):
            if local(attribute(one, "TotalType")) in {
                "TransactionTaxAmount",
                "TransactionTaxIncluded",
            } and text(one):
                return abs(unit.about(text(one), "tax"))
        return 0

    def _member(self) -> str | None:
        """Return whose sale it is; where several are named, the first."""
        found = [one for one in members(self._retail) if one.strip("0")]
        if len(set(found)) > 1:
            self._odd += ("it names several members: the first is taken",)
        return found[0] if found else None

    def _named(self, element: Element, otherwise: Key | None) -> Key:
        """Return the receipt that an element names; what it leaves out is as in another one.

        Raises:
            BadInput: `till_missing`, `receipt_number_missing`.
        """
        till = text(element, "WorkstationID") or (otherwise.till if otherwise else "")
        number = _number(element) or text(child(element, "RetailTransaction"), "ReceiptNumber")
        if not till:
            raise BadInput("it has no WorkstationID: of which till is it?", code="till_missing")
        if not number:
            raise BadInput(
                "it has no SequenceNumber, ReceiptNumber or TransactionID: a receipt needs a number",
                code="receipt_number_missing",
            )
        store = _store(element, self._settings) or (otherwise.store if otherwise else self._here.store_id)
        return Key(store=store, till=till, number=number, business_date=business_date(element) or self._date)

    def _linked(self, reasons: frozenset[str]) -> Key | None:
        """Return the receipt to which it is linked for one of these reasons."""
        for up in (self._retail, self._transaction):
            for link in children(up, "TransactionLink"):
                if local(attribute(link, "ReasonCode")).lower() in reasons:
                    return self._named(link, self._key)
        return None

    def _returned_of(self, items: list[Item]) -> Key | None:
        """Return the receipt of which goods came back, None where none or several are named."""
        links = {
            self._named(item.link, self._key)
            for item in items
            if item.link is not None and item.is_return and _number(item.link)
        }
        if not links:
            return self._linked(RETURNS)
        if len(links) > 1:
            self._odd += ("goods of several receipts came back: none is named as the original",)
            return None
        return links.pop()


def _number(element: Element) -> str:
    """Return the number of the receipt that an element names, "" where it names none."""
    numbers = ("SequenceNumber", "ReceiptNumber", "TransactionID")
    return next((text(element, name) for name in numbers if text(element, name)), "")


def members(retail: Element) -> Iterator[str]:
    """Yield the cards and numbers that a transaction names as its member's, the likeliest first."""
    for element in retail.iter():
        if element.tag == "LoyaltyMembership":
            yield from (text(one) for one in children(element, "LoyaltyID") if text(one))
    for account in children(retail, "LoyaltyAccount"):
        for element in account.iter():
            if element.tag in {"LoyaltyAccountID", "PrimaryAccountNumber", "LoyaltyID"} and text(element):
                yield text(element)
    for customer in children(retail, "Customer"):
        yield from (text(one) for one in children(customer, "CustomerID") if text(one))
