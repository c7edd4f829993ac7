"""The lines of a POSLog transaction: what was sold or came back and stands, and what it was paid with."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from xml.etree.ElementTree import Element

import msgspec

from edge_agent.pos_adapter.poslog.cells import Money, number
from edge_agent.pos_adapter.poslog.tree import attribute, children, flag, local, text
from edge_agent.pos_adapter.receipt import LineIn, TenderIn

_KINDS: Final = {
    "cash": "cash",
    "creditdebit": "card",
    "credit": "card",
    "debit": "card",
    "creditcard": "card",
    "debitcard": "card",
    "card": "card",
    "giftcard": "gift_card",
    "giftcertificate": "gift_card",
    "storedvalue": "gift_card",
    "storedvaluecard": "gift_card",
    "loyaltypoints": "points",
    "loyalty": "points",
    "points": "points",
    "voucher": "voucher",
    "check": "check",
    "cheque": "check",
    "coupon": "coupon",
    "manufacturercoupon": "coupon",
}
"""Tender types of ARTS in our words: those that a programme leaves out (points, gift_card) must be known."""
_WORD: Final = re.compile(r"[^a-z0-9]+")
_THOUSANDTH: Final = Decimal("0.001")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line as it is written: what came back has an amount and a quantity below zero."""

    number: int
    is_return: bool
    is_void: bool
    sku: str
    category: str
    quantity: Decimal
    net_minor: int
    link: Element | None

    def line(self, *, turned: bool) -> LineIn:
        """Return it as a line; `turned` the other way round, as a return says what came back."""
        sign = -1 if turned else 1
        return LineIn(
            number=self.number,
            net_minor=sign * self.net_minor,
            sku=self.sku,
            category=self.category,
            quantity=f"{(sign * self.quantity).normalize():f}",
        )


def lines(retail: Element, money: Money) -> list[Item]:
    """Return the lines that stand: of what was voided neither the line nor what makes up for it.

    A voided line is written as one that makes up for another (below zero), as one that is to be passed over,
    or not at all.
    """
    stands: dict[int, Item] = {}
    places: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    voided: Counter[tuple[object, ...]] = Counter()
    for place, element in enumerate(children(retail, "LineItem"), start=1):
        item = _item(place, element, money)
        if item is None:
            continue
        same = (item.sku, item.is_return, item.quantity, item.net_minor)
        made_up = (item.sku, item.is_return, -item.quantity, -item.net_minor)
        if not item.is_void:
            stands[place] = item
            places[same].append(place)
        elif item.net_minor == 0 or (item.net_minor < 0) == item.is_return:
            voided[same] += 1
        elif voided[made_up]:
            voided[made_up] -= 1
        elif places[made_up]:
            del stands[places[made_up].pop()]
    return [*stands.values()]


def tenders(retail: Element, money: Money) -> list[TenderIn]:
    """Return what it was paid with, change and refunds below zero."""
    stands: dict[int, TenderIn] = {}
    place = 0
    places: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for element in children(retail, "LineItem"):
        for tender in children(element, "Tender"):
            kind = tender_kind(attribute(tender, "TenderType") or text(tender, "TenderType"))
            is_void = flag(element, "VoidFlag") or flag(tender, "VoidFlag")
            for amount in _paid(tender, money):
                place += 1
                if not is_void:
                    stands[place] = TenderIn(type=kind, amount_minor=amount)
                    places[kind, amount].append(place)
                elif amount < 0 and places[kind, -amount]:
                    del stands[places[kind, -amount].pop()]
    return [*stands.values()]


def tender_kind(said: str) -> str:
    """Return our word for a tender type; one that is not known as it is, in small letters."""
    plain = _WORD.sub("", local(said).lower())
    return _KINDS.get(plain) or _WORD.sub("_", local(said).lower()).strip("_") or "other"


def _paid(tender: Element, money: Money) -> Iterator[int]:
    said = text(tender, "Amount")
    amount = money.about(said, "Tender/Amount") if said else 0
    if attribute(tender, "TypeCode").lower() == "refund":
        amount = -abs(amount)
    if amount:
        yield amount
    change = text(tender, "TenderChange", "Amount")
    if amount > 0 and change:
        yield -abs(money.about(change, "TenderChange/Amount"))


def _item(place: int, element: Element, money: Money) -> Item | None:
    sold = next((one for one in element if one.tag in {"Sale", "Return"}), None)
    if sold is None:
        return None
    said = text(sold, "ExtendedAmount")
    net = money.about(said, f"line {place} ExtendedAmount") if said else 0
    quantity = _quantity(sold, place)
    is_void = flag(element, "VoidFlag") or flag(sold, "VoidFlag")
    is_return = sold.tag == "Return" or (quantity < 0 and not is_void)
    if is_return and not is_void:
        net, quantity = -abs(net), -abs(quantity)
    elif sold.tag == "Return":
        net, quantity = -net, -quantity
    return Item(
        number=_line_number(element, place),
        is_return=is_return,
        is_void=is_void,
        sku=text(sold, "POSIdentity", "POSItemID") or text(sold, "ItemID"),
        category=_category(sold),
        quantity=quantity,
        net_minor=net,
        link=next((one for up in (sold, element) for one in children(up, "TransactionLink")), None),
    )


def _quantity(sold: Element, place: int) -> Decimal:
    said = text(sold, "Quantity")
    if not said:
        return Decimal(1)
    return number(said, f"line {place} Quantity").quantize(_THOUSANDTH, ROUND_HALF_UP)


def _line_number(element: Element, place: int) -> int:
    said = text(element, "SequenceNumber")
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= 9 else place


def _category(sold: Element) -> str:
    """Return what the item is among: its department, or the first that is said and is no rate of tax."""
    found = list(children(sold, "MerchandiseHierarchy"))
    named = [one for one in found if attribute(one, "Level").lower() == "department"]
    plain = [one for one in found if attribute(one, "ID").lower() != "tax"]
    return next((text(one) for one in (*named, *plain) if text(one)), "")
